"""Exact law of a green count over many seeds: a sum of independent hypergeometric counts.

As in `stats.convolution` the laws are tilted until the wanted tail is central. The tilted sum then lies
within a few standard deviations, so the transform need not span all its values: they are folded modulo a
length of 28 deviations, and what folds into the tail weighs nothing to 15 digits. So ten million pairs take a
transform of some tens of thousands of points.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.optimize import brentq
from scipy.special import logsumexp

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_REACH = 14.0
"""Standard deviations to either side; 8 of them would do for 15 digits."""
_SLACK = 64


def _log_pmf(total: int, marked: int, drawn: int) -> tuple[int, Floats]:
    """Hypergeometric law: the lowest count, and natural-log probabilities of it and each above.

    By ratios of neighbours, and normalised, so that a power of ten million of it is still right.
    """
    low, high = max(0, drawn + marked - total), min(marked, drawn)
    k = np.arange(low, high, dtype=np.float64)
    ratios = np.log((marked - k) * (drawn - k)) - np.log((k + 1) * (total - marked - drawn + k + 1))
    log_p = np.concatenate([[0.0], np.cumsum(ratios)])
    return low, log_p - logsumexp(log_p)


class _Laws:
    """Laws of one count a size, end to end in one array, so that a tilt is a handful of array operations."""

    def __init__(self, vocabulary: int, green: int, sizes: Ints, powers: Ints) -> None:
        laws = [_log_pmf(vocabulary, green, size) for size in sizes.tolist()]
        lengths = np.array([len(law) for _, law in laws])
        self.ends = np.cumsum(lengths)
        self.starts = self.ends - lengths
        self.low = np.array([low for low, _ in laws])
        self.high = self.low + lengths - 1
        self.values = np.concatenate([low + np.arange(len(law), dtype=np.float64) for low, law in laws])
        self.log_pmf = np.concatenate([law for _, law in laws])
        self.which = np.repeat(np.arange(len(laws)), lengths)
        self.powers = powers

    def tilted(self, t: float) -> tuple[Floats, Floats, float, float]:
        """Tilted probabilities, log totals a law, mean and variance of the tilted sum."""
        log_terms = self.log_pmf + t * self.values
        peaks = np.maximum.reduceat(log_terms, self.starts)
        terms = np.exp(log_terms - peaks[self.which])
        totals = np.add.reduceat(terms, self.starts)
        terms /= totals[self.which]
        means = np.add.reduceat(terms * self.values, self.starts)
        squares = np.add.reduceat(terms * (self.values - means[self.which]) ** 2, self.starts)
        return terms, peaks + np.log(totals), float(self.powers @ means), float(self.powers @ squares)


def log_sf(count: int, vocabulary: int, green: int, sizes: Ints, powers: Ints) -> float:
    """Natural log of P(S >= count), S the sum of `powers[i]` counts each of Hypergeometric(sizes[i] drawn).

    `sizes` and `powers`, shape (k,), both at least 1; `green` of `vocabulary` ids are green.
    """
    laws = _Laws(vocabulary, green, sizes, powers)
    least, most = int(powers @ laws.low), int(powers @ laws.high)
    if count <= least:
        return 0.0
    if count > most:
        return -math.inf
    if count == most:
        return min(float(powers @ laws.log_pmf[laws.ends - 1]), 0.0)
    t = _tilt(laws, count)
    terms, log_totals, mean, variance = laws.tilted(t)
    reach = abs(mean - count) + _REACH * math.sqrt(variance) + _SLACK
    size = next_fast_len(min(most - least + 1, 2 * math.ceil(reach)), real=True)
    spectrum = np.ones(size // 2 + 1, dtype=np.complex128)
    for start, end, power in zip(laws.starts.tolist(), laws.ends.tolist(), powers.tolist(), strict=True):
        # each law begins at 0 here; `least` counts the shifts
        folded = np.bincount(np.arange(end - start) % size, terms[start:end], minlength=size)
        spectrum *= rfft(folded, size) ** power
    tilted = np.maximum(irfft(spectrum, size), 0.0)
    # folded or not: without folding every value above stands at its own place
    above = np.arange(min(most - count + 1, size if size > most - least else size // 2))
    with np.errstate(divide="ignore"):
        log_terms = np.log(tilted[(count - least + above) % size]) - t * (count + above)
    return min(float(logsumexp(log_terms)) + float(powers @ log_totals), 0.0)


def _tilt(laws: _Laws, count: int) -> float:
    """About the t >= 0 that makes `count` the mean; it only has to be near."""

    def excess(t: float) -> float:
        return laws.tilted(t)[2] - count

    if excess(0.0) >= 0:
        return 0.0
    high = 1.0
    while excess(high) < 0 and high < 64:
        high *= 2
    return high if excess(high) < 0 else float(brentq(excess, 0.0, high, rtol=1e-6, xtol=1e-9))
