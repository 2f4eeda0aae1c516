"""Inversions of a uniform permutation (Kendall's tau): an exact law, and a proven bound for its far tail.

Written down element by element, a uniform permutation of n gains a number of inversions that is uniform on
{0, …, i-1} at step i, independently of the others (Kendall 1938; Knuth, The Art of Computer Programming 3,
5.1.1). So the law of few inversions is a convolution, and the generating function a product, from which
Chernoff's bound follows. Spearman's rho has no such law.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

EXACT_UP_TO = 60
"""Elements in all; longer permutations get the bound."""


def count(order: NDArray[np.int64]) -> int:
    """Pairs i < j with order[i] > order[j], by merging."""
    return _merged([int(one) for one in order])[1]


def _merged(values: list[int]) -> tuple[list[int], int]:
    if len(values) < 2:
        return values, 0
    middle = len(values) // 2
    left, found = _merged(values[:middle])
    right, more = _merged(values[middle:])
    found += more
    result, i = [], 0
    for value in right:
        while i < len(left) and left[i] <= value:
            result.append(left[i])
            i += 1
        found += len(left) - i
        result.append(value)
    return result + left[i:], found


def log_cdf(inversions: int, sizes: Sequence[int]) -> tuple[float, bool]:
    """ln P(I <= inversions) over independent uniform permutations of these sizes, and whether it is exact;
    else a bound that is never below it."""
    steps = [i for n in sizes for i in range(2, n + 1)]
    if inversions < 0:
        return -math.inf, True
    if 2 * inversions >= sum(i - 1 for i in steps):
        return 0.0, False
    if sum(sizes) <= EXACT_UP_TO:
        total = np.ones(1)
        for i in steps:
            total = np.convolve(total, np.full(i, 1.0 / i))
        return min(0.0, math.log(float(total[: inversions + 1].sum()))), True
    return _chernoff(inversions, np.array(steps, dtype=np.float64)), False


def _chernoff(x: int, steps: NDArray[np.float64]) -> float:
    """min over t > 0 of t x + Σ ln E exp(-t U_i), with E exp(-t U_i) = (1 - e^(-t i)) / (i (1 - e^-t))."""

    def mean(t: float) -> float:
        return float(np.sum(1 / np.expm1(t) - steps / np.expm1(np.minimum(t * steps, 700.0))))

    most = 40.0  # at this slope the mean is below 1e-15 inversions
    low = 1e-9
    if mean(most) >= x:
        t = most
    elif mean(low) <= x:
        return 0.0
    else:
        t = float(brentq(lambda one: mean(one) - x, low, most, xtol=1e-12))
    cumulant = np.log(-np.expm1(-t * steps)) - np.log(steps) - math.log(-math.expm1(-t))
    return min(0.0, t * x + float(cumulant.sum()))
