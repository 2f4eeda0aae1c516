"""Many hypotheses at once, in natural-log space so that far tails keep their order."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def harmonic(m: int) -> float:
    """1 + 1/2 + … + 1/m."""
    return float(np.sum(1.0 / np.arange(1, m + 1)))


def benjamini_hochberg(log_p: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural-log q-values (Benjamini & Hochberg 1995), for independent or positively dependent tests."""
    values = np.asarray(log_p, dtype=np.float64)
    m = values.size
    if m == 0:
        return values
    order = np.argsort(values, kind="stable")
    scaled = values[order] + math.log(m) - np.log(np.arange(1, m + 1))
    adjusted = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 0.0)
    result = np.empty(m)
    result[order] = adjusted
    return result


def benjamini_yekutieli(log_p: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural-log q-values under any dependence (Benjamini & Yekutieli 2001, theorem 1.3)."""
    values = benjamini_hochberg(log_p)
    return np.minimum(values + math.log(harmonic(values.size)), 0.0) if values.size else values


def benjamini_yekutieli_threshold(fdr: float, m: int) -> float:
    """The smallest p-value that the procedure may ask for: fdr / (m · harmonic(m))."""
    return fdr / (m * harmonic(m)) if m else fdr


def holm(log_p: Sequence[float] | NDArray[np.float64], family: int | None = None) -> NDArray[np.float64]:
    """Natural logs of Holm's adjusted p-values (Holm 1979), for any dependence.

    `family` is the number of hypotheses when more were asked than are given here; those count as if they
    stood behind the ones given, which can only make the adjusted values larger.
    """
    values = np.asarray(log_p, dtype=np.float64)
    m = max(values.size, family or 0)
    order = np.argsort(values, kind="stable")
    scaled = values[order] + np.log(m - np.arange(values.size))
    result = np.empty(values.size)
    result[order] = np.minimum(np.maximum.accumulate(scaled), 0.0)
    return result
