"""E-values: bets against a null, which multiply over time and may be looked at after every one of them.

An e-value is a variable that is not negative and has mean at most 1 under the null; a product of e-values,
each given all that came before, is a test supermartingale, and P(it ever reaches 1/alpha) <= alpha (Ville
1939; Ramdas, Grünwald, Vovk & Shafer 2023, "Game-theoretic statistics and safe anytime-valid inference",
section 2). All values are natural logs.

A bet of unknown best size is spread over a grid: the mean of the products over the grid is such a martingale
again ("method of mixtures", Robbins 1970), behind the best size of the grid by at most the log of its length.
It is the same as to bet in each step the mean of the grid, weighted by what each size has won before: bets
are predictable.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float64]
LOOKBACK = 0.1
"""κ of `lookback`: costs a factor 10, and a tenth of the exponent."""


def exponential_bets(total: float, count: float, bets: ArrayLike, weight: float = 1.0) -> Floats:
    """log Π (1 - λw) exp(λ w s) over `count` scores s that sum to `total`, for each bet λ; shape (bets,).

    Each factor has mean 1 where s is Exp(1), and at most 1 where s is never more than such a variable. Raises
    `ValueError` unless 0 <= λw < 1.
    """
    rates = np.asarray(bets, dtype=np.float64) * weight
    if (rates < 0).any() or (rates >= 1).any():
        raise ValueError("a bet on exponentials lies in [0, 1)")
    logs: Floats = count * np.log1p(-rates) + rates * total
    return logs


def bernoulli_bets(outcomes: ArrayLike, chances: ArrayLike, bets: ArrayLike) -> Floats:
    """log Π exp(t x) / (1 - p + p exp(t)) over outcomes x (0 or 1) of chance p, for each bet t >= 0; shape
    (bets,).

    Each factor has mean 1 where P(x = 1) = p given all before, and at most 1 where it is lower. `outcomes`
    and `chances` have shape (n,); a chance may hang on earlier outcomes.
    """
    x, p = np.asarray(outcomes, dtype=np.float64), np.asarray(chances, dtype=np.float64)
    tilts = np.asarray(bets, dtype=np.float64)
    if (tilts < 0).any():
        raise ValueError("a bet on an outcome is not negative")
    return np.array([t * float(x.sum()) - float(np.log1p(p * math.expm1(t)).sum()) for t in tilts])


def mixed(logs: ArrayLike) -> float:
    """Natural log of the mean over a grid of bets."""
    values = np.asarray(logs, dtype=np.float64)
    return float(logsumexp(values)) - math.log(len(values))


def shares(logs: ArrayLike) -> Floats:
    """What each bet of a grid holds of the whole, shape (bets,): how the next step is bet."""
    values = np.asarray(logs, dtype=np.float64)
    held: Floats = np.exp(values - logsumexp(values))
    return held


def product(logs: Sequence[float]) -> float:
    """Natural log of the product: a value of the null that all their nulls hold, if they are independent."""
    return float(sum(logs))


def lookback(largest: float) -> float:
    """Natural log of κ y^(1 - κ), an e-value from the *largest* value y >= 1 so far of one that may be looked
    at.

    ∫ κ y^(1 - κ) / y² over y >= 1 is 1, so its mean is at most 1 (Shafer, Shen, Vereshchagin & Vovk 2011,
    "Test martingales, Bayes factors and p-values", theorem 3). It never falls over time, so that means of
    several are anytime-valid under any dependence, which the mean of the processes themselves is not: what is
    known of one may tell the next step of another.
    """
    return math.log(LOOKBACK) + (1 - LOOKBACK) * max(largest, 0.0)


def anytime_log_p(largest: float) -> float:
    """Natural log of the anytime-valid p-value, min(1, 1 / the largest value so far) (Ville)."""
    return min(0.0, -largest)
