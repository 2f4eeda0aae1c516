"""A package as a folder: exactly the files of the bag, no links, no special files, no empty folders."""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from countermark.prove.package.layout import (
    MAX_MEMBERS,
    Contents,
    Member,
    Source,
    check_name,
    check_names,
    failed,
)
from countermark.prove.package.members import check_sizes, copy_member, in_two_threads, measure
from countermark.records.files import TEMPORARY, sync_folder

_MAX_DEPTH = 8


def read_folder(folder: Path) -> Contents:
    """Read every file once, two at a time; anything that is not a plain file at a plain name is an error."""
    sizes: dict[str, int] = {}
    for name, size in _walk(folder, "", _MAX_DEPTH):
        if len(sizes) >= MAX_MEMBERS:
            raise failed(f"the package has more than {MAX_MEMBERS} files")
        sizes[name] = size
    check_names(list(sizes))
    check_sizes(sizes)
    members = in_two_threads(lambda item: _read(folder / item[0], *item), sizes.items())
    return dict(zip(sizes, members, strict=True))


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[tuple[str, int]]:
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
            yield name, entry.stat(follow_symlinks=False).st_size
        else:
            raise failed(f"{name} is a link or a special file")


def _read(path: Path, name: str, size: int) -> Member:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size != size:
            raise failed(f"{name} is no plain file, or changes while it is read")
        member = measure(stream, name, size)
        if stream.read(1):
            raise failed(f"{name} grows while it is read")
    return replace(member, source=path)


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
        replace_folder(building, target)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def replace_folder(building: Path, target: Path) -> None:
    """Put a folder that is whole and on the disk at `target`, in the place of what stood there."""
    old = target.with_name(f"{TEMPORARY}{secrets.token_hex(6)}-old")
    if os.path.lexists(target):
        target.rename(old)
    building.rename(target)
    sync_folder(target.parent)
    if old.is_dir() and not old.is_symlink():
        shutil.rmtree(old)
    else:
        old.unlink(missing_ok=True)
