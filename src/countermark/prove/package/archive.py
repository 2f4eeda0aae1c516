"""The canonical zip: stored members, sorted, one date, one mode, no extra field, no comment, nothing between.

Because every byte outside the members' contents follows from the names, sizes and CRCs, the reader
rebuilds each header and compares it instead of interpreting it: there is no second reading of a zip
for an attacker to choose. Source: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from countermark.errors import Error
from countermark.prove.package.layout import (
    MAX_MEMBERS,
    MAX_NAME,
    Contents,
    Member,
    Source,
    check_name,
    check_names,
    failed,
)
from countermark.prove.package.members import check_sizes, copy_member, in_two_threads, measure

LOCAL_MAGIC = b"PK\x03\x04"
CENTRAL_MAGIC = b"PK\x01\x02"
END_MAGIC = b"PK\x05\x06"
END_SIZE = 22
"""Bytes of the end record of a zip without a comment."""
_LOCAL_AFTER_MAGIC = 26
_VERSION_NEEDED = 10  # stored files only
_MADE_BY_UNIX = 3 << 8 | 20
_DATE_1980_01_01 = 0x21
_REGULAR_0644 = 0o100644 << 16
_MAX_ZIP_BYTES = (1 << 32) - 1  # no zip64: a second way to write a size is a second spelling


def _local_header(name: bytes, member: Member) -> bytes:
    fields = (
        _VERSION_NEEDED,
        0,
        0,
        0,
        _DATE_1980_01_01,
        member.crc32,
        member.size,
        member.size,
        len(name),
        0,
    )
    return LOCAL_MAGIC + struct.pack("<5H3L2H", *fields) + name


def _directory(entries: Mapping[str, Member]) -> bytes:
    """Central directory and end record for these members in this order."""
    central, offset = bytearray(), 0
    for name, member in entries.items():
        raw = name.encode("ascii")
        fields = (
            _MADE_BY_UNIX,
            _VERSION_NEEDED,
            0,
            0,
            0,
            _DATE_1980_01_01,
            member.crc32,
            member.size,
            member.size,
        )
        rest = (len(raw), 0, 0, 0, 0, _REGULAR_0644, offset)
        central += CENTRAL_MAGIC + struct.pack("<6H3L", *fields) + struct.pack("<5H2L", *rest) + raw
        offset += len(_local_header(raw, member)) + member.size
    count = len(entries)
    return bytes(central) + END_MAGIC + struct.pack("<4H2LH", 0, 0, count, count, len(central), offset, 0)


def archive_size(base: str, contents: Contents) -> int:
    """Bytes that the zip of these members takes; an error where a zip cannot hold them."""
    entries = {f"{base}/{name}": member for name, member in sorted(contents.items())}
    local = sum(len(_local_header(name.encode("ascii"), one)) + one.size for name, one in entries.items())
    if len(entries) > MAX_MEMBERS or local > _MAX_ZIP_BYTES:
        raise Error(
            "the package is too large for a zip", hint="choose an --out without .zip: a folder has no limit"
        )
    return local + len(_directory(entries))


def write_archive(path: Path, base: str, sources: Mapping[str, Source], contents: Contents) -> None:
    """Write a new zip, and to the disk; an error if a source is no longer what was measured."""
    with path.open("xb") as stream:
        _write(stream, base, sources, contents)
        stream.flush()
        os.fsync(stream.fileno())


def _write(stream: BinaryIO, base: str, sources: Mapping[str, Source], contents: Contents) -> None:
    for name, member in sorted(contents.items()):
        stream.write(_local_header(f"{base}/{name}".encode("ascii"), member))
        copy_member(name, member, sources[name], stream)
    stream.write(_directory({f"{base}/{name}": member for name, member in sorted(contents.items())}))


def read_archive(path: Path) -> tuple[str, Contents]:
    """Base directory and members of a canonical zip; any other byte is an error."""
    path = path.resolve()  # members are read again from it: always the same file
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > 2 * _MAX_ZIP_BYTES:
            raise failed("the zip is larger than a package can be")
        headers, end = _headers(stream.fileno(), size)
        expected = _directory(headers)
        if not headers or os.pread(stream.fileno(), len(expected) + 1, end) != expected:
            raise failed(
                "the zip is not canonical: its directory differs from the one rebuilt from its members"
            )
    base, headers = _without_base(headers)
    check_sizes({name: one.size for name, one in headers.items()})
    members = in_two_threads(lambda item: _read_member(path, *item), headers.items())
    return base, dict(zip(headers, members, strict=True))


def _headers(descriptor: int, size: int) -> tuple[dict[str, Member], int]:
    """Members by name as the local headers say, contents unread; and where the directory begins."""
    found: dict[str, Member] = {}
    last, at = "", 0
    while os.pread(descriptor, 4, at) == LOCAL_MAGIC:
        if len(found) >= MAX_MEMBERS:
            raise failed(f"the zip has more than {MAX_MEMBERS} members")
        name, member = _header(descriptor, at, size)
        if found and name <= last:
            raise failed("the members of the zip are not sorted, each once")
        found[name], last = member, name
        at = member.offset + member.size
        if at > _MAX_ZIP_BYTES:
            raise failed("the zip is larger than a package can be")
    return found, at


def _header(descriptor: int, at: int, size: int) -> tuple[str, Member]:
    fixed = os.pread(descriptor, 4 + _LOCAL_AFTER_MAGIC, at)
    if len(fixed) != 4 + _LOCAL_AFTER_MAGIC:
        raise failed("the zip ends inside a header")
    *_, crc, _, length, name_length, _ = struct.unpack("<5H3L2H", fixed[4:])
    if name_length > 2 * MAX_NAME:
        raise failed("a header of the zip has an impossible length")
    raw = os.pread(descriptor, name_length, at + len(fixed))
    start = at + len(fixed) + name_length
    if length > size - start:
        raise failed("a header of the zip has an impossible length")
    member = Member(length, "", crc, offset=start)
    if fixed + raw != _local_header(raw, member):
        raise failed("the zip is not canonical: a header differs from the one rebuilt from its member")
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise failed("a file name in the zip is not ASCII") from error
    check_name(name)
    return name, member


def _read_member(path: Path, name: str, header: Member) -> Member:
    with path.open("rb", buffering=0) as stream:
        stream.seek(header.offset)
        member = measure(stream, name, header.size, crc=True)
    if member.crc32 != header.crc32:
        raise failed(f"{name} does not have the CRC that the zip says")
    return replace(member, source=path, offset=header.offset)


def _without_base(entries: Mapping[str, Member]) -> tuple[str, Contents]:
    base = next(iter(entries)).split("/", 1)[0]
    if any(not name.startswith(base + "/") for name in entries):
        raise failed("the zip has more than one base directory")
    contents = {name[len(base) + 1 :]: member for name, member in entries.items()}
    check_names(list(contents))
    return base, contents
