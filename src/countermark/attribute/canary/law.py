"""The law of hits, its power, and a sharper rank for information.

Null: which option the suspect takes is independent of the options that were drawn. Then, whatever the suspect
is and however it came to its choices, each canary on which it takes an option is a hit with probability 1/K,
independently of all others: the number of hits is a sum of independent Bernoulli(1/K) (Poisson-binomial), and
Binomial(m, 1/K) where all K agree. A canary without a choice cannot be a hit, which lowers the sum: the law
of all m is then a bound.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from countermark.stats import convolution

Floats = NDArray[np.float64]
POWER = 0.8
"""Chance of being shown at the smallest detectable share."""
DRAWS = 9_999
"""Redraws of the rank test; its floor is 1 / (DRAWS + 1)."""


def log_sf(hits: int, sizes: Sequence[int]) -> float:
    """Natural log of P(at least `hits` of the canaries), whose numbers of options are `sizes`."""
    return convolution.log_sf(hits, _parts(sizes, 0.0))


def pmf(sizes: Sequence[int]) -> Floats:
    """Probabilities of 0, 1, … hits, shape (len(sizes) + 1,)."""
    law = np.ones(1)
    for size in sizes:
        law = np.convolve(law, [1 - 1 / size, 1 / size])
    return law


def critical(sizes: Sequence[int], log_alpha: float) -> int | None:
    """The smallest number of hits whose p-value is at most alpha; None where not even all of them do."""
    low, high = 0, len(sizes)
    if log_sf(high, sizes) > log_alpha:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if log_sf(middle, sizes) <= log_alpha else (middle + 1, high)
    return low


def detectable_share(sizes: Sequence[int], answered: Sequence[int], alpha: float) -> float | None:
    """Smallest share of canaries that a suspect has to know to be shown with probability `POWER`.

    It takes the drawn option of a known canary and any option of another one; `answered` are the numbers of
    options of the canaries that it takes an option of at all, `sizes` of all that count. None: it cannot be
    shown.
    """
    wanted = critical(sizes, math.log(alpha))

    def reached(share: float) -> bool:
        return convolution.log_sf(wanted or 0, _parts(answered, share)) >= math.log(POWER)

    if wanted is None or not reached(1.0):
        return None
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def rank(scores: Sequence[Floats], drawn: Sequence[int], generator: np.random.Generator) -> tuple[float, int]:
    """Sum of the drawn options' scores, and how many of `DRAWS` redraws reach it.

    Valid under the same null, whatever the scores mean: each redraw takes one option of every canary
    uniformly.
    """
    observed, redrawn = 0.0, np.zeros(DRAWS)
    for one, at in zip(scores, drawn, strict=True):
        observed += float(one[at])
        redrawn += one[generator.integers(0, len(one), DRAWS)]
    # sums that are equal but for rounding count as reached
    slack = 1e-9 * max(abs(observed), 1.0)
    return observed, int((redrawn >= observed - slack).sum())


def _parts(sizes: Sequence[int], share: float) -> list[tuple[Floats, int]]:
    parts = []
    for size, count in sorted(Counter(sizes).items()):
        hit = share + (1 - share) / size
        parts.append((np.array([1 - hit, hit]), count))
    return parts
