"""Spearman's rank correlation of a uniform permutation with the identity.

The law is known by enumeration only. Beyond that there is the usual approximation by Student's t (Kendall &
Gibbons 1990, section 4.11), which is no bound: a test that rests on it is calibrated, not exact.
"""

import math
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from scipy.stats import t as student

EXACT_UP_TO = 8


def rho(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson's correlation of the ranks, ties at their mean; 0 where all of a side are equal."""
    ranks = [rankdata(one) - (np.size(one) + 1) / 2 for one in (x, y)]
    size = math.sqrt(float(ranks[0] @ ranks[0]) * float(ranks[1] @ ranks[1]))
    return float(ranks[0] @ ranks[1]) / size if size > 0 else 0.0


def log_sf(value: float, n: int) -> tuple[float, bool]:
    """ln P(rho >= value) for a uniform permutation of n, and whether it is exact (n <= 8)."""
    if n < 2:
        return 0.0, True
    if n <= EXACT_UP_TO:
        centred = np.arange(n) - (n - 1) / 2
        all_of_them = np.array(list(permutations(centred))) @ centred / float(centred @ centred)
        return math.log(max(float(np.mean(all_of_them >= value - 1e-9)), 1 / math.factorial(n))), True
    inside = min(max(value, -1 + 1e-15), 1 - 1e-15)
    statistic = inside * math.sqrt((n - 2) / (1 - inside * inside))
    log_p = float(student.logsf(statistic, n - 2))
    # no outcome of a permutation is rarer than one in n!
    return max(log_p, -math.lgamma(n + 1)), False
