"""Upper tail of the Gamma law in natural-log space, right where the probability underflows.

For x above the mean the tail is x^a e^-x / Γ(a) times Legendre's continued fraction (DLMF 8.9.2), evaluated
with the modified Lentz method; the prefactor is written as a deviance (Loader 2000, "Fast and accurate
computation of binomial probabilities", section 3), so that large a and x do not cancel.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincc

_ENOUGH = 1e-200
"""Where the ordinary function is above this it is right to all its digits, and is used."""


def log_sf(x: ArrayLike, shape: ArrayLike) -> NDArray[np.float64]:
    """Natural log of P(Gamma(shape, 1) >= x), elementwise; 0 for x <= 0 or shape == 0."""
    xs, shapes = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(shape, dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.where(
            (xs > 0) & (shapes > 0), gammaincc(np.maximum(shapes, 1e-300), np.maximum(xs, 0)), 1.0
        )
        result = np.array(np.log(plain))
    far = (plain < _ENOUGH) & (xs > 0) & (shapes > 0)
    if far.any():
        result[far] = [_far(one, a) for one, a in zip(xs[far], shapes[far], strict=True)]
    capped: NDArray[np.float64] = np.minimum(result, 0.0)
    return capped


def _far(x: float, a: float) -> float:
    return _log_prefactor(x, a) + math.log(_fraction(x, a))


def _log_prefactor(x: float, a: float) -> float:
    """ln(x^a e^-x / Γ(a))."""
    ratio = (x - a) / a
    deviance = a * (ratio - math.log1p(ratio))
    return -deviance + 0.5 * math.log(a / (2 * math.pi)) - _stirling_error(a)


def _stirling_error(a: float) -> float:
    """ln Γ(a + 1) - (a + 1/2) ln a + a - ln(2π)/2 (Loader 2000, formula 2.1)."""
    if a < 16:
        return math.lgamma(a + 1) - (a + 0.5) * math.log(a) + a - 0.5 * math.log(2 * math.pi)
    b = a * a
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / b) / b) / b) / b) / a


def _fraction(x: float, a: float) -> float:
    """Legendre's continued fraction of Γ(a, x) / (x^a e^-x), for x > a."""
    b = x + 1 - a
    c, d = math.inf, 1 / b
    value = d
    for i in range(1, 1_000_000):
        step = -i * (i - a)
        b += 2
        d = 1 / (b + step * d)
        c = b + step / c
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
