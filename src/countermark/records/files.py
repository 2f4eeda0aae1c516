"""Atomic writes: write beside, fsync, rename. A reader sees the old file or the new one, never a part."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".partial-"
"""Files whose names begin so are left-overs of a killed run; nobody reads them."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is fsynced and renamed onto `path`."""
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(6)}-{path.name}"
    try:
        yield temporary
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write `data` to `path` so that a crash leaves the old content or the new."""
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(6)}-{path.name}"
    try:
        _write(os.open(temporary, _NEW, mode), data, mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def append(path: Path, data: bytes) -> None:
    """Write `data` behind what a file holds, and to the disk."""
    _write(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC), data)


def _write(descriptor: int, data: bytes, mode: int | None = None) -> None:
    """Write all, with this mode if any, to the disk; the file is closed."""
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        if mode is not None:
            os.fchmod(descriptor, mode)  # whatever the umask is
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_left_overs(folder: Path) -> None:
    """Delete the temporary files of a killed run.

    A temporary folder stays: a package or a hold may lie in it for the run that puts it back, or it is of a
    run that goes on.
    """
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
