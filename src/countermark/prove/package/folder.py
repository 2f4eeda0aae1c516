"""A package as a folder: exactly the files of the bag, no links, no special files, no empty folders."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count, islice
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
from countermark.records.files import sync_folder

_MAX_ENTRIES = 2 * MAX_MEMBERS
"""Files and folders."""


def read_folder(folder: Path) -> Contents:
    """Read every file once, two at a time; anything that is not a plain file at a plain name is an error."""
    sizes: dict[str, int] = {}
    for name, size in _walk(folder, "", count()):
        if len(sizes) >= MAX_MEMBERS:
            raise failed(f"the package has more than {MAX_MEMBERS} files")
        sizes[name] = size
    check_names(list(sizes))
    check_sizes(sizes)
    members = in_two_threads(lambda item: _read(folder / item[0], *item), sizes.items())
    return dict(zip(sizes, members, strict=True))


def _walk(folder: Path, prefix: str, seen: Iterator[int]) -> Iterator[tuple[str, int]]:
    """Names and sizes; a folder can be no deeper than a name is long."""
    with os.scandir(folder) as found:
        entries = sorted(islice(found, _MAX_ENTRIES + 1), key=lambda entry: entry.name)
    if not entries:
        raise failed(f"{prefix or 'the package'} is an empty folder")
    for entry in entries:
        if next(seen) >= _MAX_ENTRIES:
            raise failed(f"the package has more than {_MAX_ENTRIES} files and folders")
        name = prefix + entry.name
        check_name(name)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), name + "/", seen)
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
    """Write a new folder, and to the disk; an error if a source is no longer what was measured.

    Sources that lie beside the new folder were made for it: they are moved. Modes are as the umask says: the
    folder around `target` keeps others out until all is written (`place.work_beside`).
    """
    for name, member in contents.items():
        path, source = target / name, sources[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, Path) and source.is_relative_to(target.parent):
            source.rename(path)
            with path.open("rb") as made:
                os.fsync(made.fileno())
            continue
        with path.open("xb") as stream:
            copy_member(name, member, source, stream)
            stream.flush()
            os.fsync(stream.fileno())
    for folder, _, _ in os.walk(target):
        sync_folder(Path(folder))
