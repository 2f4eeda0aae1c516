"""The sources of a run: files, folders and globs, each file once; standard input as a temporary file."""

import glob
import os
import shutil
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.records.capture import CAPTURE_FILE

STDIN = "-"


@dataclass(frozen=True)
class SourceFile:
    """A file to read."""

    path: Path
    name: str
    """What records call it: its name without the folder."""
    explicit: bool
    """Named by the user, not found inside a folder or a glob."""


def find_sources(arguments: Iterable[str], *, out: Path, spool: Path) -> tuple[list[SourceFile], list[str]]:
    """The files that `arguments` mean, in order, and notes for the user (what was given twice).

    Folders are walked in sorted order without hidden files and without EVENTS folders. Standard input goes to
    a file in `spool`. Raises `Error` (exit code 3) for what is not there, (2) for a remote address.
    """
    found: list[SourceFile] = []
    notes: list[str] = []
    seen: set[tuple[int, int]] = set()
    for argument in arguments:
        for source in _expand(argument, out, spool):
            status = source.path.stat()
            if (status.st_dev, status.st_ino) in seen:
                notes.append(f"{source.name} was given twice and is read once")
                continue
            seen.add((status.st_dev, status.st_ino))
            found.append(source)
    if not found:
        raise Error(
            "no source files",
            hint="give log files, folders or - for standard input",
            exit_code=ExitCode.NO_INPUT,
        )
    return found, notes


def _expand(argument: str, out: Path, spool: Path) -> list[SourceFile]:
    if argument == STDIN:
        return [_spooled(spool)]
    if "://" in argument:
        scheme = argument.partition("://")[0]
        hint = "copy it to this machine first; nothing is read over a network"
        raise Error(f"{scheme}:// addresses are not read", hint=hint, exit_code=ExitCode.USAGE)
    path = Path(argument)
    if path.is_dir():
        return _walk(path, out)
    if path.exists():
        if not stat.S_ISREG(path.stat().st_mode):
            raise Error(
                f"{argument} is not a regular file", hint="pipe it in and give -", exit_code=ExitCode.NO_INPUT
            )
        return [SourceFile(path, path.name, explicit=True)]
    matches = [Path(match) for match in sorted(glob.glob(argument, recursive=True))]  # noqa: PTH207 - may be absolute
    files = [SourceFile(match, match.name, explicit=False) for match in matches if match.is_file()]
    if not files:
        raise Error(f"no such file: {argument}", exit_code=ExitCode.NO_INPUT)
    return files


def _walk(top: Path, out: Path) -> list[SourceFile]:
    found = []
    for folder, folders, names in os.walk(top):
        here = Path(folder)
        if CAPTURE_FILE in names or here.resolve() == out.resolve():
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = [here / name for name in sorted(names) if not name.startswith(".")]
        found += [SourceFile(path, path.name, explicit=False) for path in paths if path.is_file()]
    if not found:
        raise Error(f"no files in {top}", exit_code=ExitCode.NO_INPUT)
    return found


def _spooled(spool: Path) -> SourceFile:
    path = spool / "stdin"
    if path.exists():
        return SourceFile(path, "stdin", explicit=True)
    with path.open("xb") as stream:
        shutil.copyfileobj(sys.stdin.buffer, stream, 1 << 20)
    return SourceFile(path, "stdin", explicit=True)
