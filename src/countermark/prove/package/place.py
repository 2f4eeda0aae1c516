"""Put a package in its place: all that is written before lies in one folder beside it, `.partial-…`.

A killed run leaves the package of before, the new one or none, and that folder, which nobody reads. The next
run to the same place takes it away; where the killed run had moved the package of before into it, that
package goes back first.
"""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from countermark.records.files import TEMPORARY, sync_folder

_OLD = "old"
_RANDOM_BYTES = 6


def recover(out: Path) -> None:
    """Take away what killed runs left beside `out`; put back the package that one was about to replace.

    What a run that goes on has made is left alone.
    """
    name = re.compile(f"{re.escape(TEMPORARY)}[0-9a-f]{{{2 * _RANDOM_BYTES}}}-{re.escape(out.name)}")
    if not out.parent.is_dir():
        return
    for work in [one for one in out.parent.iterdir() if name.fullmatch(one.name)]:
        if work.is_symlink() or not work.is_dir():
            continue
        descriptor = os.open(work, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.lexists(work / _OLD) and not os.path.lexists(out):
                (work / _OLD).rename(out)
                sync_folder(out.parent)
            shutil.rmtree(work)
        except BlockingIOError:
            continue  # of a run that goes on
        finally:
            os.close(descriptor)


@contextmanager
def work_beside(out: Path) -> Iterator[Path]:
    """A folder beside `out`, open to its owner alone, for `put` to take from; it is gone afterwards."""
    work = out.absolute().parent / f"{TEMPORARY}{secrets.token_hex(_RANDOM_BYTES)}-{out.name}"
    work.mkdir(mode=0o700)
    descriptor = os.open(work, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # says that this run goes on
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(descriptor)


def put(building: Path, out: Path) -> None:
    """Rename a file or folder, whole and on the disk, from the folder of `work_beside` to `out`.

    What stood there is replaced: a file by a file at once; else nothing stands there for a moment, in which a
    kill leaves the old one for `recover`.
    """
    old = building.parent / _OLD
    if os.path.lexists(out) and (building.is_dir() or out.is_dir()):
        out.rename(old)
        sync_folder(old.parent)
    try:
        building.rename(out)
    except BaseException:
        if os.path.lexists(old):
            old.rename(out)
        raise
    sync_folder(out.parent)
