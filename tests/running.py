"""The commands as a user types them, in this process (a traceback is a failure) or in one of their own."""

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from countermark.cli import main


@dataclass(frozen=True)
class Done:
    """What a command gave."""

    code: int
    out: str
    err: str

    def error(self) -> str:
        """The one error line of a command that failed, with nothing on standard output."""
        lines = [line for line in self.err.splitlines() if line.startswith("countermark: error: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        assert self.out == ""
        return lines[0]


def countermark(*arguments: Path | str) -> Done:
    """Run a command here."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["countermark", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        return Done(int(ended.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = before


def start(*arguments: Path | str, folder: Path) -> "subprocess.Popen[str]":
    """Start a command in a process of its own, with `folder` as the current one."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    line = [sys.executable, "-m", "countermark", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, env=environment, cwd=folder, stdout=pipe, stderr=pipe, text=True)


def in_process_of_its_own(*arguments: Path | str, folder: Path) -> Done:
    """Run a command there."""
    process = start(*arguments, folder=folder)
    out, err = process.communicate(timeout=300)
    return Done(process.returncode, out, err)
