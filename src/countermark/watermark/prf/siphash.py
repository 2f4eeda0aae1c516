"""SipHash-2-4 (Aumasson & Bernstein 2012, section 2) of token windows under a 128-bit key.

The message, as spec/gumbel-siphash.md fixes it: 8 bytes of domain (`CMgumb1` and the context width k), the k
context ids and, where k is odd, four zero bytes, then the token, every id as 32 bits little-endian. So the
state before the last block depends on the context alone, and one context serves a whole vocabulary.

One file on purpose: the compiler's cache does not see changes in other files. Each block of positions goes
through one round after the other, so that the compiler can use vector instructions for any context width.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

UInts = NDArray[np.uint64]
Floats = NDArray[np.float64]
U64 = np.uint64

_DOMAIN = b"CMgumb1"
_BLOCK = 256
_PRODUCT = 16
"""So many factors of at least 2^-53 multiply without underflow; one logarithm serves all."""


def key_words(key: bytes) -> tuple[np.uint64, np.uint64]:
    """The two little-endian words of a 16-byte key."""
    return U64(int.from_bytes(key[:8], "little")), U64(int.from_bytes(key[8:], "little"))


def domain_word(context_width: int) -> np.uint64:
    """The first block of every message."""
    return U64(int.from_bytes(_DOMAIN + bytes([context_width]), "little"))


@numba.njit
def _rotl(x: Any, b: int) -> Any:
    return (x << U64(b)) | (x >> U64(64 - b))


@numba.njit
def _round(v0: Any, v1: Any, v2: Any, v3: Any) -> Any:
    v0 += v1
    v1 = _rotl(v1, 13) ^ v0
    v0 = _rotl(v0, 32)
    v2 += v3
    v3 = _rotl(v3, 16) ^ v2
    v0 += v3
    v3 = _rotl(v3, 21) ^ v0
    v2 += v1
    v1 = _rotl(v1, 17) ^ v2
    v2 = _rotl(v2, 32)
    return v0, v1, v2, v3


@numba.njit
def _absorb(v0: Any, v1: Any, v2: Any, v3: Any, word: Any) -> Any:
    v3 ^= word
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ word, v1, v2, v3


@numba.njit
def _finish(v0: Any, v1: Any, v2: Any, v3: Any) -> Any:
    v2 ^= U64(0xFF)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@numba.njit
def _start(k0: Any, k1: Any, domain: Any) -> Any:
    """State after the domain block."""
    v0, v1 = k0 ^ U64(0x736F6D6570736575), k1 ^ U64(0x646F72616E646F6D)
    v2, v3 = k0 ^ U64(0x6C7967656E657261), k1 ^ U64(0x7465646279746573)
    return _absorb(v0, v1, v2, v3, domain)


@numba.njit(cache=True)
def siphash24(words: UInts, k0: Any, k1: Any) -> Any:
    """SipHash-2-4 of a message given as its blocks, the last one with the length in its top byte."""
    v0, v1 = k0 ^ U64(0x736F6D6570736575), k1 ^ U64(0x646F72616E646F6D)
    v2, v3 = k0 ^ U64(0x6C7967656E657261), k1 ^ U64(0x7465646279746573)
    for word in words:
        v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, word)
    return _finish(v0, v1, v2, v3)


@numba.njit(nogil=True, cache=True)
def pack_windows(ids: UInts, width: int) -> Any:
    """Blocks after the domain of every window of `ids` (k context ids and a token): shape (blocks, n - k).

    `ids` are below 2^32. The last block holds the token and, in its top byte, the message's length.
    """
    contexts = (width + 1) // 2
    count = max(len(ids) - width, 0)
    words = np.empty((contexts + 1, count), np.uint64)
    last = U64(8 + 8 * contexts + 4) << U64(56)
    for block in range(contexts):
        at = 2 * block
        if at + 1 < width:
            for i in range(count):
                words[block, i] = ids[i + at] | (ids[i + at + 1] << U64(32))
        else:
            for i in range(count):
                words[block, i] = ids[i + at]
    for i in range(count):
        words[contexts, i] = ids[i + width] | last
    return words


@numba.njit(inline="always")
def _hash_block(words: Any, begin: Any, size: Any, start: Any, v: Any, out: Any) -> None:
    """Hashes of windows begin … begin + size into out[:size]; v is scratch of shape (4, _BLOCK)."""
    v0, v1, v2, v3 = v[0], v[1], v[2], v[3]
    for i in range(size):
        v0[i], v1[i], v2[i], v3[i] = start
    for block in range(words.shape[0]):
        row = words[block, begin : begin + size]
        for i in range(size):
            v0[i], v1[i], v2[i], v3[i] = _absorb(v0[i], v1[i], v2[i], v3[i], row[i])
    for i in range(size):
        out[i] = _finish(v0[i], v1[i], v2[i], v3[i])


@numba.njit(nogil=True, cache=True)
def hash_windows(words: UInts, k0: Any, k1: Any, domain: Any) -> Any:
    """64-bit hashes, one a window; `words` as `pack_windows` gives them."""
    count = words.shape[1]
    out = np.empty(count, np.uint64)
    scratch = np.empty((4, _BLOCK), np.uint64)
    start = _start(k0, k1, domain)
    for begin in range(0, count, _BLOCK):
        size = min(_BLOCK, count - begin)
        _hash_block(words, begin, size, start, scratch, out[begin : begin + size])
    return out


@numba.njit(inline="always")
def _log_product(hashes: Any, size: Any) -> Any:
    """-Σ ln(1 - m/2^53) over hashes[:size], m = hash >> 11; 2^53 - m is exact in float64."""
    total = 0.0
    full = size - size % _PRODUCT
    for i in range(0, full, _PRODUCT):
        product = 1.0
        for j in range(_PRODUCT):
            left = (U64(1) << U64(53)) - (hashes[i + j] >> U64(11))
            product *= np.float64(np.int64(left)) * 2.0**-53
        total -= np.log(product)
    for i in range(full, size):
        left = (U64(1) << U64(53)) - (hashes[i] >> U64(11))
        total -= np.log(np.float64(np.int64(left)) * 2.0**-53)
    return total


@numba.njit(nogil=True, cache=True)
def gumbel_statistic(hashes: UInts) -> Any:
    """Σ -ln(1 - m/2^53) with m the upper 53 bits of each hash (spec/gumbel-siphash.md, section 4)."""
    total = 0.0
    for begin in range(0, len(hashes), _BLOCK):
        size = min(_BLOCK, len(hashes) - begin)
        total += _log_product(hashes[begin : begin + size], size)
    return total


@numba.njit(nogil=True, cache=True)
def gumbel_statistics(words: UInts, keys: UInts, domain: Any) -> Any:
    """`gumbel_statistic` of the same distinct windows under many keys, shape (keys, 2); one float a key."""
    count = words.shape[1]
    out = np.zeros(len(keys))
    scratch = np.empty((4, _BLOCK), np.uint64)
    hashes = np.empty(_BLOCK, np.uint64)
    for key in range(len(keys)):
        start = _start(keys[key, 0], keys[key, 1], domain)
        for begin in range(0, count, _BLOCK):
            size = min(_BLOCK, count - begin)
            _hash_block(words, begin, size, start, scratch, hashes)
            out[key] += _log_product(hashes, size)
    return out


@numba.njit(nogil=True, cache=True)
def context_state(context: UInts, k0: Any, k1: Any, domain: Any) -> Any:
    """State before the last block for one context of k ids: four words."""
    width = len(context)
    v0, v1, v2, v3 = _start(k0, k1, domain)
    for at in range(0, width, 2):
        word = context[at]
        if at + 1 < width:
            word |= context[at + 1] << U64(32)
        v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, word)
    return np.array([v0, v1, v2, v3], np.uint64)


@numba.njit(nogil=True, cache=True)
def token_hashes(state: UInts, tokens: UInts, width: int) -> Any:
    """Hashes of candidate tokens after one context."""
    last = U64(8 + 8 * ((width + 1) // 2) + 4) << U64(56)
    out = np.empty(len(tokens), np.uint64)
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    for i in range(len(tokens)):
        v0, v1, v2, v3 = _absorb(s0, s1, s2, s3, tokens[i] | last)
        out[i] = _finish(v0, v1, v2, v3)
    return out


@numba.njit
def _exponential(hashed: Any) -> Any:
    """-ln u for u = (m + 1/2) 2^-53; the upper half goes through 1 - u, since m + 1/2 needs 54 bits there."""
    m = np.int64(hashed >> U64(11))
    if m < (1 << 52):
        return -np.log((np.float64(m) + 0.5) * 2.0**-53)
    return -np.log1p(-(np.float64((1 << 53) - 1 - m) + 0.5) * 2.0**-53)


@numba.njit(nogil=True, cache=True)
def exponentials(hashes: UInts) -> Any:
    """-ln u of each hash, shape (n,), all above 0 and finite (spec/gumbel-siphash.md, section 2)."""
    out = np.empty(len(hashes))
    for i in range(len(hashes)):
        out[i] = _exponential(hashes[i])
    return out


@numba.njit(nogil=True, cache=True)
def _better(state: Any, last: Any, tokens: Any, weights: Any, size: Any, hashes: Any, best: Any) -> Any:
    """Smallest E/w among tokens[:size] and (value, token) so far, ties to the lower id.

    E >= 1 - u > (2^53 - 1 - m) 2^-53, so a token whose integer complement is over value * w * 2^53 cannot
    win and needs no logarithm: first a whole block is compared with its largest weight, as integers.
    """
    value, token = best
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    for i in range(size):
        v0, v1, v2, v3 = _absorb(s0, s1, s2, s3, tokens[i] | last)
        hashes[i] = _finish(v0, v1, v2, v3)
    largest = weights[0]
    for i in range(size):
        largest = max(largest, weights[i])
    limit = np.int64(min(value * np.float64(largest) * 2.0**53 * (1 + 1e-9) + 1.0, 2.0**53))
    hits = np.int64(0)
    for i in range(size):
        hits += np.int64(~hashes[i] >> U64(11)) <= limit
    if hits == 0:
        return value, token
    for i in range(size):
        weight = np.float64(weights[i])
        if np.float64(np.int64(~hashes[i] >> U64(11))) * 2.0**-53 <= value * weight:
            found = _exponential(hashes[i]) / weight
            if found < value or token < 0 or (found == value and np.int64(tokens[i]) < token):
                value, token = found, np.int64(tokens[i])
    return value, token


@numba.njit(nogil=True, cache=True)
def _choose_token(row: Any, state: Any, last: Any, hashes: Any, tokens: Any, kept: Any) -> Any:
    """Choice for one row of weights; blocks without zeros go straight on, others are gathered first."""
    best, filled = (np.inf, np.int64(-1)), 0
    for begin in range(0, len(row), _BLOCK):
        block = row[begin : begin + _BLOCK]
        positive, bad = 0, 0
        for i in range(len(block)):
            positive += block[i] > 0
            bad += not 0 <= block[i] < np.inf
        if bad:
            return np.int64(-2)
        if filled == 0 and positive == _BLOCK:
            for i in range(_BLOCK):
                tokens[i] = U64(begin + i)
            best = _better(state, last, tokens, block, _BLOCK, hashes, best)
        elif positive:
            for i in range(len(block)):
                tokens[filled] = U64(begin + i)
                kept[filled] = block[i]
                filled += block[i] > 0
            if filled >= _BLOCK:
                best = _better(state, last, tokens, kept, filled, hashes, best)
                filled = 0
    if filled:
        best = _better(state, last, tokens, kept, filled, hashes, best)
    return best[1]


@numba.njit(nogil=True, cache=True)
def choose_tokens(weights: Any, states: UInts, rows: Any, width: int) -> Any:
    """Gumbel-max choice, argmin E/w over tokens of positive weight, in the given rows; shape (len(rows),).

    `weights` has shape (batch, vocabulary), any positive multiple of the probabilities a row; `states` as
    `context_state` gives them, one of `rows` each. -1 where no weight is positive, -2 where one is negative
    or not finite.
    """
    last = U64(8 + 8 * ((width + 1) // 2) + 4) << U64(56)
    hashes = np.empty(2 * _BLOCK, np.uint64)
    tokens = np.empty(2 * _BLOCK, np.uint64)
    kept = np.empty(2 * _BLOCK, weights.dtype)
    out = np.empty(len(rows), np.int64)
    for at in range(len(rows)):
        out[at] = _choose_token(weights[rows[at]], states[at], last, hashes, tokens, kept)
    return out
