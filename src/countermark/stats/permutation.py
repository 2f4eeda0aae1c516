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
    exceedances: int = 20,
    batch: int = 500,
) -> SequentialP:
    """Draw the statistic under the null until `exceedances` draws reach `observed`, or the limit is met.

    The limit is what lets p fall to a tenth of `threshold`, at most `most` draws. Stopped early after L
    draws, p = exceedances / L; else p = (1 + reached) / (1 + draws). Both are valid (paper, section 3).
    `draw(generator, n)` gives n draws, shape (n,). Compare `floor` with the threshold before believing
    that nothing was found: where the floor is higher, the answer is "not testable".
    """
    limit = min(most, int(np.ceil(10.0 / threshold)))
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


def draws_within_strata(
    generator: np.random.Generator, strata: list[NDArray[np.int64]], sizes: list[int], n: int
) -> list[NDArray[np.int64]]:
    """n random sets of indices, `sizes[k]` without replacement from `strata[k]`."""
    return [
        np.concatenate([generator.choice(s, size, replace=False) for s, size in zip(strata, sizes, strict=True) if size])
        for _ in range(n)
    ]
