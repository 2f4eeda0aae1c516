"""The stratified tail against SciPy, enumeration of every draw, and closed forms in far tails."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import hypergeom

from countermark.stats.hypergeometric import log_pmf, log_tail


def tail(observed, *strata):
    """`log_tail` of strata given as (total, marked, drawn)."""
    total, marked, drawn = (np.array(column, np.int64) for column in zip(*strata, strict=True))
    return log_tail(observed, total, marked, drawn)


@st.composite
def stratum(draw, most=60):
    total = draw(st.integers(1, most))
    return total, draw(st.integers(0, total)), draw(st.integers(0, total))


@given(stratum(most=400), st.integers(-1, 401))
def test_one_stratum_is_scipys_hypergeometric(one, observed):
    total, marked, drawn = one
    expected = hypergeom.logsf(observed - 1, total, marked, drawn)
    if expected == -math.inf:
        assert tail(observed, one) == -math.inf
    else:
        assert tail(observed, one) == pytest.approx(expected, rel=1e-8, abs=1e-9)


@given(stratum(most=400))
def test_the_law_sums_to_one_and_starts_at_the_lowest_count(one):
    total, marked, drawn = one
    low, law = log_pmf(total, marked, drawn)
    assert low == max(0, marked + drawn - total)
    assert low + law.size - 1 == min(marked, drawn)
    assert np.exp(law).sum() == pytest.approx(1.0, rel=1e-9)


def enumerated(observed, strata):
    """P(count ≥ observed) by listing every draw of every stratum; accounts below `marked` are marked."""
    counts = [
        [sum(account < marked for account in drawn) for drawn in itertools.combinations(range(total), n)]
        for total, marked, n in strata
    ]
    sums = [sum(one) for one in itertools.product(*counts)]
    return sum(value >= observed for value in sums) / len(sums)


@given(st.lists(stratum(most=5), min_size=2, max_size=3), st.integers(0, 15))
def test_several_strata_are_the_enumeration_of_all_draws(strata, observed):
    p = enumerated(observed, strata)
    result = tail(observed, *strata)
    assert math.exp(result) == pytest.approx(p, rel=1e-9)
    assert (result == -math.inf) == (p == 0.0)
    assert (result == 0.0) == (p == 1.0)


@given(st.lists(stratum(), min_size=1, max_size=6))
def test_falls_as_the_observed_count_rises_and_stays_a_probability(strata):
    most = sum(min(marked, drawn) for _, marked, drawn in strata)
    values = [tail(observed, *strata) for observed in range(most + 2)]
    assert values[0] == 0.0
    assert all(a >= b - 1e-10 for a, b in itertools.pairwise(values))
    assert values[-1] == -math.inf < values[-2]


@given(st.lists(stratum(), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_strata_does_not_matter(strata, random):
    shuffled = random.sample(strata, len(strata))
    observed = sum(drawn * marked // total for total, marked, drawn in strata) + 1
    assert tail(observed, *shuffled) == pytest.approx(tail(observed, *strata), rel=1e-9, abs=1e-12)


def log_choose(n, k):
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


@pytest.mark.parametrize(("total", "drawn"), [(25_000, 300), (100_000, 2_000), (1_000_000, 5_000)])
def test_far_tail_all_marked_and_nobody_else_drawn(total, drawn):
    """One draw in C(N, n): p = 1 / C(N, n), hundreds to thousands of decades below the smallest float."""
    expected = -log_choose(total, drawn)
    assert expected < -math.log(10) * 308
    assert tail(drawn, (total, drawn, drawn)) == pytest.approx(expected, rel=1e-9)


def test_far_tail_over_strata_is_the_product():
    strata = [(10_000, 200, 200), (20_000, 150, 150), (5_000, 100, 80)]
    last = log_choose(100, 80) - log_choose(5_000, 80)
    expected = -log_choose(10_000, 200) - log_choose(20_000, 150) + last
    assert tail(430, *strata) == pytest.approx(expected, rel=1e-9)


def test_far_tail_next_to_the_last_count():
    """P(count ≥ n - 1) = (1 + n (N - n)) / C(N, n) with n marked and n drawn."""
    total, n = 50_000, 400
    expected = math.log(1 + n * (total - n)) - log_choose(total, n)
    assert tail(n - 1, (total, n, n)) == pytest.approx(expected, rel=1e-9)


def test_nothing_marked_or_nobody_drawn():
    for strata in ([(10, 0, 5)], [(10, 5, 0)], [(10, 0, 5), (8, 3, 0)]):
        assert tail(0, *strata) == 0.0
        assert tail(1, *strata) == -math.inf


def test_a_count_that_cannot_be_smaller_is_certain():
    assert tail(4, (10, 7, 7)) == 0.0
    assert tail(5, (10, 7, 7)) < 0.0


def test_no_strata_at_all():
    empty = np.empty(0, np.int64)
    assert log_tail(0, empty, empty, empty) == 0.0
    assert log_tail(1, empty, empty, empty) == -math.inf
