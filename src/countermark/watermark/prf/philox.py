"""Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") over token windows, as
vLLM 0.30 to 0.33 chain it (vllm/v1/watermarking/prfs/philox.py, `philox4x32-10-v1`).

A context goes in by blocks of four ids: the state starts as (domain, width, 0, 0), each block is added to
it by exclusive or and encrypted, with the block's offset in the key. The token then selects a block (id / 4)
and a word of it (id mod 4). Ids count modulo 2^32, so vLLM's -1 before the first token is 2^32 - 1.

One file on purpose: the compiler's cache does not see changes in other files.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

UInts = NDArray[np.uint64]
U64 = np.uint64

_MASK = U64(0xFFFFFFFF)
_M0, _M1 = U64(0xD2511F53), U64(0xCD9E8D57)
_W0, _W1 = U64(0x9E3779B9), U64(0xBB67AE85)
_CONTEXT_DOMAIN, _TOKEN_DOMAIN = U64(0x574D4358), U64(0x574D544B)
_HALF = U64(32)


def key_words(key: int) -> tuple[np.uint64, np.uint64]:
    """Low and high 32 bits of a 64-bit key."""
    return U64(key & 0xFFFFFFFF), U64(key >> 32)


@numba.njit(inline="always")
def _rounds(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Ten rounds on 32-bit words that are kept in 64-bit ones."""
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _MASK, (p0 >> _HALF) ^ c3 ^ k1, p0 & _MASK
        k0 = (k0 + _W0) & _MASK
        k1 = (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@numba.njit(cache=True)
def philox4x32(counter: UInts, key: UInts) -> Any:
    """The bare function: four 32-bit words of counter and two of key to four words."""
    c0, c1, c2, c3 = _rounds(counter[0], counter[1], counter[2], counter[3], key[0], key[1])
    return np.array([c0, c1, c2, c3], np.uint64)


@numba.njit(inline="always")
def _context(ids: Any, at: Any, width: Any, k0: Any, k1: Any) -> Any:
    """State after the `width` ids from index `at` on."""
    s0, s1, s2, s3 = _CONTEXT_DOMAIN, U64(width), U64(0), U64(0)
    for offset in range(0, width, 4):
        i = at + offset
        left = width - offset
        w0 = ids[i]
        w1 = ids[i + 1] if left > 1 else _MASK - U64(1)
        w2 = ids[i + 2] if left > 2 else _MASK - U64(2)
        w3 = ids[i + 3] if left > 3 else _MASK - U64(3)
        s0, s1, s2, s3 = _rounds(s0 ^ w0, s1 ^ w1, s2 ^ w2, s3 ^ w3, k0 ^ U64(offset), k1)
    return s0, s1, s2, s3


@numba.njit(nogil=True, cache=True)
def hash_windows(ids: UInts, width: int, k0: Any, k1: Any) -> Any:
    """64 bits for every window of `width` context ids and a token, shape (n - width,).

    `ids` are below 2^32. The upper 32 bits are the word that the token selects, the one that vLLM uses; the
    lower are the word after it in the same block, so that the whole tells windows apart.
    """
    count = max(len(ids) - width, 0)
    out = np.empty(count, np.uint64)
    for i in range(count):
        s0, s1, s2, s3 = _context(ids, i, width, k0, k1)
        token = ids[i + width]
        a, b, c, d = _rounds(token >> U64(2), s0, s1, s2, k0 ^ s3, k1 ^ _TOKEN_DOMAIN)
        word = token & U64(3)
        if word == 0:
            out[i] = (a << _HALF) | b
        elif word == 1:
            out[i] = (b << _HALF) | c
        elif word == 2:
            out[i] = (c << _HALF) | d
        else:
            out[i] = (d << _HALF) | a
    return out


@numba.njit(nogil=True, cache=True)
def hash_contexts(ids: UInts, width: int, k0: Any, k1: Any) -> Any:
    """64 bits of the state after every context of `width` ids that a token follows, shape (n - width,)."""
    count = max(len(ids) - width, 0)
    out = np.empty(count, np.uint64)
    for i in range(count):
        s0, s1, _, _ = _context(ids, i, width, k0, k1)
        out[i] = (s0 << _HALF) | s1
    return out
