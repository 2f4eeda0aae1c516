"""The binomial tail against exact fractions, SciPy, mpmath, and a positive series down to 1e-30000."""

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf
from scipy.stats import binom

from countermark.stats import binomial

LN10 = math.log(10)


def series(successes: int, trials: int, p: float) -> float:
    """ln P(Bin(n, p) >= k), 50 digits: pmf(k) (1 + r_k + r_k r_k+1 …) with r the ratio of neighbours."""
    with mp.workdps(50):
        odds, term, total = mpf(p) / (1 - mpf(p)), mpf(1), mpf(1)
        for k in range(successes, trials):
            term *= odds * (trials - k) / (k + 1)
            total += term
            if term < total * mpf(10) ** -45:
                break
        choose = mp.loggamma(trials + 1) - mp.loggamma(successes + 1) - mp.loggamma(trials - successes + 1)
        log_pmf = choose + successes * mp.log(p) + (trials - successes) * mp.log(1 - mpf(p))
        return float(log_pmf + mp.log(total))


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.integers(1, 63))
def test_equals_the_sum_of_fractions(counts, numerator):
    successes, trials = counts
    p = Fraction(numerator, 64)
    exact = sum(math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(successes, trials + 1))
    assert math.exp(binomial.log_sf(successes, trials, float(p))) == pytest.approx(float(exact), rel=1e-11)


@given(st.integers(0, 5_000), st.integers(1, 5_000), st.floats(1e-6, 0.999))
def test_equals_scipy_where_scipy_has_digits(successes, trials, p):
    expected = float(binom.sf(successes - 1, trials, p))
    if expected > 1e-290:
        log_p = binomial.log_sf(successes, trials, p)
        assert log_p == pytest.approx(math.log(expected), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("p", [0.25, 0.5, 2**-10, 0.9])
@pytest.mark.parametrize("trials", [700, 99_999, 10_000_000])
@pytest.mark.parametrize("log10_p", [-15, -199, -201, -30_000])
def test_equals_the_series_at_any_depth(trials, p, log10_p):
    low, high = int(trials * p) + 1, trials
    while low + 1 < high:  # near the count whose tail is the first below; the series measures what it is
        middle = (low + high) // 2
        shallow = binomial.log_sf(middle, trials, p) / LN10 > log10_p
        low, high = (middle, high) if shallow else (low, middle)
    expected = series(high, trials, p)
    assert expected / LN10 < log10_p / 2 or high == trials
    assert binomial.log_sf(high, trials, p) == pytest.approx(expected, rel=1e-10, abs=1e-9)


def test_log10_of_minus_25_979_comes_out_right():
    """All of 43,150 green at gamma = 1/4 is 10^-25978.9…; the closed form is 4^-n."""
    assert binomial.log_sf(43_150, 43_150, 0.25) == pytest.approx(-43_150 * math.log(4), rel=1e-13)
    assert binomial.log_sf(43_150, 43_150, 0.25) / LN10 == pytest.approx(-25_978.888, abs=1e-3)


def test_one_short_of_all_has_a_closed_form():
    n, p = 60_000, 0.25
    expected = n * math.log(p) + math.log1p(n * (1 - p) / p)
    assert binomial.log_sf(n - 1, n, p) == pytest.approx(expected, rel=1e-12)


@given(st.integers(2, 200_000), st.floats(0.01, 0.9))
def test_falls_with_the_count(trials, p):
    start = int(trials * p)
    counts = sorted({min(trials, start + round(i * (trials - start) / 60)) for i in range(61)})
    values = [binomial.log_sf(k, trials, p) for k in counts]
    assert all(a > b - 1e-12 for a, b in itertools.pairwise(values))
    assert max(values) <= 0.0


def test_impossible_and_certain():
    assert binomial.log_sf(0, 10, 0.3) == 0.0
    assert binomial.log_sf(-1, 10, 0.3) == 0.0
    assert binomial.log_sf(0, 0, 0.3) == 0.0
    assert binomial.log_sf(11, 10, 0.3) == -math.inf
    assert binomial.log_sf(1, 10, 0.0) == -math.inf
    assert binomial.log_sf(10, 10, 1.0) == 0.0
