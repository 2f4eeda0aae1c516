"""Green lists that were drawn once, kept as bitsets by seed in bounded memory."""

import numpy as np
from numpy.typing import NDArray

from countermark.watermark.prf.torch_random import UInts32, first_of_permutation, look_up

Bools = NDArray[np.bool_]
MEMORY = 256 << 20
"""At most so many bytes of bitsets: 16,000 lists over 128,256 ids."""


class GreenSets:
    """The first `green` ids of `randperm(vocabulary)`, by seed; the oldest list goes where memory is full."""

    def __init__(self, vocabulary: int, green: int, memory: int = MEMORY) -> None:
        self._vocabulary, self._green = vocabulary, green
        self._bytes = (vocabulary + 7) // 8
        self._capacity = max(memory // self._bytes, 1)
        self._sets = np.zeros((min(self._capacity, 64), self._bytes), np.uint8)
        self._slots: dict[int, int] = {}
        self._held: dict[int, int] = {}
        self._next = 0

    def green(self, seeds: UInts32, tokens: UInts32) -> Bools:
        """Whether each token is in the list of its seed; all of shape (n,)."""
        distinct, which = np.unique(seeds, return_inverse=True)
        out = np.zeros(len(seeds), np.bool_)
        slots = np.array([self._slots.get(seed, -1) for seed in distinct.tolist()], np.int64)
        look_up(self._sets, slots, which, tokens, out)
        missing = np.flatnonzero(slots < 0)
        for start in range(0, len(missing), self._capacity):
            part = missing[start : start + self._capacity]
            slots[:] = -1
            slots[part] = self._draw(distinct[part])
            look_up(self._sets, slots, which, tokens, out)
        return out

    def _draw(self, seeds: UInts32) -> NDArray[np.int64]:
        """Slots of lists that are drawn now, shape (n,) with n at most the capacity."""
        slots = (self._next + np.arange(len(seeds))) % self._capacity
        self._next = int(slots[-1] + 1) % self._capacity
        rows = min(max(int(slots.max()) + 1, len(self._sets)), self._capacity)
        if rows > len(self._sets):
            grown = np.zeros((min(max(rows, 2 * len(self._sets)), self._capacity), self._bytes), np.uint8)
            grown[: len(self._sets)] = self._sets
            self._sets = grown
        for slot, seed in zip(slots.tolist(), seeds.tolist(), strict=True):
            self._slots.pop(self._held.get(slot, -1), None)
            self._slots[seed] = slot
            self._held[slot] = seed
        first_of_permutation(seeds, self._vocabulary, self._green, self._sets, slots)
        return slots
