"""One object's JSON, read within bounds: the form it must have before anything looks at what it says.

Refused are what readers of JSON take in different ways (a member twice, NaN, numbers beyond a double, half a
surrogate pair) and what costs more than an object is worth (size, depth). STIX 2.1, section 2.8: an integer
lies within 54 bits; section 2.10 (I-JSON, RFC 7493) for the rest.
"""

import hashlib
import json
import math
import re
from typing import Any

import msgspec
import rfc8785

MAX_BYTES = 1 << 20
"""Of one object; longer ones are refused."""
MAX_DEPTH = 48
"""Levels of nesting within an object."""
_MAX_INT = (1 << 53) - 1
_MAX_DIGITS = 400
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Refused(ValueError):
    """Why an object cannot be taken, in one line that quotes nothing of it but names of properties."""


def read_object(raw: bytes) -> tuple[dict[str, Any], str]:
    """The object, and the SHA-256 (hex) of its canonical JSON (RFC 8785).

    The digest is of what the object says: the same object with its properties in another order has the same.
    Raises `Refused`.
    """
    numbers = _Numbers()
    value = _bounded(raw, MAX_BYTES, numbers)
    return value, hashlib.sha256(_canonical(value, raw, numbers)).hexdigest()


def read_document(raw: bytes, most: int) -> dict[str, Any]:
    """A JSON object of at most so many bytes that is no object of STIX, under the same rules."""
    return _bounded(raw, most, _Numbers())


class _Numbers:
    """Reads numbers, and remembers whether one had a fraction or an exponent."""

    def __init__(self) -> None:
        self.floats = False

    def real(self, text: str) -> float:
        self.floats = True
        number = float(text) if len(text) <= _MAX_DIGITS else math.inf
        if not math.isfinite(number):
            raise Refused("a number in it is larger than a double, or has too many digits")
        return number

    def whole(self, text: str) -> int:
        number = int(text) if len(text) <= 17 else _MAX_INT + 1
        if not -_MAX_INT <= number <= _MAX_INT:
            raise Refused("an integer in it does not fit in 54 bits")
        return number

    def constant(self, _: str) -> float:
        raise Refused("a number in it is NaN or infinite")


def _bounded(raw: bytes, most: int, numbers: _Numbers) -> dict[str, Any]:
    if len(raw) > most:
        raise Refused(f"the object is larger than {most} bytes")
    value = _parse(raw, numbers)
    if not isinstance(value, dict):
        raise Refused("it is no JSON object")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        raise Refused(f"the object is nested deeper than {MAX_DEPTH} levels")
    if _ESCAPED_SURROGATE.search(raw) and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise Refused("a text in it is not Unicode: it holds half of a surrogate pair")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Refused("an object in it has a member twice")
    return made


def _parse(raw: bytes, numbers: _Numbers) -> Any:
    try:
        return json.loads(
            raw.decode(),
            object_pairs_hook=_members,
            parse_float=numbers.real,
            parse_int=numbers.whole,
            parse_constant=numbers.constant,
        )
    except Refused:
        raise
    except UnicodeDecodeError:
        raise Refused("it is not UTF-8") from None
    except ValueError:
        raise Refused("it is not JSON") from None
    except RecursionError:
        raise Refused(f"the object is nested deeper than {MAX_DEPTH} levels") from None


def _deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            child
            for one in level
            for child in (one.values() if isinstance(one, dict) else one)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _canonical(value: dict[str, Any], raw: bytes, numbers: _Numbers) -> bytes:
    """RFC 8785. Without fractions and with ASCII names its order and spelling are what msgspec writes."""
    if numbers.floats or b"\\u" in raw or not raw.isascii():
        return rfc8785.dumps(value)
    return msgspec.json.encode(value, order="sorted")
