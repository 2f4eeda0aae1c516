"""What could be shown, before anything is scored: probability of passing by length and share of marked pairs.

**Model.** Of n distinct pairs a share s is marked, the rest follows the null. Every marked token was drawn
from one reference distribution p, Zipf's law over VOCABULARY ids with the exponent that gives the entropy
that is asked for. Real text mixes low and high entropy; with the same mean it shows a little less.

**Gumbel-max** at temperature 1 (Aaronson 2022; Fernandez et al. 2023, "Three Bricks to Consolidate Watermarks
for LLMs", appendix A): token i wins with probability p_i, and then its U is Beta(1/p_i, 1), so that
-ln(1 - U) has mean ψ(1/p_i + 1) + γ and variance π²/6 - ψ'(1/p_i + 1); under the null it is Exp(1).

**Green list** (Kirchenbauer et al. 2023, algorithm 2): with green mass G of p, the drawn token is green with
probability G e^δ / (1 + G (e^δ - 1)); its mean over random lists is taken over LISTS seeded ones.

The threshold is the null's own (Gamma or binomial) quantile at alpha over the family, Holm's first step; the
law of the sum under the mark is taken as normal with the exact mean and variance.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, polygamma, psi

from countermark.errors import Error, ExitCode
from countermark.stats import binomial, gamma

VOCABULARY = 32_000
DEFAULT_ENTROPY = 1.5
"""Nats a token; stated in every answer, for a reader to replace by a measured one."""
LISTS = 4096
MAX_PAIRS = 10**10
GUMBEL, GREEN = "gumbel", "green-list"
SCHEMES = (GUMBEL, GREEN)
LEVELS = (0.5, 0.9)

Floats = NDArray[np.float64]


def zipf(entropy: float, vocabulary: int = VOCABULARY) -> Floats:
    """p_i ∝ i^-s, shape (vocabulary,), with the s that gives this entropy in nats."""
    most = math.log(vocabulary)
    if not 0.001 <= entropy <= 0.999 * most:
        raise Error(
            f"--entropy {entropy:g} is not between 0.001 and {0.999 * most:.2f} nats",
            exit_code=ExitCode.USAGE,
        )
    logs = np.log(np.arange(1, vocabulary + 1))

    def law(s: float) -> Floats:
        weights = np.exp(-s * logs)
        return np.asarray(weights / weights.sum())

    def excess(s: float) -> float:
        p = law(s)
        return float(-(p[p > 0] @ np.log(p[p > 0]))) - entropy

    return law(float(brentq(excess, 0.0, 30.0, xtol=1e-12)))


@dataclass(frozen=True)
class Pair:
    """Score of one pair: mean and variance under the null and under the mark."""

    null_mean: float
    null_variance: float
    mean: float
    variance: float


def gumbel_pair(p: Floats) -> Pair:
    """Of Gumbel-max at temperature 1 for the next-token distribution p."""
    p = p[p > 0]
    means = psi(1 / p + 1) + np.euler_gamma
    variances = math.pi**2 / 6 - polygamma(1, 1 / p + 1)
    mean = float(p @ means)
    return Pair(1.0, 1.0, mean, float(p @ (variances + (means - mean) ** 2)))


def green_pair(p: Floats, gamma_share: float, delta: float, seed: int = 0) -> Pair:
    """Of a green list of so large a share of the vocabulary and so large a bias."""
    generator = np.random.default_rng(seed)
    mass = np.zeros(LISTS)
    # the tail beyond the likely tokens is as good as its mean
    likely = p[:256]
    mass += (generator.random((LISTS, len(likely))) < gamma_share) @ likely + gamma_share * p[256:].sum()
    green = float(np.mean(mass * math.exp(delta) / (1 + mass * math.expm1(delta))))
    return Pair(gamma_share, gamma_share * (1 - gamma_share), green, green * (1 - green))


@dataclass(frozen=True)
class Question:
    """What `countermark power` is asked."""

    scheme: str
    pair: Pair
    alpha: float
    family: int = 1

    def threshold(self, pairs: int) -> float:
        """Least sum of scores that passes."""
        log_level = math.log(self.alpha / self.family)
        if self.scheme == GUMBEL:
            tail: Callable[[float], float] = lambda x: float(gamma.log_sf(x, pairs)) - log_level  # noqa: E731
            return float(brentq(tail, 0.5 * pairs, pairs + 40 * math.sqrt(pairs) - 4 * log_level))
        low, high = 0, pairs + 1
        while low < high:
            middle = (low + high) // 2
            if binomial.log_sf(middle, pairs, self.pair.null_mean) <= log_level:
                high = middle
            else:
                low = middle + 1
        return low - 0.5

    def power(self, pairs: int, share: float, threshold: float | None = None) -> float:
        """Probability of passing alpha over the family, with so many distinct pairs of which so many are
        marked."""
        if pairs < 1:
            return 0.0
        least = self.threshold(pairs) if threshold is None else threshold
        mean = pairs * (share * self.pair.mean + (1 - share) * self.pair.null_mean)
        variance = pairs * (share * self.pair.variance + (1 - share) * self.pair.null_variance)
        return float(ndtr((mean - least) / math.sqrt(variance)))

    def least_share(self, pairs: int, level: float) -> float | None:
        """Share that passes with this probability; None where even all marked do not."""
        if pairs < 1:
            return None
        least = self.threshold(pairs)
        if self.power(pairs, 1.0, least) < level:
            return None
        if self.power(pairs, 0.0, least) >= level:
            return 0.0
        return float(brentq(lambda share: self.power(pairs, share, least) - level, 0.0, 1.0))

    def least_pairs(self, share: float, level: float) -> int | None:
        """Number of pairs that passes with this probability; None above MAX_PAIRS."""
        high = 1
        while self.power(high, share) < level:
            high *= 2
            if high > MAX_PAIRS:
                return None
        low = high // 2
        while low + 1 < high:
            middle = (low + high) // 2
            if self.power(middle, share) < level:
                low = middle
            else:
                high = middle
        return high
