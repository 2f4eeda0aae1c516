"""Are these numbers uniform on (0, 1)? Randomised ranks, and the Cramér–von Mises statistic with a null drawn
by Monte Carlo.

Zhu et al. (2025), "Auditing Black-Box LLM APIs with a Rank-Based Uniformity Test": where an answer and m
answers of a reference come from one law, the rank of any score of the answer among the m is uniform.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BATCH_NUMBERS = 1 << 21
"""Uniform numbers drawn at a time."""


@dataclass(frozen=True)
class Uniformity:
    """The outcome of a test of uniformity."""

    statistic: float
    p_value: float
    """(1 + draws that reach the statistic) / (1 + draws)."""
    floor: float
    null: FloatArray
    """The statistic of every draw, ascending."""

    def limit(self, alpha: float) -> float:
        """The statistic that is reached by a share of at most alpha of the draws."""
        return float(np.quantile(self.null, 1 - alpha, method="higher"))


def randomised_rank(score: float, others: FloatArray, generator: np.random.Generator) -> float:
    """The rank of a score among m others, at random among equal ones and within its cell, in [0, 1).

    (below + V (equal + 1)) / (m + 1) with V uniform: exactly uniform where all m + 1 scores are exchangeable.
    """
    below = int(np.count_nonzero(others < score))
    level = int(np.count_nonzero(others == score))
    return float((below + generator.random() * (level + 1)) / (len(others) + 1))


def cramer_von_mises(values: FloatArray) -> FloatArray:
    """W² = 1/(12n) + Σ (u_(i) - (2i-1)/(2n))², for every row of shape (rows, n)."""
    n = values.shape[-1]
    middles = (2 * np.arange(1, n + 1) - 1) / (2 * n)
    return np.asarray(1 / (12 * n) + ((np.sort(values, axis=-1) - middles) ** 2).sum(axis=-1))


def uniformity(values: FloatArray, generator: np.random.Generator, *, draws: int) -> Uniformity:
    """Test that `values`, shape (n,), are independent and uniform on (0, 1); two-sided."""
    observed = float(cramer_von_mises(values[None, :])[0])
    null = np.sort(null_statistics(values.size, generator, draws))
    hits = null.size - int(np.searchsorted(null, observed, side="left"))
    return Uniformity(observed, (1 + hits) / (1 + draws), 1 / (1 + draws), null)


def null_statistics(n: int, generator: np.random.Generator, draws: int) -> FloatArray:
    """Cramér–von Mises statistics of `draws` sets of n uniform numbers."""
    size = max(1, BATCH_NUMBERS // n)
    parts = [
        cramer_von_mises(generator.random((min(size, draws - start), n))) for start in range(0, draws, size)
    ]
    return np.concatenate(parts)
