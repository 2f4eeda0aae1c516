"""JSON text cut into fields with numbers as they are spelled, and which files are cut.

Source: `spec/package.md`, 'JSON' and 'Leaves'.
"""

from collections.abc import Iterator
from functools import lru_cache
from json import JSONDecoder
from json.encoder import encode_basestring
from typing import Any, Literal, NoReturn

import msgspec

from countermark.prove.package.layout import MAX_DEPTH, failed, is_document, is_table

Form = Literal["fields", "rows"]

MAX_LINE = 1 << 20
"""Bytes of a line of a table, without its line feed."""

MAX_DIGITS = 4_300
"""Of an integer: what Python itself reads, since quadratic time would follow."""

NEVER_TAKEN_OUT = frozenset(
    ("schema", "files", "inputs", "sources", "sha256", "capture_sha256", "class", "campaign_id", "result")
)
"""Parts of a pointer: a field under one of them stays, since the verification hangs on it."""

_ROWS = "data/tables/requests.jsonl"
_DATA = "data/"
_LEAVES = "data/leaves/"
_SUFFIX = ".leaves"


def form_of(name: str) -> Form:
    """How a document or table is cut."""
    return "rows" if name == _ROWS else "fields"


def leaves_name(name: str) -> str:
    """`data/x.json` -> `data/leaves/x.json.leaves`."""
    return _LEAVES + name.removeprefix(_DATA) + _SUFFIX


def leaved_name(leaves: str) -> str | None:
    """The document or table that a file of leaves is of; None where `leaves` is no such name."""
    if not (leaves.startswith(_LEAVES) and leaves.endswith(_SUFFIX)):
        return None
    name = _DATA + leaves.removeprefix(_LEAVES).removesuffix(_SUFFIX)
    return name if is_document(name) or is_table(name) else None


class _Number(str):
    """A number as it is spelled."""

    __slots__ = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _integer(text: str) -> _Number:
    if len(text.removeprefix("-")) > MAX_DIGITS:
        raise ValueError(f"an integer of over {MAX_DIGITS:,} digits")
    return _Number(text)


_DECODER = JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_Number, parse_constant=_no_constant
)
_WORDS = {None: b"null", True: b"true", False: b"false"}


def fields_of(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Pointer and value text of each leaf of a JSON document, in the order of the text.

    Raises `Error` (exit 20) for what `spec/package.md`, 'JSON', refuses.
    """
    return iter(_fields(text, ""))


def line_fields(line: bytes, index: int) -> list[tuple[str, bytes]]:
    """Leaves of line `index` (from 0) of a table of form `fields`; a line is an object with some field."""
    if not line.lstrip(b" \t\r").startswith(b"{"):
        raise failed(f"line {index + 1} of a table is no object")
    fields = _fields(line, f"/{index}")
    if len(fields) == 1 and fields[0][1] == b"{}" and fields[0][0] == f"/{index}":
        raise failed(f"line {index + 1} of a table is an object without a field")
    return fields


def check_row(line: bytes) -> None:
    """Raise (exit 20) for a line that is neither an object as 'JSON' wants it nor `null`: a row taken out."""
    if line.lstrip(b" \t\r")[:1] != b"{" and line != b"null":
        raise failed("a line of a table is no object")
    try:
        # what one writer writes again as it was has no key twice, no NaN and no lone surrogate; this is fast
        same = msgspec.json.encode(msgspec.json.decode(line)) == line
        if same and line.count(b"{") + line.count(b"[") <= MAX_DEPTH:
            return
    except (ValueError, RecursionError):
        pass
    _fields(line, "")


def check_tight(text: bytes, what: str) -> None:
    """Raise (exit 20) unless nothing is in a JSON text that its leaves do not say: blanks, other escapes.

    That is how a file is written that the seal covers by its root alone.
    """
    try:
        if msgspec.json.encode(msgspec.json.decode(text)) == text:  # fast, and the same but for numbers
            return
    except (ValueError, RecursionError):
        pass
    if _tight(_DECODER.decode(text.decode())).encode() != text:
        raise failed(f"{what} has blanks, or texts in another form than RFC 8785")


def _tight(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    if kind is _Number:
        return str(value)
    if kind is dict:
        return "{" + ",".join(f"{encode_basestring(key)}:{_tight(one)}" for key, one in value.items()) + "}"
    return "[" + ",".join(map(_tight, value)) + "]" if kind is list else _WORDS[value].decode()


def leaf_content(pointer: str, value: bytes) -> bytes:
    """What is hashed of a field: its pointer, a line feed, its value."""
    return pointer.encode() + b"\n" + value


def is_kept(pointer: str) -> bool:
    """Whether a field may never be taken out."""
    return not NEVER_TAKEN_OUT.isdisjoint(pointer.split("/"))


def _fields(text: bytes, pointer: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    try:
        _walk(_DECODER.decode(text.decode()), pointer, MAX_DEPTH, found)
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, too deep, a lone surrogate
        raise failed(f"not JSON as a package may have it: {_reason(error)}") from error
    return found


def _reason(error: Exception) -> str:
    """Why, without the text itself, which may hold what is about to be taken out."""
    if isinstance(error, UnicodeEncodeError):
        return "a lone surrogate"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return f"deeper than {MAX_DEPTH}"
    return str(error)


def _walk(value: Any, pointer: str, depth: int, found: list[tuple[str, bytes]]) -> None:
    kind = type(value)
    if kind is str:
        found.append((pointer, encode_basestring(value).encode()))
    elif kind is _Number:
        found.append((pointer, value.encode()))
    elif kind is dict or kind is list:
        if depth == 0:
            raise ValueError(f"deeper than {MAX_DEPTH}")
        if not value:
            found.append((pointer, b"{}" if kind is dict else b"[]"))
        elif kind is dict:
            for key, one in value.items():
                _walk(one, f"{pointer}/{_part(key)}", depth - 1, found)
        else:
            for at, one in enumerate(value):
                _walk(one, f"{pointer}/{at}", depth - 1, found)
    else:
        found.append((pointer, _WORDS[value]))


@lru_cache(maxsize=4096)
def _part(key: str) -> str:
    """A key in a pointer (RFC 6901, section 3); `~2` before digits alone, which else read as an index."""
    key.encode()  # raises for a lone surrogate
    escaped = key.replace("~", "~0").replace("/", "~1")
    return "~2" + escaped if key.isascii() and key.isdigit() else escaped
