"""Sequential Monte Carlo p-values (Besag & Clifford 1991), sized to the threshold that they must reach."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SequentialP:
    """A p-value by permutation."""

    p_value: float
    draws: int
    exceedances: int
    floor: float
    """The smallest p-value that the number of draws allowed."""


def besag_clifford(
    observed: float,
    draw: Callable[[np.random.Generator, int], NDArray[np.float64]],
    generator: np.random.Generator,
    *,
    threshold: float,
    most: int,
    exceedances: int = 10,
    batch: int = 500,
) -> SequentialP:
    """Draw the statistic under the null until `exceedances` draws reach `observed`, or the limit is met.

    The limit is what lets p fall to half of `threshold`, at most `most` draws. Stopped early after L draws,
    p = exceedances / L; else p = (1 + reached) / (1 + draws). Both are valid (paper, section 3).
    `draw(generator, n)` gives n draws, shape (n,). Compare `floor` with the threshold before believing that
    nothing was found: where the floor is higher, the answer is "not testable".
    """
    limit = min(most, int(np.ceil(2.0 / threshold)))
    done = reached = 0
    while done < limit:
        values = draw(generator, min(batch, limit - done))
        hits = np.flatnonzero(values >= observed)
        if reached + hits.size >= exceedances:
            last = int(hits[exceedances - reached - 1]) + 1
            return SequentialP(exceedances / (done + last), done + last, exceedances, 1.0 / (1 + limit))
        reached += hits.size
        done += values.size
    return SequentialP((1 + reached) / (1 + done), done, reached, 1.0 / (1 + limit))


class StratifiedDraws:
    """Random sets of accounts with the same number from every stratum as an observed set has."""

    def __init__(self, label: NDArray[np.int64], observed: NDArray[np.int64]) -> None:
        """`label`, shape (accounts,), gives each account's stratum; `observed` lists the set's accounts."""
        wanted = np.bincount(label[observed], minlength=int(label.max()) + 1)
        self._parts = [
            (np.flatnonzero(label == stratum), int(wanted[stratum])) for stratum in np.flatnonzero(wanted)
        ]

    def draw(self, generator: np.random.Generator, n: int) -> NDArray[np.int64]:
        """Shape (n, size of the set): n sets without replacement, uniform within strata."""
        return np.concatenate([pool[_choices(generator, pool.size, k, n)] for pool, k in self._parts], axis=1)


def _choices(generator: np.random.Generator, pool: int, k: int, n: int) -> NDArray[np.int64]:
    """Shape (n, k): k distinct numbers below `pool` in each row."""
    if 4 * k > pool:
        return np.argpartition(generator.random((n, pool)), k - 1, axis=1)[:, :k]
    rows = generator.integers(0, pool, (n, k))
    while True:
        # keeping the first of equal numbers and drawing the others again is drawing one by one without
        # replacement
        order = np.argsort(rows, axis=1, kind="stable")
        ordered = np.take_along_axis(rows, order, axis=1)
        again = np.zeros(rows.shape, bool)
        np.put_along_axis(again[:, :], order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
        if not again.any():
            return rows
        rows[again] = generator.integers(0, pool, int(again.sum()))
