"""Chernoff's bound on sums of exponentials with weights of either sign, by simulation and closed forms."""

import math

import numpy as np
import pytest

from countermark.stats.binomial import clopper_pearson
from countermark.stats.chernoff import signed_exponentials, weighted_exponentials


@pytest.mark.parametrize("x", [1.0, 8.0, 25.0, 300.0])
def test_without_negative_weights_it_is_the_bound_for_positive_ones(x: float) -> None:
    weights, counts = [0.2, 1.0, 3.0], [4, 2, 1]
    ours, other = signed_exponentials(x, weights, counts), weighted_exponentials(x, weights, counts)
    assert ours.log_bound == pytest.approx(other.log_bound, rel=1e-9, abs=1e-12)


def test_two_exponentials_against_the_closed_tail_of_their_difference() -> None:
    # P(E1 - 2 E2 >= x) = exp(-x) / 3 for x >= 0
    for x in (0.5, 3.0, 40.0):
        log_truth = -x - math.log(3)
        assert log_truth <= signed_exponentials(x, [1.0, -2.0], [1, 1]).log_bound <= log_truth + 6


def test_it_is_above_the_share_of_simulated_sums() -> None:
    weights, counts = np.array([1.0, 0.4, -0.3, -1.5]), np.array([10, 20, 30, 5])
    generator, draws = np.random.default_rng(1), 200_000
    sums = sum(w * generator.gamma(n, size=draws) for w, n in zip(weights, counts, strict=True))
    for level in (0.1, 0.01, 1e-3):
        x = float(np.quantile(sums, 1 - level))
        above = int((sums >= x).sum())
        bound = signed_exponentials(x, weights, counts).log_bound
        assert math.log(clopper_pearson(above, draws, 0.999)[0]) <= bound <= math.log(level) + 3


def test_wide_cells_are_paid_for() -> None:
    # lower ends of cells of 1/4: a negative weight gains from them, and the bound knows
    weights, counts, generator = np.array([1.0, -1.0]), np.array([20, 40]), np.random.default_rng(2)
    cells = generator.integers(0, 4, (100_000, 60))
    scores = -np.log1p(-cells / 4)
    sums = scores[:, :20].sum(1) - scores[:, 20:].sum(1)
    x = float(np.quantile(sums, 0.99))
    assert signed_exponentials(x, weights, counts, 0.25).log_bound >= math.log(0.009)
    plain = signed_exponentials(x, weights, counts).log_bound
    assert plain < signed_exponentials(x, weights, counts, 0.25).log_bound


def test_at_the_mean_and_below_nothing_is_shown() -> None:
    assert signed_exponentials(-5.0, [1.0, -1.0], [10, 10]).log_bound == 0.0
    assert signed_exponentials(0.0, [], []).log_bound == 0.0
