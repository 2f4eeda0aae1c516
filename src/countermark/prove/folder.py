"""A package as a folder: exactly the files of the bag, no links, no special files, no empty folders."""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from countermark.prove.layout import (
    MAX_MEMBERS,
    MAX_TOTAL_BYTES,
    Contents,
    Member,
    Source,
    check_kept,
    check_name,
    check_names,
    copy_member,
    failed,
    measure,
)
from countermark.records.files import TEMPORARY, sync_folder

_MAX_DEPTH = 8


def read_folder(folder: Path) -> Contents:
    """Read every file once; anything that is not a plain file at a plain name is an error."""
    contents: Contents = {}
    total = 0
    for name in _walk(folder, "", _MAX_DEPTH):
        if len(contents) >= MAX_MEMBERS:
            raise failed(f"the package has more than {MAX_MEMBERS} files")
        contents[name] = member = _read(folder / name, name)
        total += member.size
        if total > MAX_TOTAL_BYTES:
            raise failed("the package is larger than a package can be")
    check_names(list(contents))
    check_kept(contents)
    return contents


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    if not entries or depth == 0:
        raise failed(f"{prefix or 'the package'} is an empty folder, or folders are nested too deeply")
    for entry in entries:
        name = prefix + entry.name
        check_name(name)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), name + "/", depth - 1)
        elif entry.is_file(follow_symlinks=False):
            yield name
        else:
            raise failed(f"{name} is a link or a special file")


def _read(path: Path, name: str) -> Member:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_TOTAL_BYTES:
            raise failed(f"{name} is no plain file, or is too large")
        member = measure(stream, name, status.st_size)
        if stream.read(1):
            raise failed(f"{name} grows while it is read")
    return member


def write_folder(target: Path, sources: Mapping[str, Source], contents: Contents) -> None:
    """Build the folder beside its place and rename it there: a killed run leaves no half package.

    What stood at `target` is replaced. An error if a source is no longer what was measured.
    """
    building = target.parent / f"{TEMPORARY}{secrets.token_hex(6)}-{target.name}"
    try:
        for name, member in contents.items():
            path = building / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                copy_member(name, member, sources[name], stream)
                stream.flush()
                os.fsync(stream.fileno())
        for folder, _, _ in os.walk(building):
            sync_folder(Path(folder))
        _replace(building, target)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _replace(building: Path, target: Path) -> None:
    old = building.with_name(building.name + "-old")
    if os.path.lexists(target):
        target.rename(old)
    building.rename(target)
    sync_folder(target.parent)
    if old.is_dir() and not old.is_symlink():
        shutil.rmtree(old)
    else:
        old.unlink(missing_ok=True)
