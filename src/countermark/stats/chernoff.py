"""Upper tails of weighted sums that have no closed law: Chernoff's bound, and a saddlepoint figure.

With K the cumulant generating function of the sum and t the solution of K'(t) = x, the bound is
P(S >= x) <= exp(K(t) - t x) (Chernoff 1952) and the figure is Lugannani & Rice 1980, formula 10. The bound
is a proven p-value; the figure is close, but nothing bounds its error.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import log_ndtr

Cumulant = Callable[[float], tuple[float, float, float]]
"""t to K(t), K'(t), K''(t)."""


@dataclass(frozen=True)
class Tail:
    """Natural logs of an upper tail probability."""

    log_bound: float
    """Proven: the probability is at most this."""
    log_saddlepoint: float
    """An approximation, for information."""


def weighted_exponentials(x: float, weights: ArrayLike, counts: ArrayLike) -> Tail:
    """P(Σ_i w_i Σ_{j <= counts_i} E_ij >= x) for independent E_ij ~ Exp(1), weights >= 0."""
    w, n, x = _grouped(weights, counts, x)
    if not w.size or x <= float(w @ n):
        return Tail(0.0, _central(x, float(w @ n), float(w**2 @ n)))

    def cumulant(t: float) -> tuple[float, float, float]:
        left = 1 - w * t
        return -float(n @ np.log(left)), float(n @ (w / left)), float(n @ (w / left) ** 2)

    return tail(x, cumulant, 1.0)


def signed_exponentials(x: float, weights: ArrayLike, counts: ArrayLike, cell: float = 0.0) -> Tail:
    """P(Σ_i w_i Σ_{j <= counts_i} E_ij >= x) for independent E_ij ~ Exp(1), weights of either sign.

    The E_ij may also be lower ends of cells of probability `cell`, -ln(1 - m cell). A positive weight then
    makes the moment generating function smaller; a negative one makes it the upper Riemann sum of ∫ v^-tw
    dv, which is above 1 / (1 - tw) by at most `cell`, so that ln(1 + cell (1 - tw)) a pair is added.
    """
    w, n = np.broadcast_arrays(np.asarray(weights, dtype=np.float64), np.asarray(counts, dtype=np.float64))
    kept = (w != 0) & (n > 0)
    w, n = w[kept], n[kept]
    unit = float(w.max(initial=0.0)) or 1.0
    w, x, below = w / unit, x / unit, n * (w < 0)
    mean = float(w @ n) + cell * float(below @ np.abs(w))
    if not w.size or x <= mean:
        return Tail(0.0, _central(x, mean, float(w**2 @ n)))
    if w.max() <= 0:
        raise ValueError("no weight is positive")

    def cumulant(t: float) -> tuple[float, float, float]:
        left = 1 - w * t
        extra = 1 + cell * left
        k = -float(n @ np.log(left)) + float(below @ np.log(extra))
        slope = float(n @ (w / left)) - float(below @ (cell * w / extra))
        return k, slope, float(n @ (w / left) ** 2) - float(below @ (cell * w / extra) ** 2)

    return tail(x, cumulant, 1.0)


def weighted_bernoullis(x: float, weights: ArrayLike, counts: ArrayLike, p: float) -> Tail:
    """P(Σ_i w_i B_i >= x) for independent B_i ~ Binomial(counts_i, p), weights >= 0."""
    w, n, x = _grouped(weights, counts, x)
    mean, most = p * float(w @ n), float(w @ n)
    if x > most * (1 + 1e-9):
        return Tail(-math.inf, -math.inf)
    x = just_below(min(x, most))
    if not w.size or x <= mean:
        return Tail(0.0, _central(x, mean, p * (1 - p) * float(w**2 @ n)))

    def cumulant(t: float) -> tuple[float, float, float]:
        # both terms are scaled by exp(-w t), so that a large t does not overflow
        ones = p / (p + (1 - p) * np.exp(-w * t))
        log_mgf = w * t + np.log(p + (1 - p) * np.exp(-w * t))
        return float(n @ log_mgf), float(n @ (w * ones)), float(n @ (w**2 * ones * (1 - ones)))

    return tail(x, cumulant, math.inf)


def just_below(x: float) -> float:
    """A threshold that a sum of floats reaches whenever the exact sum reaches x.

    Not "all ones" where x is the largest sum but for rounding: weights may span more than a float's digits,
    and then a sum without its small terms looks the same. The bound at this threshold holds in every case.
    """
    return x - 1e-12 * abs(x)


def _grouped(
    weights: ArrayLike, counts: ArrayLike, x: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Weights that count, with their numbers, and x, in units of the largest weight."""
    w, n = np.broadcast_arrays(np.asarray(weights, dtype=np.float64), np.asarray(counts, dtype=np.float64))
    kept = (w > 0) & (n > 0)
    w, n = w[kept], n[kept]
    unit = float(w.max()) if w.size else 1.0
    return w / unit, n, x / unit


def _central(x: float, mean: float, variance: float) -> float:
    """At or below the mean the bound is 1; the figure is the normal one, never above 1."""
    return float(log_ndtr((mean - x) / math.sqrt(variance))) if variance else 0.0


def tail(x: float, cumulant: Cumulant, limit: float) -> Tail:
    """P(S >= x) for x above the mean of S, whose cumulant generating function exists on [0, limit)."""
    high = limit * (1 - 1e-15) if math.isfinite(limit) else 1.0
    while not math.isfinite(limit) and cumulant(high)[1] < x:
        high *= 2
    t = float(brentq(lambda t: cumulant(t)[1] - x, 0.0, high, xtol=1e-300, rtol=1e-14, maxiter=500))
    k, _, k2 = cumulant(t)
    log_bound = min(k - t * x, 0.0)
    # at the edge of the support the figure is useless, and would lie above what is proven
    return Tail(log_bound, min(_lugannani_rice(log_bound, t, k2), log_bound))


def _lugannani_rice(log_bound: float, t: float, k2: float) -> float:
    w, u = math.sqrt(-2 * log_bound), t * math.sqrt(k2)
    if w < 1e-4 or u < 1e-4:
        return math.log(0.5)
    # φ(w) (1/u - 1/w) + Φ(-w), all over φ(w) so that nothing underflows
    log_density = -0.5 * w * w - 0.5 * math.log(2 * math.pi)
    ratio = math.exp(float(log_ndtr(-w)) - log_density)
    return min(log_density + math.log(max(ratio + 1 / u - 1 / w, 1e-300)), 0.0)
