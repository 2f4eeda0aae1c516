"""Read the files of a package once: size, digest, and the content of those that are parsed whole."""

import hashlib
import io
import os
import zlib
from typing import BinaryIO

from countermark.errors import Error
from countermark.prove.layout import (
    CHUNK,
    MAX_KEPT_BYTES,
    Contents,
    Member,
    Source,
    failed,
    is_parsed,
)


def measure(stream: BinaryIO, name: str, size: int, copy_to: BinaryIO | None = None, *, crc: bool = False) -> Member:
    """Read `size` bytes once: digest, CRC if wanted, content where it is parsed; copied on the way if wanted."""
    keep = is_parsed(name)
    if keep and size > MAX_KEPT_BYTES:
        raise failed(f"{name} is larger than {MAX_KEPT_BYTES >> 20} MiB")
    digest, check, left, kept = hashlib.sha256(), 0, size, bytearray()
    buffer = memoryview(bytearray(min(CHUNK, size)))
    while left:
        count = stream.readinto(buffer[: min(len(buffer), left)])  # type: ignore[attr-defined]
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
        member = measure(stream, name, os.fstat(stream.fileno()).st_size, crc=crc)  # type: ignore[arg-type]
    return Member(member.size, member.sha256, member.crc32, member.data, source)


def copy_member(name: str, member: Member, source: Source, target: BinaryIO) -> None:
    """Copy one member; an error if its source is no longer what was measured."""
    if isinstance(source, bytes):
        target.write(source)
        return
    with source.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size != member.size or measure(stream, name, size, target).sha256 != member.sha256:  # type: ignore[arg-type]
            raise Error(f"{name} changed while it was sealed", hint="seal again when nothing writes to it")


def check_kept(contents: Contents) -> None:
    """Bound the memory that parsed members take together."""
    if sum(member.size for name, member in contents.items() if is_parsed(name)) > MAX_KEPT_BYTES:
        raise failed(f"the files to be parsed are larger than {MAX_KEPT_BYTES >> 20} MiB together")
