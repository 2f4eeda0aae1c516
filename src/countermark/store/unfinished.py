"""A folder of results that long work fills: what is not finished yet stands in a folder inside it, and a
run that was killed is resumed by asking the same again."""

import fcntl
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from countermark.errors import Error
from countermark.records.files import TEMPORARY, remove_left_overs, write_atomic

UNFINISHED = ".unfinished"
_REQUEST = "request.json"


@contextmanager
def unfinished(out: Path, request: Mapping[str, Any], ours: Collection[str], last: str) -> Iterator[Path]:
    """The folder to work in, for this process alone, with what an earlier run of the same request left.

    `ours` are the files that `out` may hold, `last` the one that makes it whole; when it has been written,
    the working folder goes. It is for its owner alone. Raises `Error` when another run works there, when
    `out` holds a whole result or something else, and when what was begun there was another request.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise Error(f"{out} cannot be made: {error.strerror}") from None
    try:
        _lock(descriptor, out)
        _check(out, ours, last)
        folder = out / UNFINISHED
        folder.mkdir(mode=0o700, exist_ok=True)
        _check_request(folder, request)
        remove_left_overs(out)
        for inner in (path for path in folder.rglob("*") if path.is_dir()):
            remove_left_overs(inner)
        yield folder
        if (out / last).exists():
            shutil.rmtree(folder)
    finally:
        os.close(descriptor)


def take_finished(out: Path, last: str) -> bool:
    """Whether a run was killed after its last file was written; then its left-overs are removed."""
    if not (out / last).exists() or not (out / UNFINISHED).exists():
        return False
    shutil.rmtree(out / UNFINISHED)
    return True


def _lock(descriptor: int, out: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Error(
            f"another run is writing to {out}", hint="wait for it, or choose another folder"
        ) from None


def _check(out: Path, ours: Collection[str], last: str) -> None:
    hint = "give --out a new folder"
    if (out / last).exists():
        raise Error(f"{out} holds a whole result already", hint=hint)
    names = sorted(path.name for path in out.iterdir())
    foreign = [name for name in names if name not in {*ours, UNFINISHED} and not name.startswith(TEMPORARY)]
    if foreign:
        raise Error(f"{out} holds other files ({foreign[0]})", hint=hint)


def _check_request(folder: Path, request: Mapping[str, Any]) -> None:
    path = folder / _REQUEST
    if not path.exists():
        if any(folder.iterdir()) and not all(one.name.startswith(TEMPORARY) for one in folder.iterdir()):
            raise Error(f"{folder} is not what a killed run leaves", hint="give --out a new folder")
        write_atomic(path, json.dumps(request).encode(), 0o600)
        return
    try:
        before = json.loads(path.read_bytes())
    except ValueError:
        before = {}
    now = json.loads(json.dumps(request))
    other = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if other:
        raise Error(
            f"what was begun in {folder.parent} was asked otherwise: {', '.join(other)}",
            hint="the same command resumes it; another one needs another --out",
        )
