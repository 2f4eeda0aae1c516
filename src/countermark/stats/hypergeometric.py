"""Stratified hypergeometric tail, exact and in log space.

Null: within every stratum the `drawn` accounts are a simple random sample of its `total` accounts, of which
`marked` carry a value. The statistic is the number of marked among the drawn, summed over strata; its law
is the convolution of the strata's hypergeometric laws (the one-sided conditional test of independence given
margins; with one stratum it is Fisher's exact test, with several the exact form of the
Cochran–Mantel–Haenszel test).
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

Counts = NDArray[np.int64]
LogProbabilities = NDArray[np.float64]


def log_pmf(total: int, marked: int, drawn: int) -> tuple[int, LogProbabilities]:
    """Lowest possible count, and the natural-log probabilities of it and each count above."""
    low, high = max(0, drawn + marked - total), min(marked, drawn)
    k = np.arange(low, high + 1, dtype=np.float64)
    log_p = (
        _log_choose(marked, k)
        + _log_choose(total - marked, drawn - k)
        - _log_choose(total, np.array([drawn], float))
    )
    return low, log_p


def log_tail(observed: int, total: Counts, marked: Counts, drawn: Counts) -> float:
    """Natural log of P(count ≥ observed); arrays hold one entry a stratum.

    Returns 0.0 (p = 1) where the count cannot be smaller than `observed`, -inf where it cannot be reached.
    """
    low, law = 0, np.zeros(1)
    for n, k, m in zip(total.tolist(), marked.tolist(), drawn.tolist(), strict=True):
        if k == 0 or m == 0:
            continue
        shift, pmf = log_pmf(n, k, m)
        low, law = low + shift, _log_convolve(law, pmf)
    if observed <= low:
        return 0.0
    if observed >= low + law.size:
        return -math.inf
    return min(0.0, float(logsumexp(law[observed - low :])))


def _log_choose(n: int, k: NDArray[np.float64]) -> LogProbabilities:
    result: LogProbabilities = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return result


def _log_convolve(a: LogProbabilities, b: LogProbabilities) -> LogProbabilities:
    short, long = (a, b) if a.size <= b.size else (b, a)
    out = np.full(a.size + b.size - 1, -math.inf)
    for i, value in enumerate(short.tolist()):
        window = out[i : i + long.size]
        np.logaddexp(window, long + value, out=window)
    return out
