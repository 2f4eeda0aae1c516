"""Lefthash's green lists, each drawn once and kept as a bitset in bounded memory."""

import numpy as np
from numpy.typing import NDArray

from countermark.watermark.prf.torch_random import UInts32, first_of_permutation, look_up

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
MEMORY = 256 << 20
"""At most so many bytes of bitsets: 16,000 lists over 128,256 ids."""


class GreenSets:
    """The first `green` ids of `randperm(len(seeds))` under each seed; full memory lets the oldest go."""

    def __init__(self, seeds: UInts32, green: int, memory: int = MEMORY) -> None:
        """`seeds`, shape (vocabulary,): the seed after each last id."""
        self._seeds, self._green = seeds, green
        self._bytes = (len(seeds) + 7) // 8
        self._capacity = max(min(memory // self._bytes, len(seeds)), 1)
        self._sets = np.zeros((0, self._bytes), np.uint8)
        self._slots = np.full(len(seeds), -1, np.int64)
        self._held = np.full(self._capacity, -1, np.int64)
        self._next = 0

    def green(self, last: Ints, tokens: UInts32) -> Bools:
        """Whether each token is in the list after the last id before it; all of shape (n,)."""
        out = np.zeros(len(last), np.bool_)
        if len(self._sets):
            look_up(self._sets, self._slots, last, tokens, out)
        missing = np.unique(last[self._slots[last] < 0])
        for start in range(0, len(missing), self._capacity):
            part = missing[start : start + self._capacity]
            self._draw(part)
            only = np.full(len(self._seeds), -1, np.int64)
            only[part] = self._slots[part]
            look_up(self._sets, only, last, tokens, out)
        return out

    def _draw(self, last: Ints) -> None:
        """Draw the lists after these ids, all different and at most as many as there is room for."""
        slots = (self._next + np.arange(len(last))) % self._capacity
        self._next = int(slots[-1] + 1) % self._capacity
        if slots.max() >= len(self._sets):
            rows = min(max(int(slots.max()) + 1, 2 * len(self._sets)), self._capacity)
            grown = np.zeros((rows, self._bytes), np.uint8)
            grown[: len(self._sets)] = self._sets
            self._sets = grown
        gone = self._held[slots]
        self._slots[gone[gone >= 0]] = -1
        self._slots[last], self._held[slots] = slots, last
        first_of_permutation(self._seeds[last], len(self._seeds), self._green, self._sets, slots)
