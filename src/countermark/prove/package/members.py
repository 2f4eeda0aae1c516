"""Read the files of a package once: size, digest, and the content of those that are parsed whole."""

import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, Protocol, TypeVar

from countermark.errors import Error
from countermark.prove.package.layout import (
    CHUNK,
    MAX_KEPT_BYTES,
    MAX_MEMBERS,
    MAX_TOTAL_BYTES,
    Contents,
    Member,
    Source,
    check_marks,
    count_marks,
    failed,
    is_parsed,
)

_THREADS = 2
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class Readable(Protocol):
    """A binary stream."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer; how many bytes there were."""


def measure(
    stream: Readable,
    name: str,
    size: int,
    copy_to: BinaryIO | None = None,
    *,
    crc: bool = False,
) -> Member:
    """Read `size` bytes once: digest, content where it is parsed; a CRC and a copy on the way if wanted."""
    keep = is_parsed(name)
    if keep and size > MAX_KEPT_BYTES:
        raise failed(f"{name} is larger than {MAX_KEPT_BYTES >> 20} MiB")
    digest, check, left, kept = hashlib.sha256(), 0, size, bytearray()
    buffer = memoryview(bytearray(min(CHUNK, size)))
    while left:
        count = stream.readinto(buffer[: min(len(buffer), left)])
        if not count:
            raise failed(f"{name} is shorter than it was said to be")
        chunk = buffer[:count]
        left -= count
        digest.update(chunk)
        if crc:
            check = zlib.crc32(chunk, check)
        if keep:
            kept += chunk
        if copy_to is not None:
            copy_to.write(chunk)
    return Member(size, digest.hexdigest(), check if crc else None, bytes(kept) if keep else None)


def measure_source(name: str, source: Source, *, crc: bool = False) -> Member:
    """The same of where a member comes from; raises `OSError` where it cannot be read."""
    if isinstance(source, bytes):
        member = measure(io.BytesIO(source), name, len(source), crc=crc)
        return Member(member.size, member.sha256, member.crc32, source)
    with source.open("rb", buffering=0) as stream:
        member = measure(stream, name, os.fstat(stream.fileno()).st_size, crc=crc)
    return Member(member.size, member.sha256, member.crc32, member.data, source)


def copy_member(name: str, member: Member, source: Source, target: BinaryIO) -> None:
    """Copy one member; an error if its source is no longer what was measured."""
    if isinstance(source, bytes):
        target.write(source)
        return
    with source.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size != member.size or measure(stream, name, size, target).sha256 != member.sha256:
            raise Error(f"{name} changed while it was sealed", hint="seal again when nothing writes to it")


def check_sizes(sizes: Mapping[str, int]) -> None:
    """Bound the whole, and the memory that parsed members take together, before anything is read."""
    if len(sizes) > MAX_MEMBERS:
        raise failed(f"the package has more than {MAX_MEMBERS} files")
    if sum(sizes.values()) > MAX_TOTAL_BYTES:
        raise failed("the package is larger than a package can be")
    if sum(size for name, size in sizes.items() if is_parsed(name)) > MAX_KEPT_BYTES:
        raise failed(f"the files to be parsed are larger than {MAX_KEPT_BYTES >> 20} MiB together")


def marks_of(contents: Contents) -> int:
    """Commas and brackets of all members that are parsed whole; raises where they are too many."""
    marks = sum(count_marks(one.data) for name, one in contents.items() if one.data and is_parsed(name))
    check_marks(marks)
    return marks


def in_two_threads(work: Callable[[_Item], _Made], items: Iterable[_Item]) -> list[_Made]:
    """What `work` makes of each, in order; hashing runs beside hashing. The first error is raised."""
    with ThreadPoolExecutor(_THREADS) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
