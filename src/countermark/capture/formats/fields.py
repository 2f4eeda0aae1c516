"""Reading loose values: what sources put where a text, a number or an object is expected.

Reasons name the field and never quote what was in it.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from countermark.capture.formats.base import BadRecord, Incomplete, Request

MAX_COUNT = 2**63 - 1
"""The largest number that EVENT_SCHEMA's columns hold."""

T = TypeVar("T")
_encoder = msgspec.json.Encoder(order="sorted")
_decode_any = msgspec.json.Decoder().decode


def decode(decoder: msgspec.json.Decoder[T], record: bytes) -> T:
    """`record` as the decoder's type; raises `BadRecord` with a reason that quotes nothing."""
    try:
        try:
            return decoder.decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if isinstance(error, msgspec.ValidationError):
                raise
            return decoder.decode(_repaired(record))
    except msgspec.ValidationError:
        reason = "not the JSON object that this format has, or a field of the wrong type"
    except ValueError:  # malformed JSON, or text that is not UTF-8
        reason = _why_not_json(record)
    except RecursionError:
        reason = "JSON nested too deep"
    raise BadRecord(reason)


def _repaired(record: bytes) -> bytes:
    """`record` as strict JSON: Python's json, which writes many logs, also writes NaN and lone surrogates.

    A client can send the latter, and must not keep its requests out of the events by it.
    """
    value = json.loads(record.decode(), parse_constant=lambda _: None)
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _why_not_json(record: bytes) -> str:
    if b"\0" in record:
        return "NUL byte"
    try:
        record.decode()
    except UnicodeDecodeError:
        return "not valid UTF-8"
    return "not valid JSON"


def as_object(record: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    """A JSON line or a table's row as a mapping; raises `BadRecord`."""
    if not isinstance(record, bytes):
        return record
    return decode(_object_decoder, record)


_object_decoder = msgspec.json.Decoder(dict[str, Any])


def keys_of(record: bytes | Mapping[str, Any]) -> frozenset[str]:
    """The record's top-level keys, none when it cannot be read."""
    try:
        return frozenset(key for key in as_object(record) if isinstance(key, str))
    except BadRecord:
        return frozenset()


def text(value: Any, field: str) -> str | None:
    """Text, or a number as text; empty text is absent.

    A NUL or a lone surrogate, which JSON and CSV can carry and a client can send, is replaced and not
    refused: otherwise a client could keep its requests out of the events.
    """
    if value is None:
        return None
    if type(value) is str:
        if value.isascii() and "\0" not in value:
            return None if not value or value.isspace() else value
    else:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise BadRecord(f"{field} is not text")
        if isinstance(value, int) and abs(value) > 2 * MAX_COUNT + 1:  # str() refuses very long ones
            raise BadRecord(f"{field} is out of range")
        value = str(value)
    if not value or value.isspace():
        return None
    return clean(value)


def identifier(value: Any, field: str) -> str:
    """Like `text`, but "" when absent, and a NUL is refused: the provider's own systems give identifiers."""
    if isinstance(value, str) and "\0" in value:
        raise BadRecord(f"NUL in {field}")
    return text(value, field) or ""


def clean(value: str) -> str:
    """`value` without NULs and lone surrogates."""
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode()
    return value


def count(value: Any, field: str) -> int | None:
    """A whole number of at most 63 bits from an int, a whole float or a numeric text; raises `BadRecord`."""
    if type(value) is str:
        value = value.strip()
        if not value:
            return None
        if not value.removesuffix(".0").isdecimal() or len(value) > 24:
            raise BadRecord(f"{field} is not a whole number")
        value = int(value.removesuffix(".0"))
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise BadRecord(f"{field} is not a whole number")
    return value


def flag(value: Any, field: str) -> bool:
    """A truth value, also as 0, 1, "true", "false"; absent is false; raises `BadRecord`."""
    if value is None or value == "":
        return False
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    if isinstance(value, bool) or (type(value) is int and value in (0, 1)):
        return bool(value)
    raise BadRecord(f"{field} is not true or false")


def canonical(value: Any) -> bytes:
    """Compact JSON with sorted keys: the same value always gives the same bytes; raises `BadRecord`."""
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise BadRecord("a value that JSON cannot hold") from None


def unpack(value: Any) -> Any:
    """`value`, or what it holds when it is text with a JSON object or array in it (CSV cells, exports)."""
    if isinstance(value, str) and value[:1] in "{[" and value:
        try:
            return _decode_any(value)
        except (ValueError, RecursionError):
            return value
    return value


def mapping(value: Any) -> dict[str, Any]:
    """`value`, unpacked, when it is an object; else an empty one."""
    value = unpack(value)
    return value if isinstance(value, dict) else {}


def first(source: Mapping[str, Any], *names: str) -> Any:
    """The first of the named values that is neither missing, null nor empty text."""
    for name in names:
        value = source.get(name)
        if value is not None and value != "":
            return value
    return None


def at_path(source: Any, path: str) -> Any:
    """The value at a dotted path into nested objects, or None; keys may have dots themselves."""
    if not isinstance(source, Mapping):
        return None
    if path in source:
        return source[path]
    for index, character in enumerate(path):
        if character == "." and path[:index] in source:
            found = at_path(source[path[:index]], path[index + 1 :])
            if found is not None:
                return found
    return None


def complete(request: Request) -> Request:
    """`request` when it has an account and a time; raises `Incomplete` otherwise."""
    if not request.account_id:
        raise Incomplete("no account", request)
    if not request.ts:
        raise Incomplete("no timestamp", request)
    return request
