"""Exact upper tails of sums of independent integer variables, at any depth, by a tilted Fourier transform.

The law of the sum is multiplied by exp(t s), which brings the wanted tail to its centre, where the
transform of the tilted laws gives it to 15 digits of its peak; dividing the tilt out again in logs loses
nothing (exponential tilting: Esscher 1932; the transform: Wilson & Keich 2016, "Accurate pairwise
convolutions", section 2).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.optimize import brentq
from scipy.special import logsumexp

Law = NDArray[np.float64]
"""Probabilities of the values 0, 1, … of one variable."""


def log_sf(x: int, parts: Sequence[tuple[Law, int]]) -> float:
    """Natural log of P(S >= x), S being the sum of `power` independent copies of each law.

    Relative error of the probability is about 1e-12 times the number of values that S can take, or less.
    """
    parts = [(law, power) for law, power in parts if power]
    most = sum((len(law) - 1) * power for law, power in parts)
    if x <= sum(power * int(np.flatnonzero(law)[0]) for law, power in parts):
        return 0.0
    if x > sum(power * int(np.flatnonzero(law)[-1]) for law, power in parts):
        return -math.inf
    t = _tilt(x, parts)
    size = next_fast_len(most + 1, real=True)
    spectrum, log_scale = np.ones(size // 2 + 1, dtype=np.complex128), 0.0
    for law, power in parts:
        log_weights = _log(law) + t * np.arange(len(law))
        log_total = float(logsumexp(log_weights))
        spectrum *= rfft(np.exp(log_weights - log_total), size) ** power
        log_scale += power * log_total
    tilted = np.maximum(irfft(spectrum, size)[x : most + 1], 0.0)
    return min(float(logsumexp(_log(tilted) - t * np.arange(x, most + 1))) + log_scale, 0.0)


def _log(values: Law) -> Law:
    with np.errstate(divide="ignore"):
        return np.log(values)


def _tilt(x: int, parts: Sequence[tuple[Law, int]]) -> float:
    """t >= 0 under which the tilted sum has mean x (0 where the mean is above x already)."""

    def excess(t: float) -> float:
        mean = 0.0
        for law, power in parts:
            values = np.arange(len(law))
            log_weights = _log(law) + t * values
            mean += power * float(np.exp(log_weights - logsumexp(log_weights)) @ values)
        return mean - x

    if excess(0.0) >= 0:
        return 0.0
    high = 1.0
    while excess(high) < 0 and high < 256:
        high *= 2
    return high if excess(high) < 0 else float(brentq(excess, 0.0, high, rtol=1e-10))
