"""Weights of pairs from an unmarked reference, never from the key.

Under the mark a student puts a pair there more often where its keyed value is high, less often where it is
low. With N the times that a pair stood in the body and E the reference's expectation, g = ln (N + a) / (E +
a) is its lift, drawn towards 0 where little was expected. A score that is Exp(1) under the null and has
mean m under the mark has, within the exponential laws, the log likelihood ratio (1 - 1/m) s - ln m. With m
= 1 + G g for a lift and m = 1 / (1 - g) for a lack the weight is 1 - 1 / (1 + G g), or g.

G = 1.5, a = 3 for counts and a = 1 for masses of probability were chosen on one pair of models, from a grid
over a, G and the slope of lacks: a 260,000-parameter model of vocabulary 512 and its fine-tune on 0.6
million tokens that it wrote under gumbel-siphash, k = 1. Nothing else was tuned, and every other figure is
of other students.

Each distinct pair contributes one score, whatever its weight; the weights are functions of text and reference
alone, so given them the scores are what the null says, and Chernoff's bound on the weighted sum is a p-value.
"""

import numpy as np
from numpy.typing import NDArray

from countermark.watermark.schemes.base import FloatArray

PRIOR = 3.0
"""a of the closed setting, a pseudo-count."""
OPEN_PRIOR = 1.0
"""a of the open one at `suspects.TOKENS` fed tokens, in proportion at others: N is a sum of probabilities and
has no noise of counting."""
GAIN = 1.5
"""G: what a lift of the student says of the mean score."""
STEPS = 128
"""Weights are rounded to so many steps, which makes the bound quick."""
LARGEST_LACK = 4.0


def weights_of(
    seen: FloatArray, expected: FloatArray, prior: float, lacks: NDArray[np.bool_] | bool
) -> FloatArray:
    """1 - 1 / (1 + G g) of a lift, g of a lack where `lacks` allows it, else 0; rounded; shape (n,)."""
    g = np.log((seen + prior) / (expected + prior))
    lack = np.where(lacks, np.maximum(np.minimum(g, 0.0), -LARGEST_LACK), 0.0)
    weights: FloatArray = np.where(g > 0, 1 - 1 / (1 + GAIN * np.maximum(g, 0.0)), lack)
    return np.round(weights * STEPS) / STEPS
