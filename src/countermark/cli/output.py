"""Data to standard output, everything else to standard error; progress bars off without a terminal."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from countermark.errors import Error, ExitCode

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != 9}


def printable(text: str) -> str:
    """Text with control characters escaped, so that untrusted input cannot drive the terminal."""
    return text.translate(_CONTROL)


def print_error(message: str, hint: str) -> None:
    """An error is one line, and a hint under it."""
    sys.stderr.write(f"countermark: error: {printable(message)}\n")
    if hint:
        sys.stderr.write(f"countermark: hint: {printable(hint)}\n")


def note(text: str) -> None:
    """Something for the person at the terminal."""
    sys.stderr.write(text + "\n")


def emit(text: str) -> None:
    """A line of data."""
    sys.stdout.write(text + "\n")


def emit_lines(lines: bytes) -> None:
    """Lines of data, as they go into a file."""
    sys.stdout.write(lines.decode())


def keep_inputs(out: Path | None, *inputs: Path | None) -> None:
    """Raise `Error(USAGE)` where `--out` names an input, which writing would replace."""
    for path in inputs:
        if out is not None and path is not None and out.exists() and path.exists() and out.samefile(path):
            raise Error(f"--out {out} is an input", hint="give another name", exit_code=ExitCode.USAGE)


def emit_json(schema: str, value: Mapping[str, Any]) -> None:
    """A JSON document with its versioned schema first."""
    sys.stdout.write(
        json.dumps({"schema": schema, **value}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


class Progress:
    """A progress bar that one calls with (done, total); `total` may be 0 when unknown."""

    def __init__(self, bar: Any, task: Any) -> None:
        self._bar, self._task = bar, task

    def __call__(self, done: float, total: float = 0) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total or None)


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """A bar on standard error while the block runs; nothing when that is no terminal."""
    if not sys.stderr.isatty():
        yield Progress(None, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Progress(bar, bar.add_task(title, total=None))
