"""Sequential permutation: valid at every level, exact where the law is known, uniform draws within strata."""

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from countermark.stats.binomial import clopper_pearson
from countermark.stats.permutation import StratifiedDraws, _choices, besag_clifford


def normal(generator, n):
    return generator.standard_normal(n)


@pytest.mark.parametrize("batch", [7, 500])
@pytest.mark.parametrize("shape", [normal, lambda generator, n: generator.integers(0, 6, n).astype(float)])
def test_valid_under_the_null(shape, batch):
    """P(p ≤ a) ≤ a: Clopper–Pearson (99.9%, lower limit) over 3,000 runs; ties only raise p."""
    p_values = []
    for seed in range(3_000):
        generator = np.random.default_rng([11, seed])
        observed = float(shape(generator, 1)[0])
        p_values.append(
            besag_clifford(observed, shape, generator, threshold=0.01, most=400_000, batch=batch).p_value
        )
    p = np.array(p_values)
    for alpha in (0.5, 0.1, 0.05, 0.01):
        assert clopper_pearson(int((p <= alpha).sum()), p.size, 0.998)[0] <= alpha
    if shape is normal:  # and not needlessly large: without ties it is uniform on its grid
        assert clopper_pearson(int((p <= 0.1).sum()), p.size, 0.998)[1] >= 0.09


def fixed(values):
    """A null that gives these values in order, for stopping rules by hand."""
    left = itertools.chain(values)
    return lambda generator, n: np.array([next(left) for _ in range(n)])


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_stops_at_the_tenth_exceedance_whatever_the_batch(batch):
    draws = [0.0, 2.0] * 200
    result = besag_clifford(
        1.0, fixed(draws), np.random.default_rng(0), threshold=0.01, most=10_000, batch=batch
    )
    assert (result.exceedances, result.draws, result.p_value) == (10, 20, 0.5)


def test_a_tie_counts_as_an_exceedance():
    result = besag_clifford(1.0, fixed([1.0] * 200), np.random.default_rng(0), threshold=0.01, most=10_000)
    assert (result.p_value, result.draws) == (1.0, 10)


def test_at_the_limit_the_observed_set_counts_as_one_draw():
    draws = [2.0] * 4 + [0.0] * 196
    result = besag_clifford(1.0, fixed(draws), np.random.default_rng(0), threshold=0.01, most=10_000)
    assert result.draws == 200
    assert result.p_value == pytest.approx(5 / 201)


@pytest.mark.parametrize(
    ("threshold", "most", "draws"), [(0.01, 10_000, 200), (1e-3, 500, 500), (3e-4, 10_000, 6_667)]
)
def test_the_floor_is_what_the_draws_allow(threshold, most, draws):
    result = besag_clifford(
        9.0, lambda g, n: np.zeros(n), np.random.default_rng(0), threshold=threshold, most=most
    )
    assert result.draws == draws
    assert result.p_value == result.floor == pytest.approx(1 / (1 + draws))
    assert (result.floor <= threshold) == (most >= 2 / threshold)


def test_agrees_with_the_enumeration_of_all_sets():
    """Sum of a set of 3 of 6 and 2 of 5 numbers: 200 sets, the observed sum is reached by a known share."""
    value = np.array([3.0, 9, 1, 4, 12, 7, 2, 8, 5, 11, 6])
    label = np.repeat([0, 1], [6, 5])
    observed = np.array([1, 4, 5, 7, 9])
    sets = [
        (*first, *second)
        for first in itertools.combinations(range(6), 3)
        for second in itertools.combinations(range(6, 11), 2)
    ]
    reached = np.mean([value[list(one)].sum() >= value[observed].sum() for one in sets])
    draws = StratifiedDraws(label, observed)
    result = besag_clifford(
        float(value[observed].sum()),
        lambda generator, n: value[draws.draw(generator, n)].sum(axis=1),
        np.random.default_rng(5),
        threshold=1e-4,
        most=20_000,
        exceedances=1_000_000,
    )
    low, high = clopper_pearson(result.exceedances, result.draws, 0.999)
    assert reached == 1 / 200
    assert low <= reached <= high


@pytest.mark.parametrize(("pool", "k"), [(9, 2), (13, 3), (6, 2), (5, 4), (4, 4), (7, 1)])
def test_every_subset_is_equally_likely(pool, k):
    """Both branches: 4 k ≤ pool draws again on equal numbers, else the smallest of random keys."""
    rows = _choices(np.random.default_rng(3), pool, k, 40_000)
    subsets = list(itertools.combinations(range(pool), k))
    counts = dict.fromkeys(subsets, 0)
    for row in np.sort(rows, axis=1).tolist():
        counts[tuple(row)] += 1
    assert sum(counts.values()) == 40_000
    if len(subsets) > 1:
        assert chisquare(list(counts.values())).pvalue > 1e-4


def test_equal_numbers_are_drawn_again_however_many():
    rows = _choices(np.random.default_rng(1), 400, 100, 500)
    assert all(len(set(row)) == 100 for row in rows.tolist())
    assert chisquare(np.bincount(rows.ravel(), minlength=400)).pvalue > 1e-4


def test_a_set_keeps_its_numbers_within_strata():
    label = np.random.default_rng(2).integers(0, 4, 300)
    label[label == 3] = 7  # strata that nobody of the set is in, and numbers without accounts
    observed = np.concatenate([np.flatnonzero(label == 0)[:40], np.flatnonzero(label == 2)[:3]])
    drawn = StratifiedDraws(label, observed).draw(np.random.default_rng(4), 200)
    assert drawn.shape == (200, 43)
    assert ((label[drawn] == 0).sum(axis=1) == 40).all()
    assert ((label[drawn] == 2).sum(axis=1) == 3).all()
    assert all(len(set(row)) == 43 for row in drawn.tolist())
