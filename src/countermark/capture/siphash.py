"""SipHash-2-4 and SipHash-1-3 (Aumasson and Bernstein, 2012), compiled, over a slice of bytes."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
U64 = np.uint64


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
    """SipHash-c-d of data[start:end] under the key (k0, k1), little-endian words; an unsigned 64-bit value."""
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
