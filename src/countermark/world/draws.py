"""Reproducible random draws: a stream per purpose, so that adding a day or a group moves no other draw."""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")
_BLOCK = 1 << 14


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """A generator of its own for one purpose, for example `stream(7, "people", day)`."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def token(seed: int, *purpose: str | int) -> str:
    """32 hex digits that are fixed by seed and purpose (ids, card tokens, key hashes)."""
    return hashlib.sha256(repr((seed, *purpose)).encode()).hexdigest()[:32]


class Dice:
    """Single draws at the price of a list's `pop`: uniforms are taken from NumPy in blocks."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._uniforms: list[float] = []

    def unit(self) -> float:
        """Uniform in [0, 1)."""
        if not self._uniforms:
            self._uniforms = self._rng.random(_BLOCK).tolist()
        return self._uniforms.pop()

    def below(self, bound: int) -> int:
        """Uniform among 0 .. bound - 1."""
        return int(self.unit() * bound)

    def between(self, low: int, high: int) -> int:
        """Uniform among low .. high, both included."""
        return low + int(self.unit() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """One item, all equally likely."""
        if not self._uniforms:
            self._uniforms = self._rng.random(_BLOCK).tolist()
        return items[int(self._uniforms.pop() * len(items))]

    def sample(self, items: Sequence[T], size: int) -> list[T]:
        """`size` different items, or all of them where there are fewer."""
        chosen = list(items)
        for place in range(min(size, len(chosen))):
            other = place + self.below(len(chosen) - place)
            chosen[place], chosen[other] = chosen[other], chosen[place]
        return chosen[:size]


class Choice(Generic[T]):
    """Weighted choice among fixed items."""

    def __init__(self, items: Sequence[T], weights: Sequence[float]) -> None:
        self.items = list(items)
        self._bounds = np.cumsum(np.asarray(weights, dtype=np.float64) / sum(weights)).tolist()

    def draw(self, dice: Dice) -> T:
        """One item with a chance in proportion to its weight."""
        return self.items[min(bisect_right(self._bounds, dice.unit()), len(self.items) - 1)]


def deal(dice: Dice, values: Sequence[T], hands: Sequence[int]) -> list[list[T]]:
    """Deal values from shuffled decks: hand i gets `hands[i]` different values, evenly over all hands.

    A value that stands in `values` twice comes up twice as often. Dealing rather than drawing keeps the
    share of hands that hold a value close to its expectation also for few hands.
    """
    deck: list[T] = []
    dealt: list[list[T]] = []
    for size in hands:
        hand: list[T] = []
        put_back: list[T] = []
        while len(hand) < min(size, len(set(values))):
            if not deck:
                deck = dice.sample(values, len(values))
            card = deck.pop()
            (put_back if card in hand else hand).append(card)
        deck.extend(put_back)
        dealt.append(hand)
    return dealt
