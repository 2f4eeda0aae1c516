"""Fixed points of a uniform permutation: how often two labellings of the same units agree by chance.

The number of sets of k fixed points has expectation n!/(k!(n-k)!) · (n-k)!/n! = 1/k! (k <= n), so that by
Markov's inequality P(F >= k) <= 1/k!: a bound that anybody can check by hand, whatever n is. It holds for a
uniform injection of m units into n as well, where the expectation is C(m,k) (n-k)!/n! <= 1/k!.

Over L independent permutations the expected number of sets of k fixed points is Σ Π 1/k_l! over all
k_1 + … + k_L = k, which is L^k/k!. That 1/k! would do here too is an error: with four permutations
P(F >= 10) is 0.008, and 1/10! is 2.8e-7.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-280
"""Below this a sum of probabilities is not trusted and the bound is used."""


def log_bound(k: int) -> float:
    """ln of 1/k!, which P(F >= k) does not exceed in one permutation."""
    return -math.lgamma(k + 1)


def log_pooled_bound(k: int, permutations: int) -> float:
    """ln of L^k/k!, which P(F >= k) does not exceed over L independent permutations; never above 0."""
    if permutations < 1 or k < 1:
        return 0.0
    return min(0.0, k * math.log(permutations) - math.lgamma(k + 1))


def law(n: int) -> NDArray[np.float64]:
    """P(F = j) for j = 0 … n in a uniform permutation of n: (1/j!) Σ_{i <= n-j} (-1)^i / i!."""
    partial = np.cumsum([(-1.0) ** i * math.exp(-math.lgamma(i + 1)) for i in range(n + 1)])
    result = np.array([partial[n - j] * math.exp(-math.lgamma(j + 1)) for j in range(n + 1)])
    if n >= 1:
        result[n - 1] = 0.0
    positive: NDArray[np.float64] = np.maximum(result, 0.0)
    return positive


def log_sf(k: int, sizes: Sequence[int]) -> float:
    """ln P(F >= k) over independent uniform permutations of these sizes: the exact law, by convolution, or
    the bound where that is too small to be summed."""
    if k <= 0:
        return 0.0
    total = np.ones(1)
    for n in sizes:
        total = np.convolve(total, law(n))
    tail = float(total[k:].sum())
    if tail > SMALLEST:
        return min(math.log(tail), 0.0)
    return log_pooled_bound(k, len(sizes)) if k <= sum(sizes) else -math.inf
