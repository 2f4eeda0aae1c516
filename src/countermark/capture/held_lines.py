"""Raw records as lines of JSON, so that what comes out of `age -d` can be read by eye and by `jq`.

    {"held":"countermark/held-lines/v1","sha256":"…of the raw log…"}
    {"offset":1834,"line":"{\\"id\\": …"}            a line of text, or an element of a JSON document
    {"offset":2200,"base64":"/w=="}                  the same where it is no UTF-8
    {"offset":17,"row":{"ts":"2026-…","user":"u"}}   a row of a table (CSV, Parquet)

Values of a Parquet row that JSON has no form for stand as `{"$":"datetime","v":"2026-01-01T00:00:00"}`.
"""

import base64
import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO

import msgspec

from countermark.capture.reader import MAX_DOCUMENT_BYTES, Raw, Record
from countermark.errors import Error, ExitCode

LINES_SCHEMA_ID = "countermark/held-lines/v1"
MAX_LINE_BYTES = MAX_DOCUMENT_BYTES // 3 * 4 + 4096
"""The longest line that holds a record: base64 of the largest element of a document."""
_TAG = "$"
_DEPTH = 64
_encode = msgspec.json.Encoder().encode


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    held: str
    sha256: str


class _Line(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    offset: int
    line: str | None = None
    base64: str | None = None
    row: dict[str, Any] | None = None


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_line = msgspec.json.Decoder(_Line).decode


def encode_head(sha256: str) -> bytes:
    """The first line, which says which raw log the others are of."""
    return _encode(_Head(LINES_SCHEMA_ID, sha256)) + b"\n"


def encode_record(offset: int, raw: Raw) -> bytes:
    """One record as a line."""
    if not isinstance(raw, bytes):
        return _encode(_Line(offset, row={key: _tagged(value) for key, value in raw.items()})) + b"\n"
    try:
        line = _encode(_Line(offset, line=raw.decode())) + b"\n"
    except UnicodeDecodeError:
        line = b""
    if line and len(line) <= 4096 + len(raw) // 3 * 4:
        return line
    return _encode(_Line(offset, base64=base64.b64encode(raw).decode())) + b"\n"


def decode_records(stream: BinaryIO, sha256: str, name: str) -> Iterator[Record]:
    """The records of a decrypted file, in ascending order of their offsets.

    Raises `Error(VERIFICATION_FAILED)` for a file that is of another log, or whose lines are none.
    """
    try:
        head = _decode_head(stream.readline(4096))
        if head.held != LINES_SCHEMA_ID or head.sha256 != sha256:
            raise ValueError
    except (ValueError, RecursionError):
        raise _failed(f"{name} does not hold lines of the raw log that the manifest says") from None
    last, number = -1, 0
    while text := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        try:
            if len(text) > MAX_LINE_BYTES or not text.endswith(b"\n"):
                raise ValueError
            line = _decode_line(text)
            record = Record(line.offset, number, _raw(line))
        except (ValueError, TypeError, RecursionError, OverflowError, InvalidOperation):
            raise _failed(f"line {number:,} of {name} is no held line") from None
        if record.offset <= last:
            raise _failed(f"the lines of {name} are not in the order of their offsets, each once")
        last = record.offset
        yield record


def _raw(line: _Line) -> Raw:
    given = [value for value in (line.line, line.base64, line.row) if value is not None]
    if len(given) != 1:
        raise ValueError
    if line.line is not None:
        return line.line.encode()
    if line.base64 is not None:
        return base64.b64decode(line.base64, validate=True)
    return {key: _untagged(value) for key, value in (line.row or {}).items()}


_WRITERS: dict[type, Any] = {
    bytes: lambda value: base64.b64encode(value).decode(),
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: lambda value: str(value // timedelta(microseconds=1)),
    Decimal: str,
    float: repr,
    int: str,
}
_READERS: dict[str, Any] = {
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda text: timedelta(microseconds=int(text)),
    "Decimal": Decimal,
    "float": float,
    "int": int,
}


def _tagged(value: Any) -> Any:
    """A value of a row as JSON, with what JSON would change tagged."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list):
        return [_tagged(one) for one in value]
    if isinstance(value, tuple):
        return {_TAG: "tuple", "v": [_tagged(one) for one in value]}
    if isinstance(value, Mapping):
        if _TAG in value:
            return {_TAG: "dict", "v": [[key, _tagged(one)] for key, one in value.items()]}
        return {key: _tagged(one) for key, one in value.items()}
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return {_TAG: kind.__name__, "v": write(value)}
    raise Error(f"a row holds a {type(value).__name__}, which cannot be frozen", exit_code=ExitCode.NO_INPUT)


def _untagged(value: Any, depth: int = _DEPTH) -> Any:
    if depth < 0:
        raise ValueError
    if isinstance(value, list):
        return [_untagged(one, depth - 1) for one in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(_TAG)
    if kind is None:
        return {key: _untagged(one, depth - 1) for key, one in value.items()}
    inner = value["v"] if set(value) == {_TAG, "v"} else None
    if kind == "tuple" and isinstance(inner, list):
        return tuple(_untagged(one, depth - 1) for one in inner)
    if kind == "dict" and isinstance(inner, list):
        return {str(key): _untagged(one, depth - 1) for key, one in inner}
    if kind not in _READERS or not isinstance(inner, str):
        raise ValueError
    return _READERS[kind](inner)


def _failed(message: str) -> Error:
    return Error(message, exit_code=ExitCode.VERIFICATION_FAILED)
