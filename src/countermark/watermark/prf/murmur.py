"""MurmurHash3 x86_32 (Appleby 2011, MurmurHash3.cpp) over token windows, as SGLang 0.5.22 and 0.5.23 use it
(sglang/srt/sampling/watermarking/detector.py).

Messages are whole 32-bit words and the seed is 0: a context is hashed to 32 bits, and (key low, key high,
context hash, token) to 32 bits again. So two contexts with one hash are one context to SGLang.

One file on purpose: the compiler's cache does not see changes in other files.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

UInts = NDArray[np.uint64]
U64 = np.uint64

_MASK = U64(0xFFFFFFFF)
_HALF = U64(32)


@numba.njit(inline="always")
def _mix(state: Any, word: Any) -> Any:
    """Take in one word; 32-bit words are kept in 64-bit ones."""
    word = (word * U64(0xCC9E2D51)) & _MASK
    word = ((word << U64(15)) | (word >> U64(17))) & _MASK
    state ^= (word * U64(0x1B873593)) & _MASK
    state = ((state << U64(13)) | (state >> U64(19))) & _MASK
    return (state * U64(5) + U64(0xE6546B64)) & _MASK


@numba.njit(inline="always")
def _finish(state: Any, words: Any) -> Any:
    """Finaliser after `words` words."""
    state ^= U64(4 * words)
    state = ((state ^ (state >> U64(16))) * U64(0x85EBCA6B)) & _MASK
    state = ((state ^ (state >> U64(13))) * U64(0xC2B2AE35)) & _MASK
    return state ^ (state >> U64(16))


@numba.njit(cache=True)
def murmur3_words(words: UInts, seed: Any) -> Any:
    """MurmurHash3 x86_32 of a message of 32-bit words."""
    state = U64(seed)
    for word in words:
        state = _mix(state, word)
    return _finish(state, len(words))


@numba.njit(nogil=True, cache=True)
def hash_contexts(ids: UInts, width: int, seed: int) -> Any:
    """32-bit hashes of every context of `width` ids that a token follows, shape (n - width,)."""
    count = max(len(ids) - width, 0)
    out = np.empty(count, np.uint64)
    for i in range(count):
        state = U64(seed)
        for j in range(width):
            state = _mix(state, ids[i + j])
        out[i] = _finish(state, width)
    return out


@numba.njit(nogil=True, cache=True)
def hash_tokens(contexts: UInts, tokens: UInts, low: Any, high: Any) -> Any:
    """32-bit outcomes of (context hash, token) pairs under a key of two 32-bit words, shape (n,)."""
    out = np.empty(len(contexts), np.uint64)
    start = _mix(_mix(U64(0), low), high)
    for i in range(len(contexts)):
        out[i] = _finish(_mix(_mix(start, contexts[i]), tokens[i]), 4)
    return out


@numba.njit(nogil=True, cache=True)
def coins(contexts: UInts, key_a: UInts, key_b: UInts) -> Any:
    """32-bit coins of context hashes under two keys of two words each, shape (n,), as SGLang tosses them."""
    out = np.empty(len(contexts), np.uint64)
    start = _mix(_mix(U64(0), key_a[0]), key_a[1])
    start = _mix(_mix(start, key_b[0]), key_b[1])
    for i in range(len(contexts)):
        out[i] = _finish(_mix(start, contexts[i]), 5)
    return out
