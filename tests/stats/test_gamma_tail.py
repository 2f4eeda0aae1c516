"""The Gamma tail against mpmath and against a positive series that needs no library, down to 1e-30000."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from countermark.stats import gamma

LN10 = math.log(10)


def series(x: float, shape: int) -> float:
    """ln P(Gamma(n, 1) >= x), n whole, 50 digits: x^(n-1) e^-x / (n-1)! (1 + (n-1)/x + (n-1)(n-2)/x^2 …).

    The chance of fewer than n events of a Poisson process by x, summed from the largest term where x > n;
    all terms are positive, so nothing cancels.
    """
    with mp.workdps(50):
        z, term, total = mpf(x), mpf(1), mpf(1)
        for i in range(1, shape):
            term *= (shape - i) / z
            total += term
            if term < total * mpf(10) ** -45:
                break
        return float((shape - 1) * mp.log(z) - z - mp.loggamma(shape) + mp.log(total))


def x_at(log10_p: float, shape: int) -> float:
    """Near where the tail has this size; what is found is measured with the series."""
    depth = -log10_p * LN10
    low, high = float(shape), shape + 3 * math.sqrt(depth * shape) + 3 * depth
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if float(gamma.log_sf(middle, shape)) > -depth else (low, middle)
    return low


@pytest.mark.parametrize("shape", [1, 2, 15, 16, 17, 496, 99_996, 10_000_000])
@pytest.mark.parametrize("log10_p", [-15, -199, -200.5, -330, -25_979, -30_000])
def test_equals_the_series_at_any_depth(shape, log10_p):
    x = x_at(log10_p, shape)
    expected = series(x, shape)
    assert expected / LN10 == pytest.approx(log10_p, rel=1e-6)
    assert float(gamma.log_sf(x, shape)) == pytest.approx(expected, rel=1e-12, abs=2e-9)


def test_log10_of_minus_25_979_comes_out_right():
    """10,000 distinct pairs that score 79,017.8 where 10,000 are expected: p = 1e-25979."""
    x = x_at(-25_979, 10_000)
    assert float(gamma.log_sf(x, 10_000)) / LN10 == pytest.approx(-25_979, abs=1e-6)


@given(shape=st.floats(0.05, 300), ratio=st.floats(0.01, 60))
def test_equals_mpmath_for_any_shape(shape, ratio):
    x = shape * ratio
    with mp.workdps(50):
        expected = float(mp.log(mp.gammainc(mpf(shape), mpf(x), mp.inf, regularized=True)))
    assert float(gamma.log_sf(x, shape)) == pytest.approx(expected, rel=1e-11, abs=1e-11)


@given(x=st.floats(0, 1e6))
def test_one_pair_is_an_exponential_variable(x):
    assert float(gamma.log_sf(x, 1)) == pytest.approx(-x, rel=1e-12, abs=1e-15)


@given(shape=st.integers(1, 2_000_000), log10_p=st.floats(-400, -100))
def test_falls_as_the_sum_rises_also_where_the_method_changes(shape, log10_p):
    """Steps of a hundredth of a decade, so that an error of a few per cent at the change would show."""
    start = shape + math.sqrt(-2 * log10_p * LN10 * shape) - log10_p * LN10 / 3
    values = gamma.log_sf(start * (1 + 1e-4 * np.arange(50)), shape)
    slopes = np.diff(values)
    assert (slopes < 0).all()
    assert (np.abs(np.diff(slopes)) < 0.02 * np.abs(slopes[1:]) + 1e-8).all()


@given(x=st.floats(0, 1e5), shape=st.floats(0.1, 1e5))
def test_rises_with_the_shape_and_never_passes_one(x, shape):
    values = gamma.log_sf(x, shape * np.array([0.5, 0.9, 1.0, 1.1, 2.0]))
    assert (values <= 0).all()
    assert all(a <= b + 1e-9 * abs(a) for a, b in itertools.pairwise(values))


def test_nothing_scored_says_nothing():
    assert gamma.log_sf([0.0, -1.0, 0.0, 5.0], [0, 3, 3, 0]).tolist() == [0.0, 0.0, 0.0, 0.0]


def test_shapes_of_arrays():
    table = gamma.log_sf(np.array([[1.0], [50.0]]), np.array([1, 2, 3]))
    assert table.shape == (2, 3)
    assert table[1, 2] == float(gamma.log_sf(50.0, 3))
    assert np.array(gamma.log_sf(9e4, 1_000)).shape == ()
