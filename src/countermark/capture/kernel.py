"""The prompt kernel, compiled: skeleton, template hashes and MinHash sketch of a batch of prompts.

One file on purpose: the compiler's cache does not see changes in other files.

**Skeleton**: what stays the same when a template is filled with other values. Bytewise: ASCII letters in
lower case, white space runs as one space, and one marker byte for each number (`3`, `1,024.5`), quoted
string ("…", '…', `…`, “…”), URL, long literal (over 24 bytes of [A-Za-z0-9+/=_.-] without a break: base64,
hex, a UUID, a path) and fenced code block. It lives in memory only.

**Words** of a skeleton: runs of letters, markers and two-byte characters; a character whose UTF-8 lead byte
is 0xE0 or more (CJK, Thai, …) is a word of its own; the rest separates.

- `template`: SipHash-2-4 of the skeleton. `opening` and `closing`: SipHash-2-4 of its first and of its last
  6 words with what stands between them; none under 8 words, where they would repeat the template.
- `sketch`: one-permutation MinHash of the word 2-grams over 64 bins (SipHash-1-3), empty bins filled by
  optimal densification (Shrivastava, ICML 2017), 8 bits kept a bin. With m equal bins of 64, the Jaccard
  similarity is about (m/64 - 1/256) / (1 - 1/256).

SipHash: Aumasson and Bernstein, 2012.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from countermark.records.events import SKETCH_VALUES

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
U64 = np.uint64

MAX_PROMPT_BYTES = 65_536
"""The kernel reads so much of a prompt; `prompt_hash` covers all of it."""
EDGE_WORDS = 6
MIN_WORDS = 8
_EMPTY = 0xFFFFFFFFFFFFFFFF

NUMBER, QUOTED, URL, LITERAL, FENCED = 1, 2, 3, 4, 5
LONG_LITERAL = 24
QUOTE_REACH = 4_096
"""A quote that is not closed within so many bytes is a plain character."""

_SPACE, _WORD, _DIGIT, _LITERAL, _UPPER, _LETTER = 1, 2, 4, 8, 16, 32


def _classes() -> Bytes:
    table = np.zeros(256, np.uint8)
    table[list(b" \t\n\r\x0b\x0c")] |= _SPACE
    table[list(b"0123456789")] |= _DIGIT | _WORD | _LITERAL
    table[list(b"abcdefghijklmnopqrstuvwxyz")] |= _WORD | _LITERAL | _LETTER
    table[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")] |= _WORD | _LITERAL | _UPPER | _LETTER
    table[list(b"+/=_-.")] |= _LITERAL
    table[0x80:] |= _WORD
    return table


CLASSES = _classes()
TOKENS = np.array([97 <= b <= 122 or 128 <= b < 224 or 1 <= b <= 5 or b == 95 for b in range(256)])
"""Bytes of a skeleton that make up words."""


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
        if (kind == 1 and byte == 34) or (kind == 3 and byte == 96):
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
def _literal_end(text: Bytes, at: int, end: int) -> Any:
    """End of the long literal that begins at `at`, or `at`."""
    stop = at
    while stop < end and CLASSES[text[stop]] & _LITERAL:
        stop += 1
    return stop if stop - at > LONG_LITERAL else at


@numba.njit(cache=True)
def _quotation_end(text: Bytes, at: int, end: int, after_word: bool, searched: Any) -> Any:
    """End of the quotation that begins at `at`, or `at`; a search that failed is not made twice."""
    kind = _quote_kind(text, at, end, after_word)
    if not kind:
        return at
    limit = min(end, at + QUOTE_REACH)
    closed = _quote_end(text, max(at + (3 if kind == 4 else 1), searched[kind]), limit, kind)
    if closed < 0:
        searched[kind] = limit
        return at
    return closed


@numba.njit(cache=True)
def _replaced(text: Bytes, at: int, start: int, end: int, searched: Any) -> Any:
    """(end, marker) of the piece at `at` that a marker replaces, or (at, 0)."""
    kind = CLASSES[text[at]]
    before = CLASSES[text[at - 1]] if at > start else np.uint8(0)
    if kind & _LITERAL and not before & _LITERAL:
        if text[at] | 32 in (104, 119):  # h, w
            stop = _url_end(text, at, end)
            if stop > at:
                return stop, URL
        stop = _literal_end(text, at, end)
        if stop > at:
            return stop, LITERAL
    if kind & _DIGIT:
        return _number_end(text, at, end), NUMBER
    if kind & _LETTER:
        return at, 0
    if text[at] == 96 and _starts(text, at, end, _FENCE):
        return _fence_end(text, at, end), FENCED
    stop = _quotation_end(text, at, end, before & _WORD != 0, searched)
    return stop, QUOTED if stop > at else 0


@numba.njit(cache=True)
def write_skeleton(text: Bytes, start: int, end: int, out: Bytes) -> Any:
    """Write the skeleton of text[start:end] to `out` (at least as long); gives its length. Linear time."""
    size = 0
    at = start
    searched = np.zeros(5, np.int64)
    while at < end:
        byte = text[at]
        kind = CLASSES[byte]
        if kind & _SPACE:
            if size and out[size - 1] != 32:
                out[size] = 32
                size += 1
            at += 1
            continue
        stop, marker = _replaced(text, at, start, end, searched)
        if stop > at:
            out[size] = marker
            size += 1
            at = stop
            continue
        out[size] = byte + 32 if kind & _UPPER else byte
        size += 1
        at += 1
        while kind & _LITERAL and at < end and CLASSES[text[at]] & _LETTER:  # nothing begins inside a word
            out[size] = text[at] | 32
            size += 1
            at += 1
    return size - 1 if size and out[size - 1] == 32 else size


@numba.njit(inline="always")
def _rotate(x: Any, bits: Any) -> Any:
    return (x << U64(bits)) | (x >> U64(64 - bits))


@numba.njit(inline="always")
def _round(v0: Any, v1: Any, v2: Any, v3: Any) -> Any:
    v0 = v0 + v1
    v2 = v2 + v3
    v1 = _rotate(v1, 13) ^ v0
    v3 = _rotate(v3, 16) ^ v2
    v0 = _rotate(v0, 32)
    v2 = v2 + v1
    v0 = v0 + v3
    v1 = _rotate(v1, 17) ^ v2
    v3 = _rotate(v3, 21) ^ v0
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


@numba.njit(cache=True)
def siphash(
    k0: Any, k1: Any, data: Bytes, start: int, end: int, compressions: int, finalisations: int
) -> Any:
    """SipHash-c-d of data[start:end] under the key (k0, k1); an unsigned 64-bit value."""
    v0 = k0 ^ U64(0x736F6D6570736575)
    v1 = k1 ^ U64(0x646F72616E646F6D)
    v2 = k0 ^ U64(0x6C7967656E657261)
    v3 = k1 ^ U64(0x7465646279746573)
    length = end - start
    whole = start + (length // 8) * 8
    for at in range(start, whole, 8):
        word = U64(0)
        for byte in range(8):
            word |= U64(data[at + byte]) << U64(8 * byte)
        v3 ^= word
        for _ in range(compressions):
            v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0 ^= word
    word = U64(length & 0xFF) << U64(56)
    for byte in range(end - whole):
        word |= U64(data[whole + byte]) << U64(8 * byte)
    v3 ^= word
    for _ in range(compressions):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0 ^= word
    v2 ^= U64(0xFF)
    for _ in range(finalisations):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@numba.njit(inline="always")
def siphash13_words(k0: Any, k1: Any, first: Any, second: Any) -> Any:
    """SipHash-1-3 of two 64-bit words, as of their 16 little-endian bytes."""
    v0 = k0 ^ U64(0x736F6D6570736575)
    v1 = k1 ^ U64(0x646F72616E646F6D)
    v2 = k0 ^ U64(0x6C7967656E657261)
    v3 = k1 ^ U64(0x7465646279746573)
    for word in (first, second, U64(16) << U64(56)):
        v3 ^= word
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0 ^= word
    v2 ^= U64(0xFF)
    for _ in range(3):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@numba.njit(cache=True)
def _words(skeleton: Bytes, size: int, starts: Ints, ends: Ints) -> Any:
    """Write where words start and end; gives how many there are."""
    count, at = 0, 0
    while at < size:
        byte = skeleton[at]
        stop = at
        if byte >= 0xE0:
            stop = min(size, at + (4 if byte >= 0xF0 else 3))
        else:
            while stop < size and TOKENS[skeleton[stop]]:
                stop += 1
        if stop == at:
            at += 1
            continue
        starts[count], ends[count] = at, stop
        count += 1
        at = stop
    return count


@numba.njit(cache=True)
def _sketch(
    skeleton: Bytes, size: int, starts: Ints, ends: Ints, count: int, k0: Any, k1: Any, out: Bytes
) -> None:
    """Write the 64 values of 8 bits."""
    minima = np.full(SKETCH_VALUES, U64(_EMPTY), np.uint64)
    if count < 2:
        only = siphash(k0, k1, skeleton, 0, size, 1, 3)
        minima[only >> U64(58)] = only
    else:
        previous = siphash(k0, k1, skeleton, starts[0], ends[0], 1, 3)
        for word in range(1, count):
            current = siphash(k0, k1, skeleton, starts[word], ends[word], 1, 3)
            shingle = siphash13_words(k0, k1, previous, current)
            place = shingle >> U64(58)
            minima[place] = min(minima[place], shingle)
            previous = current
    for place in range(SKETCH_VALUES):
        source, attempt = U64(place), U64(0)
        while minima[source] == U64(_EMPTY):
            attempt += U64(1)
            source = siphash13_words(k0, k1, U64(place), attempt) >> U64(58)
        out[place] = minima[source] & U64(0xFF)


@numba.njit(cache=True)
def fingerprint(text: Bytes, offsets: Ints, keys: NDArray[np.uint64]) -> Any:
    """Fingerprints of the prompts text[offsets[i]:offsets[i + 1]].

    `keys`: four words, the template key and the sketch key. Gives `hashes` (n, 3) int64 (template, opening,
    closing), `long_enough` (n,) bool (opening and closing are given) and `sketches` (n, 64) uint8.
    """
    prompts = len(offsets) - 1
    hashes = np.zeros((prompts, 3), np.int64)
    long_enough = np.zeros(prompts, np.bool_)
    sketches = np.zeros((prompts, SKETCH_VALUES), np.uint8)
    longest = 1
    for prompt in range(prompts):
        longest = max(longest, offsets[prompt + 1] - offsets[prompt])
    skeleton = np.empty(longest, np.uint8)
    starts = np.empty(longest, np.int64)
    ends = np.empty(longest, np.int64)
    k0, k1 = keys[0], keys[1]
    for prompt in range(prompts):
        size = write_skeleton(text, offsets[prompt], offsets[prompt + 1], skeleton)
        count = _words(skeleton, size, starts, ends)
        hashes[prompt, 0] = np.int64(siphash(k0, k1, skeleton, 0, size, 2, 4))
        if count >= MIN_WORDS:
            long_enough[prompt] = True
            hashes[prompt, 1] = np.int64(siphash(k0, k1, skeleton, 0, ends[EDGE_WORDS - 1], 2, 4))
            hashes[prompt, 2] = np.int64(siphash(k0, k1, skeleton, starts[count - EDGE_WORDS], size, 2, 4))
        _sketch(skeleton, size, starts, ends, count, keys[2], keys[3], sketches[prompt])
    return hashes, long_enough, sketches
