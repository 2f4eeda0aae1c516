"""SynthID's hashes: a linear congruential step over 64-bit words, `h <- (h + x) M + 1` modulo 2^64.

Both released hashes begin so (transformers 5.23.0 `generation/logits_process.py`, synthid-text 0.2.1
`logits_processing.py` and its commit addb4a1): a start value, the ngram's tokens, then one layer's key. They
part in how a g-value (one bit) comes of the result h:

- table: `table[h mod size]`, a public random table (65,536 bits by default). The step is linear and carries
  run upwards only, so with a size of 2^b nothing above the low b bits of state and key is ever read.
- iterated (addb4a1): twelve times `h <- ((h + 1) M + 1) >> 5` (arithmetic shift), then bit 30. The start
  value is the SHA-256 of all keys; by linearity it adds one constant to every state, so the state from zero
  says, without the key, which ngrams get equal g-values.

One file on purpose: the compiler's cache does not see changes in other files.
"""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

UInts = NDArray[np.uint64]
Ints = NDArray[np.int64]
U64 = np.uint64

MULTIPLIER = U64(6364136223846793005)
ROUNDS, SHIFT, BIT = 12, 5, 30
_LONG_MAX = (1 << 63) - 1
_GOLDEN = U64(0x9E3779B97F4A7C15)
_SALT = U64(secrets.randbits(64))
"""Drawn in each process, so that no text can be made to crowd a table; no answer depends on it."""


@numba.njit(cache=True, nogil=True)
def states(ids: Ints, ngram_len: int, start: Any) -> tuple[UInts, UInts]:
    """States after each whole ngram's context (its first `ngram_len` - 1 ids) and after the whole ngram.

    `ids`, shape (n,); both results have shape (n - ngram_len + 1,), or (0,) for a shorter document.
    """
    count = max(len(ids) - ngram_len + 1, 0)
    contexts, ngrams = np.empty(count, np.uint64), np.empty(count, np.uint64)
    for i in range(count):
        h = U64(start)
        for j in range(ngram_len - 1):
            h = (h + U64(ids[i + j])) * MULTIPLIER + U64(1)
        contexts[i] = h
        ngrams[i] = (h + U64(ids[i + ngram_len - 1])) * MULTIPLIER + U64(1)
    return contexts, ngrams


def repeated(contexts: UInts, history: int, zero_counts: bool) -> NDArray[np.bool_]:
    """Whether each context is among the `history` contexts before it, repeats included; shape (n,).

    With `zero_counts` a state of 0 is a repeat too while the history is not full, because the engine's
    history begins as zeros.
    """
    marks: NDArray[np.bool_] = _repeated(contexts, history, zero_counts, _SALT)
    return marks


@numba.njit(cache=True, nogil=True)
def _repeated(contexts: UInts, history: int, zero_counts: bool, salt: Any) -> NDArray[np.bool_]:
    n = len(contexts)
    bits = 4
    while (1 << bits) < 2 * n:
        bits += 1
    last = np.full(1 << bits, -1, np.int32)
    out = np.zeros(n, np.bool_)
    for i in range(n):
        place = (contexts[i] ^ salt) * _GOLDEN
        place = ((place ^ (place >> U64(32))) * _GOLDEN) >> U64(64 - bits)
        while last[place] >= 0 and contexts[last[place]] != contexts[i]:
            place = (place + U64(1)) & U64((1 << bits) - 1)
        out[i] = (last[place] >= 0 and i - last[place] <= history) or (
            zero_counts and contexts[i] == U64(0) and i < history
        )
        last[place] = i
    return out


@numba.njit(cache=True, nogil=True)
def iterated_bits(ngrams: UInts, offset: Any) -> NDArray[np.uint8]:
    """One layer's g-values under the iterated hash, shape (n,); `offset` is the layer's of `offsets`."""
    out = np.empty(len(ngrams), np.uint8)
    for i in range(len(ngrams)):
        h = np.int64((ngrams[i] + offset) * MULTIPLIER + U64(1))
        for _ in range(ROUNDS):
            h = np.int64((U64(h) + U64(1)) * MULTIPLIER + U64(1)) >> SHIFT
        out[i] = (h >> BIT) & 1
    return out


def start_value(keys: Sequence[int]) -> int:
    """Start value of the iterated hash: SHA-256 of the keys as little-endian 64-bit words, mod 2^63 - 1."""
    digest = hashlib.sha256(b"".join(key.to_bytes(8, "little", signed=True) for key in keys)).digest()
    return int.from_bytes(digest, "big") % _LONG_MAX


def offsets(start: int, keys: Sequence[int], ngram_len: int) -> UInts:
    """What start value and each layer's key add to the state of an ngram hashed from 0, shape (depth,)."""
    carried = start * pow(int(MULTIPLIER), ngram_len, 1 << 64)
    return np.array([(carried + key) % (1 << 64) for key in keys], dtype=np.uint64)


def table_by_sum(table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The sampling table reordered so that entry (state + key) mod size is the g-value, shape (size,)."""
    size = len(table)
    sums = np.arange(size, dtype=np.uint64)
    reordered: NDArray[np.uint8] = table[(sums * MULTIPLIER + U64(1)) & U64(size - 1)]
    return reordered
