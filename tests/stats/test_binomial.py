"""Clopper–Pearson against SciPy, and "none in n"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from countermark.stats.binomial import clopper_pearson

COUNTS = st.integers(2, 2_000).flatmap(lambda n: st.tuples(st.integers(1, n - 1), st.just(n)))
"""Successes and trials, neither none nor all."""


@given(COUNTS, st.floats(0.5, 0.999))
def test_equals_scipy_where_both_limits_are_open(counts, level):
    successes, trials = counts
    exact = binomtest(successes, trials).proportion_ci(level, method="exact")
    assert clopper_pearson(successes, trials, level) == pytest.approx((exact.low, exact.high), rel=1e-6)


@given(st.integers(1, 5_000))
def test_none_and_all_are_one_sided_at_the_full_level(trials):
    """None in n: at most 1 - 0.05^(1/n), which is SciPy's two-sided limit at 90%."""
    low, high = clopper_pearson(0, trials)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.05 ** (1 / trials), rel=1e-9)
    assert high == pytest.approx(binomtest(0, trials).proportion_ci(0.9, method="exact").high, rel=1e-6)
    assert clopper_pearson(trials, trials) == pytest.approx((1 - high, 1.0), rel=1e-9)


@pytest.mark.parametrize("proportion", [0.001, 0.005, 0.01, 0.1, 0.5, 0.97, 0.99])
@pytest.mark.parametrize("n", [30, 300])
def test_each_limit_alone_misses_in_at_most_one_of_twenty(n, proportion):
    """Exact: the binomial weight of the counts whose limit lies on the wrong side."""
    limits = [clopper_pearson(k, n) for k in range(n + 1)]
    weight = binom.pmf(range(n + 1), n, proportion)
    above = sum(w for w, (low, _) in zip(weight, limits, strict=True) if low > proportion)
    below = sum(w for w, (_, high) in zip(weight, limits, strict=True) if high < proportion)
    assert max(above, below) <= 0.05
    assert above + below <= 0.075


def test_no_trials_say_nothing():
    assert clopper_pearson(0, 0) == (0.0, 1.0)
