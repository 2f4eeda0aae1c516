"""What torch's CPU generator draws, without torch: `randperm` and `randint(0, 2)` from a seed, bit for bit.

The generator is MT19937 (Matsumoto & Nishimura 1998; initialisation of 2002, multiplier 1812433253). Of a
64-bit seed it keeps the low 32 bits (torch 2.13.0, `ATen/core/MT19937RNGEngine.h`), so two seeds that agree
there give one and the same list. `randperm` is the Fisher–Yates shuffle from the front, one 32-bit draw
modulo the places left at each step (`ATen/native/TensorFactories.cpp`, n below 2^32 / 20), so that the first
k elements need k draws; `randint(0, 2)` is the lowest bit of a 32-bit draw
(`ATen/core/TransformationHelper.h`). Checked against torch 2.13.0; other versions are not covered, and a
CUDA generator draws other numbers.

One file on purpose: the compiler's cache does not see changes in other files.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

UInts32 = NDArray[np.uint32]
U32 = np.uint32

MAX_PERMUTATION = 0xFFFFFFFF // 20
"""From here on torch's randperm draws in another way."""
_N, _M = 624, 397


@numba.njit(cache=True)
def _initialise(state: UInts32, seed: Any) -> None:
    state[0] = seed
    for i in range(1, _N):
        x = state[i - 1]
        state[i] = U32(1812433253) * (x ^ (x >> U32(30))) + U32(i)


@numba.njit(inline="always")
def _mixed(a: Any, b: Any, c: Any) -> Any:
    y = (a & U32(0x80000000)) | (b & U32(0x7FFFFFFF))
    return c ^ (y >> U32(1)) ^ (U32(0x9908B0DF) * (y & U32(1)))


@numba.njit(cache=True)
def _refill(state: UInts32, out: UInts32) -> None:
    """The next 624 draws; loops without a wrap-around, so that they can use vector instructions."""
    for i in range(_N - _M):
        state[i] = _mixed(state[i], state[i + 1], state[i + _M])
    for i in range(_N - _M, _N - 1):
        state[i] = _mixed(state[i], state[i + 1], state[i + _M - _N])
    state[_N - 1] = _mixed(state[_N - 1], state[0], state[_M - 1])
    for i in range(_N):
        y = state[i]
        y ^= y >> U32(11)
        y ^= (y << U32(7)) & U32(0x9D2C5680)
        y ^= (y << U32(15)) & U32(0xEFC60000)
        out[i] = y ^ (y >> U32(18))


@numba.njit(cache=True)
def _shuffle(order: UInts32, swaps: UInts32, k: int, seed: Any, state: UInts32, draws: UInts32) -> None:
    """Bring the first k elements of `order` into place; `swaps[i]` is the place that i was swapped with."""
    _initialise(state, seed)
    n = len(order)
    for start in range(0, k, _N):
        _refill(state, draws)
        for i in range(start, min(start + _N, k)):
            j = U32(i) + draws[i - start] % U32(n - i)
            swaps[i] = j
            order[i], order[j] = order[j], order[i]


@numba.njit(cache=True)
def _permutation(n: int, seed: Any) -> UInts32:
    order = np.arange(n).astype(np.uint32)
    _shuffle(order, np.empty(n, np.uint32), n - 1, seed, np.empty(_N, np.uint32), np.empty(_N, np.uint32))
    return order


@numba.njit(cache=True)
def _bits(n: int, seed: Any) -> NDArray[np.uint8]:
    state, draws = np.empty(_N, np.uint32), np.empty(_N, np.uint32)
    _initialise(state, seed)
    out = np.empty(n, np.uint8)
    for start in range(0, n, _N):
        _refill(state, draws)
        for i in range(start, min(start + _N, n)):
            out[i] = draws[i - start] & U32(1)
    return out


@numba.njit(cache=True, nogil=True)
def first_of_permutation(
    seeds: UInts32, n: int, k: int, sets: NDArray[np.uint8], slots: NDArray[np.int64]
) -> None:
    """The first k elements of `randperm(n)` for each seed, as a bitset in row `slots[i]` of `sets`.

    `seeds` and `slots`, shape (m,); `sets`, shape (rows, at least n / 8), bit `t & 7` of byte `t >> 3`.
    """
    order, swaps = np.arange(n).astype(np.uint32), np.empty(k, np.uint32)
    state, draws = np.empty(_N, np.uint32), np.empty(_N, np.uint32)
    for s in range(len(seeds)):
        _shuffle(order, swaps, k, seeds[s], state, draws)
        row = sets[slots[s]]
        row[:] = 0
        for i in range(k):
            row[order[i] >> U32(3)] |= np.uint8(1) << np.uint8(order[i] & U32(7))
        # only the places that were touched go back: a fresh copy of `order` would cost as much as the draws
        for i in range(k):
            order[i] = i
            order[swaps[i]] = swaps[i]


@numba.njit(cache=True, nogil=True)
def look_up(
    sets: NDArray[np.uint8],
    slots: NDArray[np.int64],
    which: NDArray[np.int64],
    elements: UInts32,
    out: NDArray[np.bool_],
) -> None:
    """Set `out[i]` to whether `elements[i]` is in row `slots[which[i]]` of `sets`, where that is not -1."""
    for i in range(len(which)):
        slot = slots[which[i]]
        if slot >= 0:
            out[i] = (sets[slot, elements[i] >> 3] >> (elements[i] & 7)) & 1


@numba.njit(cache=True, nogil=True)
def among_first(seeds: UInts32, elements: UInts32, n: int, k: int) -> NDArray[np.bool_]:
    """Whether `elements[i]` is among the first k of `randperm(n)` under `seeds[i]`; all of shape (m,).

    Follows the one element through the swaps, and stops where it is taken.
    """
    state, draws = np.empty(_N, np.uint32), np.empty(_N, np.uint32)
    out = np.zeros(len(seeds), np.bool_)
    for s in range(len(seeds)):
        _initialise(state, seeds[s])
        place = elements[s]
        for start in range(0, k, _N):
            _refill(state, draws)
            for i in range(start, min(start + _N, k)):
                j = U32(i) + draws[i - start] % U32(n - i)
                if j == place:
                    out[s] = True
                    break
                if U32(i) == place:
                    place = j
            if out[s]:
                break
    return out


def randperm(n: int, seed: int) -> UInts32:
    """`torch.randperm(n)` under `Generator().manual_seed(seed)`, shape (n,).

    Raises `ValueError` from 2^32 / 20 on, where torch draws in another way.
    """
    if not 0 < n < MAX_PERMUTATION:
        raise ValueError("n is out of range")
    return np.asarray(_permutation(n, U32(seed & 0xFFFFFFFF)))


def random_bits(n: int, seed: int) -> NDArray[np.uint8]:
    """`torch.randint(0, 2, (n,))` under `Generator().manual_seed(seed)`, shape (n,), zeros and ones."""
    return np.asarray(_bits(n, U32(seed & 0xFFFFFFFF)))
