"""Which pairs are new: first occurrences of 64-bit fingerprints, at the speed of memory.

A table that is larger than the processor's cache costs a miss a token, so large bodies are first dealt out by
their hash into parts that fit (counting sort, which keeps the order within a part).
"""

import secrets
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

UInts = NDArray[np.uint64]
U64 = np.uint64

_SALT = U64(secrets.randbits(64))
"""Drawn in each process, so that no text can be made to crowd a table; no answer depends on it."""
_PART = 1 << 15
"""Fingerprints in a part; its table of 2^16 words fits into half a megabyte."""
_DIRECT = 1 << 17
"""So many are not dealt out."""


@numba.njit(inline="always")
def _mix(x: Any) -> Any:
    """Finaliser of SplitMix64 (Steele et al. 2014): fingerprints need not be uniform."""
    x = (x ^ (x >> U64(30))) * U64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> U64(27))) * U64(0x94D049BB133111EB)
    return x ^ (x >> U64(31))


@numba.njit(nogil=True, cache=True)
def _mark_new(fingerprints: Any, salt: Any, begin: Any, end: Any, bits: Any, table: Any, new: Any) -> Any:
    """Set `new` at first occurrences in fingerprints[begin:end]; a slot holds a place + 1, or 0."""
    mask = (U64(1) << U64(bits)) - U64(1)
    table[: mask + U64(1)] = 0
    for at in range(begin, end):
        fingerprint = fingerprints[at]
        slot = _mix(fingerprint ^ salt) & mask
        while True:
            held = table[slot]
            if held == 0:
                table[slot] = at - begin + 1
                new[at] = True
                break
            if fingerprints[begin + held - 1] == fingerprint:
                break
            slot = (slot + U64(1)) & mask


@numba.njit(nogil=True, cache=True)
def _deal(fingerprints: Any, salt: Any, bits: Any) -> Any:
    """Fingerprints by the top `bits` of their mix, in order within a part; their places; part limits."""
    shift = U64(64 - bits)
    ends = np.zeros((1 << bits) + 1, np.int64)
    for fingerprint in fingerprints:
        ends[np.int64(_mix(fingerprint ^ salt) >> shift) + 1] += 1
    ends = np.cumsum(ends)
    at = ends[:-1].copy()
    dealt = np.empty(len(fingerprints), np.uint64)
    places = np.empty(len(fingerprints), np.uint32)
    for index in range(len(fingerprints)):
        part = np.int64(_mix(fingerprints[index] ^ salt) >> shift)
        dealt[at[part]] = fingerprints[index]
        places[at[part]] = index
        at[part] += 1
    return dealt, places, ends


@numba.njit(nogil=True, cache=True)
def _mark_parts(fingerprints: Any, salt: Any, ends: Any, new: Any) -> Any:
    """`_mark_new` of every part between the limits `ends`."""
    largest = 0
    for part in range(len(ends) - 1):
        largest = max(largest, ends[part + 1] - ends[part])
    table = np.empty(1 << _bits(largest), np.int32)
    for part in range(len(ends) - 1):
        size = ends[part + 1] - ends[part]
        _mark_new(fingerprints, salt, ends[part], ends[part + 1], _bits(size), table, new)


@numba.njit(inline="always")
def _bits(count: Any) -> Any:
    """Bits of a table that is at most half full."""
    bits = 4
    while (1 << bits) < 2 * count:
        bits += 1
    return bits


def first_occurrences(fingerprints: UInts) -> NDArray[np.bool_]:
    """True where a fingerprint stands for the first time; shape (n,), n below 2^31."""
    count = len(fingerprints)
    if count <= _DIRECT:
        return first_in_each(fingerprints, np.array([0, count]))
    dealt, places, ends = _deal(fingerprints, _SALT, (count // _PART).bit_length())
    new = np.empty(count, np.bool_)
    new[places] = first_in_each(dealt, ends)
    return new


def first_in_each(fingerprints: UInts, ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True where a fingerprint stands for the first time in its own document; shape (n,).

    `ends`, shape (documents + 1,), are the limits of the documents, from 0 to n.
    """
    new = np.zeros(len(fingerprints), np.bool_)
    _mark_parts(fingerprints, _SALT, ends, new)
    return new
