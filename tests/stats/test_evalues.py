"""E-values: means by enumeration and quadrature, Ville's bound and optional stopping by simulation."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import beta

from countermark.stats.evalues import (
    anytime_log_p,
    bernoulli_bets,
    exponential_bets,
    lookback,
    mixed,
    product,
    shares,
)


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_a_bet_on_an_exponential_has_mean_one(weight: float) -> None:
    for bet in (0.005, 0.16, 0.64):

        def integrand(s: float, bet: float = bet) -> float:
            return math.exp(float(exponential_bets(s, 1, [bet], weight)[0]) - s)

        assert quad(integrand, 0, np.inf)[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("bits", [3, 6])
def test_a_bet_on_the_lower_end_of_a_cell_has_mean_at_most_one(bits: int) -> None:
    cells = np.arange(1 << bits)
    scores = -np.log1p(-cells / (1 << bits))
    for bet in (0.005, 0.16, 0.64):
        means = np.mean([np.exp(exponential_bets(float(s), 1, [bet])[0]) for s in scores])
        assert means <= 1


def test_a_bet_on_outcomes_has_mean_one_over_all_of_them() -> None:
    chances = [0.25, 0.5, 0.9]
    for bet in (0.05, 0.8, 3.2):
        mean = 0.0
        for outcome in itertools.product((0, 1), repeat=3):
            weight = math.prod(p if x else 1 - p for x, p in zip(outcome, chances, strict=True))
            mean += weight * math.exp(float(bernoulli_bets(outcome, chances, [bet])[0]))
        assert mean == pytest.approx(1, abs=1e-12)


def test_sums_are_products_of_single_bets() -> None:
    scores = np.array([0.2, 3.1, 0.7])
    whole = exponential_bets(float(scores.sum()), 3, [0.1, 0.5])
    parts = [[math.log((1 - b) * math.exp(b * s)) for b in (0.1, 0.5)] for s in scores]
    np.testing.assert_allclose(whole, np.sum(parts, axis=0))


@pytest.mark.parametrize("bet", [-0.1, 1.0, 2.0])
def test_a_bet_out_of_bounds_is_refused(bet: float) -> None:
    with pytest.raises(ValueError, match="bet"):
        exponential_bets(1.0, 1, [bet])


def test_a_negative_bet_on_outcomes_is_refused() -> None:
    with pytest.raises(ValueError, match="bet"):
        bernoulli_bets([1], [0.5], [-1.0])


def test_a_mixture_is_betting_the_mean_by_what_was_won() -> None:
    first, second = exponential_bets(7.0, 3, [0.1, 0.5]), exponential_bets(2.0, 4, [0.1, 0.5])
    stepwise = mixed(first) + math.log(float(shares(first) @ np.exp(second)))
    assert stepwise == pytest.approx(mixed(first + second))


def test_the_mean_of_a_lookback_is_one_at_the_worst() -> None:
    # at the worst the largest value of a martingale from 1 has density 1/y² on y >= 1
    assert quad(lambda y: math.exp(lookback(math.log(y))) / y**2, 1, np.inf, limit=500)[0] <= 1 + 1e-3
    assert lookback(-5.0) == lookback(0.0)
    assert lookback(200.0) == pytest.approx(math.log(0.1) + 180)


def test_products_add_in_logs() -> None:
    assert product([1.5, -0.5]) == 1.0
    assert anytime_log_p(3.0) == -3.0
    assert anytime_log_p(-3.0) == 0.0


BETS = [0.005 * 2**at for at in range(8)]


def paths(generator: np.random.Generator, trials: int, batches: int, size: int, bets: Any) -> Any:
    """Natural logs of mixtures after each batch, shape (trials, batches)."""
    totals = generator.gamma(size, size=(trials, batches, 1))
    logs = np.cumsum(exponential_bets(totals, size, bets), axis=1)
    assert mixed(logs[0, 0]) == pytest.approx(float(logsumexp(logs[0, 0])) - math.log(len(bets)))
    return logsumexp(logs, axis=2) - math.log(len(bets))


def test_under_the_null_no_level_is_reached_more_often_than_stated() -> None:
    """Looking after each of 60 batches, and stopping where it looks best: Ville, one-sided 99%."""
    largest = paths(np.random.default_rng(5), 20_000, 60, 50, BETS).max(axis=1)
    for alpha in (0.2, 0.05, 0.01, 0.001):
        reached = int((largest >= -math.log(alpha)).sum())
        assert beta.ppf(0.01, max(reached, 1), len(largest) - reached + 1) <= alpha


def test_stopping_at_will_keeps_the_mean_at_most_one() -> None:
    """Stops at the first value above 2, or after 50 batches; bets that leave the mean a small spread."""
    values = paths(np.random.default_rng(6), 50_000, 50, 20, [0.02, 0.08])
    above = values > math.log(2)
    stop = np.where(above.any(axis=1), above.argmax(axis=1), 49)
    stopped = np.exp(values[np.arange(len(values)), stop])
    assert stopped.mean() - 2.33 * stopped.std() / math.sqrt(len(stopped)) <= 1
    assert stopped.mean() + 2.33 * stopped.std() / math.sqrt(len(stopped)) >= 1  # and no less: it is one
