"""What stands where in an EvidencePackage, and how large anything may be (`spec/package.md`)."""

import io
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json

CASE = "data/case.json"
CUSTODY = "data/custody.json"
RESULTS = "data/results.json"
TERMS_JSON = "data/terms.json"
TERMS = "data/terms/"
EVENTS = "data/events/"
CAPTURE_JSON = EVENTS + "capture.json"
FINDINGS = "data/findings/"
FINDINGS_JSON = FINDINGS + "findings.json"
METHOD_JSON = FINDINGS + "method.json"
SCAN = "data/scan/"
SCAN_JSON = SCAN + "scan.json"
ATTRIBUTIONS = "data/attributions/"
PLANS = "data/plans/"
RUNS = "data/runs/"
TABLES = "data/tables/"
LEAVES = "data/leaves/"
LOG = "data/log/"
ENTRIES = LOG + "entries.jsonl"
OPENINGS = LOG + "openings.jsonl"
CHECKPOINTS = LOG + "checkpoints/"

ATTESTATIONS = "attestations/"
FIRST_STEPS = ("capture", "detect")
CLOSE = ATTESTATIONS + "close.dsse.json"
REDACTION = ATTESTATIONS + "redaction.dsse.json"

ALWAYS = (CASE, CUSTODY, RESULTS, CAPTURE_JSON, FINDINGS_JSON, METHOD_JSON)
"""Payload files that are sealed in every package."""
NEVER_TAKEN_OUT = (CASE, CUSTODY, RESULTS, CAPTURE_JSON, FINDINGS_JSON)
"""Of them those that no redaction takes out as files; nor what lies below `data/log/`."""

MAX_MEMBERS = 10_000
MAX_ATTRIBUTIONS = 100
MAX_STAMPED = 64
"""Checkpoints with a timestamp: each costs a verifier some work before anything is signed for."""
MAX_NAME = 200
MAX_TOTAL_BYTES = 1 << 40
MAX_KEPT_BYTES = 64 << 20
"""Largest file that is parsed whole, and the largest sum of them."""
MAX_MARKS = 4_000_000
"""Commas, `[` and `{` of all that is parsed whole: each value but the first follows one of them."""
MAX_DEPTH = 64
"""Arrays and objects inside each other, the outermost included, of a document or a line of a table."""

CHUNK = 1 << 20
_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/)*[A-Za-z0-9][A-Za-z0-9._-]*")
_ATTRIBUTION = re.compile(r"data/attributions/[1-9][0-9]{0,2}/attribution\.json")
_PLAN = re.compile(r"data/plans/[^/]+\.json")
_RUN = re.compile(r"data/runs/([1-9][0-9]{0,14})\.[^/]+")
_TABLE = re.compile(r"data/tables/[^/]+\.jsonl")
_BY_ROOT = {CUSTODY, RESULTS, TERMS_JSON}
_DOCUMENTS = {CUSTODY, RESULTS, TERMS_JSON, CAPTURE_JSON, FINDINGS_JSON, METHOD_JSON, SCAN_JSON}

Source = bytes | Path
"""Where the content of a member comes from."""


@dataclass(frozen=True)
class Member:
    """One file of a package, read once: what it measured, and its content where it is parsed whole."""

    size: int
    sha256: str
    crc32: int | None = None
    """Of a zip; nothing in a folder needs it."""
    data: bytes | None = None
    source: Path | None = None
    """The file that holds the content, where it is to be read again line by line."""
    offset: int = 0
    """Where in that file the content begins."""

    def open(self) -> BinaryIO:
        """The content as a stream of exactly `size` bytes; raises `OSError` where it cannot be opened."""
        if self.data is not None:
            return io.BytesIO(self.data)
        assert self.source is not None  # what has no data has a source
        descriptor = os.open(self.source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        return cast(BinaryIO, io.BufferedReader(_Span(descriptor, self.offset, self.size), CHUNK))


Contents = dict[str, Member]
"""Members by name, as in the bag (`data/…`, `attestations/…`, `bagit.txt`)."""


class _Span(io.RawIOBase):
    """A stretch of a file; it owns the descriptor."""

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        self._descriptor, self._at, self._end = descriptor, offset, offset + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")[: self._end - self._at]
        count = os.preadv(self._descriptor, [view], self._at) if view else 0
        self._at += count
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


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


def result_file(step: str) -> str:
    """Name of the JSON file that holds the result of a step: `detect`, `scan`, `attribute-1` …"""
    if step == "detect":
        return FINDINGS_JSON
    return SCAN_JSON if step == "scan" else attribution_name(int(step.removeprefix("attribute-")))


def timestamp_name(number: int) -> str:
    """Name of the RFC 3161 response with this number, from 1."""
    return f"{ATTESTATIONS}timestamp-{number}.tsr"


def is_document(name: str) -> bool:
    """Whether it is a JSON file that is cut into fields."""
    return name in _DOCUMENTS or bool(_PLAN.fullmatch(name) or _ATTRIBUTION.fullmatch(name))


def is_table(name: str) -> bool:
    """Whether it is a file of JSON lines that is cut into fields or rows."""
    return _TABLE.fullmatch(name) is not None


def run_of(name: str) -> int | None:
    """Number of the run that a file below `data/runs/` came out of; None where its name says none."""
    match = _RUN.fullmatch(name)
    return int(match[1]) if match else None


def by_root_alone(name: str) -> bool:
    """Whether the seal has only the salted root of this document or table, and no digest that can be guessed.

    Nothing else names their digest: a stage's document stands in the log and in other documents.
    """
    return name in _BY_ROOT or is_table(name)


def is_parsed(name: str) -> bool:
    """Whether the content of this member is kept in memory."""
    in_bag = "/" not in name or name.startswith(ATTESTATIONS)
    return in_bag or name == CASE or is_document(name) or name.startswith(CHECKPOINTS)


def count_marks(data: bytes) -> int:
    """How many values JSON can hold at most, less one: nothing has to be parsed to say so."""
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def check_marks(count: int) -> None:
    """Raise where there are too many values to be parsed."""
    if count > MAX_MARKS:
        raise failed(f"what is to be parsed has more than {MAX_MARKS:,} values")


def failed(message: str) -> Error:
    """A package that does not verify."""
    return Error(message, exit_code=ExitCode.VERIFICATION_FAILED)


def check_name(name: str) -> None:
    """Refuse names that are not plain everywhere: `..`, absolute, hidden, not ASCII, too long."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise failed(f"a file name that a package cannot have: {name[:MAX_NAME]!r}")


def check_names(names: list[str]) -> None:
    """Check each; no two are equal where case does not count, and none is that of a folder of another."""
    for name in names:
        check_name(name)
    folded = {name.lower() for name in names}
    if len(folded) != len(names):
        raise failed("two file names are equal but for case")
    folders = {name[:at] for name in folded for at, letter in enumerate(name) if letter == "/"}
    for name in sorted(folders & folded):
        raise failed(f"{name} is the name of a file and of a folder")


def data_of(contents: Contents, name: str) -> bytes:
    """Content of a member that must be there."""
    member = contents.get(name)
    if member is None or member.data is None:
        raise failed(f"{name} is missing")
    return member.data


def read_object(data: bytes, name: str) -> dict[str, Any]:
    """A JSON object read strictly: UTF-8, no key twice, no NaN, no lone surrogates."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
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
