"""The skeleton of a prompt, compiled: what stays the same when a template is filled with other values.

Bytewise: ASCII letters in lower case, white space runs as one space, and one marker byte for each number
(`3`, `1,024.5`), quoted string ("…", '…', `…`, “…”), URL, long literal (over 24 bytes of [A-Za-z0-9+/=_.-]
without a break: base64, hex, a UUID, a path) and fenced code block. It lives in memory only.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

NUMBER, QUOTED, URL, LITERAL, FENCED = 1, 2, 3, 4, 5
LONG_LITERAL = 24
QUOTE_REACH = 4_096
"""A quote that is not closed within so many bytes is a plain character."""

_SPACE, _WORD, _DIGIT, _LITERAL, _UPPER = 1, 2, 4, 8, 16


def _classes() -> Bytes:
    table = np.zeros(256, np.uint8)
    table[list(b" \t\n\r\x0b\x0c")] |= _SPACE
    table[list(b"0123456789")] |= _DIGIT | _WORD | _LITERAL
    table[list(b"abcdefghijklmnopqrstuvwxyz")] |= _WORD | _LITERAL
    table[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")] |= _WORD | _LITERAL | _UPPER
    table[list(b"+/=_-.")] |= _LITERAL
    table[0x80:] |= _WORD
    return table


CLASSES = _classes()


@numba.njit(inline="always")
def _starts(text: Bytes, at: int, end: int, needle: Bytes) -> Any:
    if at + len(needle) > end:
        return False
    for k in range(len(needle)):
        byte = text[at + k]
        if 65 <= byte <= 90:
            byte += 32
        if byte != needle[k]:
            return False
    return True


_HTTP = np.frombuffer(b"http://", np.uint8)
_HTTPS = np.frombuffer(b"https://", np.uint8)
_WWW = np.frombuffer(b"www.", np.uint8)
_FENCE = np.frombuffer(b"```", np.uint8)
_OPEN = np.frombuffer("“".encode(), np.uint8)
_CLOSE = np.frombuffer("”".encode(), np.uint8)


@numba.njit(cache=True)
def _url_end(text: Bytes, at: int, end: int) -> Any:
    """End of the URL that begins at `at`, or `at`."""
    if not (_starts(text, at, end, _HTTP) or _starts(text, at, end, _HTTPS) or _starts(text, at, end, _WWW)):
        return at
    stop = at
    while (
        stop < end
        and not (CLASSES[text[stop]] & _SPACE)
        and text[stop] not in (34, 39, 60, 62, 41, 93, 125, 96)
    ):
        stop += 1
    while text[stop - 1] in (46, 44, 59, 58, 33, 63):  # the sentence's own punctuation stays outside
        stop -= 1
    return stop


@numba.njit(cache=True)
def _quote_kind(text: Bytes, at: int, end: int, after_word: bool) -> Any:
    """0 no quote opens here, else which: 1 ", 2 ', 3 `, 4 “."""
    byte = text[at]
    if byte == 34:
        return 1
    if byte == 39 and not after_word:  # the apostrophe in don't is no quote
        return 2
    if byte == 96:
        return 3
    return 4 if byte == 0xE2 and _starts(text, at, end, _OPEN) else 0


@numba.njit(cache=True)
def _quote_end(text: Bytes, start: int, limit: int, kind: int) -> Any:
    """End of the quotation whose inside begins at or before `start`, or -1."""
    for at in range(start, limit):
        byte = text[at]
        if kind == 1 and byte == 34 or kind == 3 and byte == 96:
            return at + 1
        if kind == 2 and byte == 39 and not (at + 1 < limit and CLASSES[text[at + 1]] & _WORD):
            return at + 1
        if kind == 4 and byte == 0xE2 and _starts(text, at, limit, _CLOSE):
            return at + 3
    return -1


@numba.njit(cache=True)
def _fence_end(text: Bytes, at: int, end: int) -> Any:
    """End of the fenced block that begins at `at`; one that is never closed runs to the end."""
    for stop in range(at + 3, end - 2):
        if text[stop] == 96 and _starts(text, stop, end, _FENCE):
            return stop + 3
    return end


@numba.njit(cache=True)
def _number_end(text: Bytes, at: int, end: int) -> Any:
    """End of the digits at `at`, decimal points and thousands separators included."""
    while at < end:
        if CLASSES[text[at]] & _DIGIT:
            at += 1
        elif text[at] in (46, 44) and at + 1 < end and CLASSES[text[at + 1]] & _DIGIT:
            at += 2
        else:
            break
    return at


@numba.njit(cache=True)
def write_skeleton(text: Bytes, start: int, end: int, out: Bytes) -> Any:
    """Write the skeleton of text[start:end] to `out` (at least as long); gives its length. Linear time."""
    size = 0
    at = start
    searched = np.zeros(5, np.int64)  # a failed search for a closing quote is not made twice
    while at < end:
        byte = text[at]
        kind = CLASSES[byte]
        if kind & _SPACE:
            if size and out[size - 1] != 32:
                out[size] = 32
                size += 1
            at += 1
            continue
        after_word = at > start and CLASSES[text[at - 1]] & _WORD != 0
        stop, marker = at, 0
        if byte == 96 and _starts(text, at, end, _FENCE):
            stop, marker = _fence_end(text, at, end), FENCED
        elif kind & _LITERAL and (at == start or not CLASSES[text[at - 1]] & _LITERAL):
            stop = _url_end(text, at, end)
            marker = URL
            if stop == at:
                while stop < end and CLASSES[text[stop]] & _LITERAL:
                    stop += 1
                marker = LITERAL
                if stop - at <= LONG_LITERAL:
                    stop = at
        quote = _quote_kind(text, at, end, after_word) if stop == at else 0
        if quote:
            limit = min(end, at + QUOTE_REACH)
            first = max(at + (3 if quote == 4 else 1), searched[quote])
            closed = _quote_end(text, first, limit, quote)
            if closed > 0:
                stop, marker = closed, QUOTED
            else:
                searched[quote] = limit
        if stop == at and kind & _DIGIT:
            stop, marker = _number_end(text, at, end), NUMBER
        if stop == at:
            stop, marker = at + 1, byte + 32 if kind & _UPPER else byte
        out[size] = marker
        size += 1
        at = stop
    return size - 1 if size and out[size - 1] == 32 else size
