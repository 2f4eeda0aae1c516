"""What stands where in an EvidencePackage, and how large anything may be (`spec/package.md`)."""

import hashlib
import json
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json

CASE = "data/case.json"
FINDINGS = "data/findings/"
EVENTS = "data/events/"
FINDINGS_JSON = FINDINGS + "findings.json"
METHOD_JSON = FINDINGS + "method.json"
CAPTURE_JSON = EVENTS + "capture.json"
SCAN = "data/scan/"
SCAN_JSON = SCAN + "scan.json"
ATTRIBUTIONS = "data/attributions/"

ATTESTATIONS = "attestations/"
FIRST_STEPS = ("capture", "detect")
CLOSE = ATTESTATIONS + "close.dsse.json"

MAX_MEMBERS = 10_000
MAX_ATTRIBUTIONS = 100
MAX_NAME = 200
MAX_TOTAL_BYTES = 1 << 40
MAX_KEPT_BYTES = 64 << 20
"""Largest file that is parsed, and the largest sum of them."""

CHUNK = 1 << 20
_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/)*[A-Za-z0-9][A-Za-z0-9._-]*")

Source = bytes | Path
"""Where the content of a member comes from."""


@dataclass(frozen=True)
class Member:
    """One file of a package, read once: what it measured, and its content where it is to be parsed."""

    size: int
    sha256: str
    crc32: int
    data: bytes | None


Contents = dict[str, Member]
"""Members by name, as in the bag (`data/…`, `attestations/…`, `bagit.txt`)."""


def envelope_name(step: str) -> str:
    """Name of the envelope of a step."""
    return f"{ATTESTATIONS}{step}.dsse.json"


def steps_of(scan: bool, attributions: int) -> list[str]:
    """The steps of a case, in order: `attribute-1` and so on are one attribution each."""
    middle = ["scan"] if scan else []
    return [*FIRST_STEPS, *middle, *(f"attribute-{at}" for at in range(1, attributions + 1)), "seal"]


def attribution_name(number: int, name: str = "attribution.json") -> str:
    """Name of a file of the attribution with this number, from 1."""
    return f"{ATTRIBUTIONS}{number}/{name}"


def timestamp_name(number: int) -> str:
    """Name of the RFC 3161 response with this number, from 1."""
    return f"{ATTESTATIONS}timestamp-{number}.tsr"


def failed(message: str) -> Error:
    """A package that does not verify."""
    return Error(message, exit_code=ExitCode.VERIFICATION_FAILED)


def check_name(name: str) -> None:
    """Refuse names that are not plain everywhere: `..`, absolute, hidden, not ASCII, too long."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise failed(f"a file name that a package cannot have: {name[:MAX_NAME]!r}")


def check_names(names: list[str]) -> None:
    """Check each, and that no two are equal where case does not count."""
    for name in names:
        check_name(name)
    folded = {name.lower() for name in names}
    if len(folded) != len(names):
        raise failed("two file names are equal but for case")


def is_parsed(name: str) -> bool:
    """Whether the content of this member is kept in memory for parsing."""
    in_bag = "/" not in name or name.startswith(ATTESTATIONS)
    in_stage = name in (CASE, FINDINGS_JSON, METHOD_JSON, CAPTURE_JSON, SCAN_JSON)
    return in_bag or in_stage or (name.startswith(ATTRIBUTIONS) and name.endswith("/attribution.json"))


def measure(stream: BinaryIO, name: str, size: int, copy_to: BinaryIO | None = None) -> Member:
    """Read `size` bytes once: digest, CRC, content where it is parsed; copied on the way if wanted."""
    keep = is_parsed(name)
    if keep and size > MAX_KEPT_BYTES:
        raise failed(f"{name} is larger than {MAX_KEPT_BYTES >> 20} MiB")
    digest, crc, left, kept = hashlib.sha256(), 0, size, bytearray()
    while left:
        chunk = stream.read(min(CHUNK, left))
        if not chunk:
            raise failed(f"{name} is shorter than it was said to be")
        left -= len(chunk)
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
        if keep:
            kept += chunk
        if copy_to is not None:
            copy_to.write(chunk)
    return Member(size, digest.hexdigest(), crc, bytes(kept) if keep else None)


def copy_member(name: str, member: Member, source: Source, target: BinaryIO) -> None:
    """Copy one member; an error if its source is no longer what was measured."""
    if isinstance(source, bytes):
        target.write(source)
        return
    with source.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size != member.size or measure(stream, name, size, target).sha256 != member.sha256:
            raise Error(f"{name} changed while it was sealed", hint="seal again when nothing writes to it")


def check_kept(contents: Contents) -> None:
    """Bound the memory that parsed members take together."""
    if sum(member.size for member in contents.values() if member.data is not None) > MAX_KEPT_BYTES:
        raise failed(f"the files to be parsed are larger than {MAX_KEPT_BYTES >> 20} MiB together")


def data_of(contents: Contents, name: str) -> bytes:
    """Content of a member that must be there."""
    member = contents.get(name)
    if member is None or member.data is None:
        raise failed(f"{name} is missing")
    return member.data


def read_object(data: bytes, name: str) -> dict[str, Any]:
    """A JSON object read strictly: UTF-8, no key twice, no NaN, bounded depth."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise failed(f"{name} is not strict JSON") from error
    if not isinstance(value, dict):
        raise failed(f"{name} does not hold a JSON object")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def decode_canonical(data: bytes, name: str, kind: type[Any]) -> Any:
    """A record in canonical JSON; unknown fields, wrong types and any other spelling are errors."""
    try:
        record = msgspec.json.decode(data, type=kind)
        again = canonical_json(record)
    except (ValueError, RecursionError) as error:  # msgspec's and rfc8785's errors are ValueErrors
        raise failed(f"{name} cannot be decoded: {error}") from error
    if again != data:
        raise failed(f"{name} is not in canonical form (RFC 8785)")
    return record
