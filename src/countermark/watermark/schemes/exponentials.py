"""What the engines' Gumbel-max schemes share: bounds on sums of exponentials in cells.

An engine's uniform is one of 2^b cells, b = 24 or 32. The lower end of a cell, -ln(1 - m 2^-b), is at most
the Exp(1) variable that falls into it, so under the null a sum of n of them is at most Gamma(n, 1), whatever
b. That makes its tail a proven bound, and a tight one: the sum is short of the law by less than 10^-6 a pair.
"""

import numpy as np

from countermark.stats import chernoff, gamma
from countermark.watermark.schemes.base import Evidence, FloatArray, UIntArray


def lower_exponentials(cells: UIntArray, bits: int) -> FloatArray:
    """-ln(1 - m 2^-bits), shape (n,); 2^bits - m is exact in float64."""
    scores: FloatArray = -np.log(((1 << bits) - cells.astype(np.float64)) * 2.0**-bits)
    return scores


def bounded_gamma(scores: FloatArray, weights: FloatArray | None, bits: int) -> Evidence:
    """Evidence of n exponentials in cells: the Gamma law as a bound, or Chernoff's with weights."""
    if weights is None:
        statistic = float(scores.sum())
        law = f"gamma, as an upper bound over {bits}-bit cells"
        return Evidence(len(scores), statistic, float(gamma.log_sf(statistic, len(scores))), law, exact=False)
    return chernoff_bound(float(weights @ scores), weights, len(scores), bits)


def chernoff_bound(statistic: float, weights: FloatArray, scored: int, bits: int) -> Evidence:
    """Evidence of a sum of exponentials in cells, one to each weight."""
    distinct, counts = np.unique(weights, return_counts=True)
    tail = chernoff.weighted_exponentials(statistic, distinct, counts)
    law = f"Chernoff bound, weighted exponentials in {bits}-bit cells"
    return Evidence(scored, statistic, tail.log_bound, law, exact=False, log_saddlepoint=tail.log_saddlepoint)
