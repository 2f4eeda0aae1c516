"""Ranks and their uniformity: closed forms, SciPy's law, validity; the bettor by plain loops and by Ville."""

import math

import numpy as np
import pytest
from scipy.stats import cramervonmises, kstest

from countermark.stats.betting import log_capital
from countermark.stats.binomial import clopper_pearson
from countermark.stats.uniformity import cramer_von_mises, null_statistics, randomised_rank, uniformity


def test_a_rank_lies_in_the_cell_of_its_place() -> None:
    generator = np.random.default_rng(0)
    others = np.array([1.0, 2.0, 4.0])
    for score, cell in ((0.5, 0), (1.5, 1), (3.0, 2), (9.0, 3)):
        assert cell / 4 <= randomised_rank(score, others, generator) < (cell + 1) / 4


def test_equal_scores_share_their_cells() -> None:
    generator = np.random.default_rng(0)
    ranks = [randomised_rank(2.0, np.array([1.0, 2.0, 2.0, 3.0]), generator) for _ in range(2_000)]
    assert min(ranks) >= 0.2
    assert max(ranks) < 0.8
    assert kstest((np.array(ranks) - 0.2) / 0.6, "uniform").pvalue > 0.001


@pytest.mark.parametrize("values", [2, 6, 1000])
def test_ranks_of_exchangeable_scores_are_uniform_with_and_without_ties(values: int) -> None:
    generator = np.random.default_rng(1)
    ranks = []
    for _ in range(4_000):
        scores = generator.integers(0, values, 6).astype(float)
        ranks.append(randomised_rank(float(scores[0]), scores[1:], generator))
    assert kstest(ranks, "uniform").pvalue > 0.001


def test_the_statistic_is_scipys() -> None:
    values = np.random.default_rng(2).random((5, 17))
    for row, statistic in zip(values, cramer_von_mises(values), strict=True):
        assert statistic == pytest.approx(cramervonmises(row, "uniform").statistic)


@pytest.mark.parametrize("n", [5, 60])
def test_p_agrees_with_scipys_law(n: int) -> None:
    """Its law is an approximation (Csörgő & Faraway 1996), better than 1e-3 here."""
    for seed, power in ((0, 1.0), (1, 1.3), (2, 0.7)):
        values = np.random.default_rng(seed).random(n) ** power
        found = uniformity(values, np.random.default_rng(9), draws=9_999)
        expected = cramervonmises(values, "uniform").pvalue
        low, high = clopper_pearson(round(found.p_value * 10_000) - 1, 9_999, 0.999)
        assert low - 1e-3 <= expected <= high + 1e-3


def test_uniformity_is_valid_and_reaches_its_floor() -> None:
    """One-sided 99% over 3,000 runs with ranks among five."""
    p_values = []
    for seed in range(3_000):
        generator = np.random.default_rng([6, seed])
        scores = generator.integers(0, 3, (12, 6)).astype(float)
        ranks = np.array([randomised_rank(float(row[0]), row[1:], generator) for row in scores])
        p_values.append(uniformity(ranks, generator, draws=199).p_value)
    values = np.array(p_values)
    for alpha in (0.3, 0.1, 0.05, 0.01):
        assert clopper_pearson(int((values <= alpha).sum()), values.size, 0.98)[0] <= alpha
    assert uniformity(np.full(20, 0.99), np.random.default_rng(0), draws=99).p_value == 0.01


def test_the_limit_is_the_level_of_the_null() -> None:
    found = uniformity(np.random.default_rng(0).random(8), np.random.default_rng(1), draws=999)
    assert np.mean(found.null >= found.limit(0.05)) == pytest.approx(0.05, abs=0.002)


def naive_capital(values: np.ndarray, cells: int) -> list[float]:
    capital, seen, path = 1.0, [0] * cells, []
    for t, value in enumerate(values):
        cell = min(int(value * cells), cells - 1)
        capital *= cells * (seen[cell] + 0.5) / (t + cells / 2)
        seen[cell] += 1
        path.append(capital)
    return path


def test_capital_is_that_of_plain_loops() -> None:
    values = np.random.default_rng(3).random((3, 40)) ** 2
    expected = [
        [math.log(sum(step) / 3) for step in zip(*(naive_capital(row, b) for b in (2, 4, 8)), strict=True)]
        for row in values
    ]
    np.testing.assert_allclose(log_capital(values), expected, atol=1e-12)
    np.testing.assert_allclose(log_capital(values[1]), expected[1], atol=1e-12)


def test_every_bet_is_fair() -> None:
    """Whatever was seen, the mean of the next factor over all cells is 1."""
    before = np.random.default_rng(4).random(11)
    middles = (np.arange(8) + 0.5) / 8
    capital = np.exp(log_capital(np.array([[*before, middle] for middle in middles])))
    assert capital[:, -1].mean() == pytest.approx(capital[0, -2])


def test_under_the_null_capital_seldom_grows_whenever_one_looks() -> None:
    """Ville: P(max ≥ 1/a) ≤ a; one-sided 99% over 20,000 paths of 100 numbers."""
    paths = log_capital(np.random.default_rng(5).random((20_000, 100)))
    for alpha in (0.2, 0.05, 0.01, 0.001):
        hits = int((paths.max(axis=1) >= -math.log(alpha)).sum())
        assert clopper_pearson(hits, len(paths), 0.98)[0] <= alpha


def test_numbers_that_lean_make_the_bettor_rich() -> None:
    low = np.random.default_rng(6).random(60) * 0.4
    assert log_capital(low).max() > math.log(1e6)


def test_null_statistics_come_in_any_number() -> None:
    assert null_statistics(3, np.random.default_rng(0), 10).shape == (10,)
