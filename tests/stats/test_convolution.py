"""Exact tails of lattice sums against enumeration, powers of polynomials in 50 digits, the binomial law."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from countermark.stats import binomial, convolution

LN10 = math.log(10)


def exact(x: int, parts: list[tuple[list[float], int]]) -> float:
    """ln P(S >= x) from the product of the laws as polynomials, 50 digits."""
    with mp.workdps(50):
        product = [mpf(1)]
        for law, power in parts:
            for _ in range(power):
                larger = [mpf(0)] * (len(product) + len(law) - 1)
                for (i, a), (j, b) in itertools.product(enumerate(product), enumerate(law)):
                    larger[i + j] += a * mpf(float(b))
                product = larger
        tail = sum(product[max(x, 0) :], mpf(0))
        return float(mp.log(tail)) if tail > 0 else -math.inf


LAW = st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any)
PARTS = st.lists(st.tuples(LAW, st.integers(0, 6)), min_size=1, max_size=3)


@given(parts=PARTS, x=st.integers(-2, 80))
def test_equals_the_product_of_polynomials(parts, x):
    laws = [(np.array(law) / sum(law), power) for law, power in parts]
    expected = exact(x, [(law.tolist(), power) for law, power in laws])
    result = convolution.log_sf(x, laws)
    assert result == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert (result == -math.inf) == (expected == -math.inf)


@pytest.mark.parametrize("x", [30, 55, 80, 100, 119, 120])
def test_a_depth_of_tournament_layers_at_every_tail(x):
    """Forty pairs of a law over 0 … 3, up to the one outcome that is (1/64)^40."""
    law = [27 / 64, 27 / 64, 9 / 64, 1 / 64]
    assert convolution.log_sf(x, [(np.array(law), 40)]) == pytest.approx(exact(x, [(law, 40)]), rel=1e-12)


@pytest.mark.parametrize("trials", [10, 1_000, 100_000])
@pytest.mark.parametrize("share", [0.1, 0.26, 0.3, 0.6, 0.99, 1.0])
def test_bernoulli_laws_are_the_binomial(trials, share):
    x = round(trials * share)
    expected = binomial.log_sf(x, trials, 0.25)
    assert convolution.log_sf(x, [(np.array([0.75, 0.25]), trials)]) == pytest.approx(
        expected, rel=1e-9, abs=1e-11
    )


def test_log10_of_minus_25_979_comes_out_right():
    """43,150 greens of probability 1/4 and nothing else: 4^-43150 = 10^-25978.888, and one short of it."""
    law, n = np.array([0.75, 0.25]), 43_150
    assert convolution.log_sf(n, [(law, n)]) / LN10 == pytest.approx(-25_978.888, abs=1e-3)
    one_short = -n * math.log(4) + math.log1p(3 * n)
    assert convolution.log_sf(n - 1, [(law, n)]) == pytest.approx(one_short, rel=1e-11)


def test_laws_are_independent_and_may_be_split_at_will():
    law, other = np.array([0.5, 0.3, 0.2]), np.array([0.9, 0.0, 0.0, 0.1])
    together = convolution.log_sf(90, [(law, 50), (other, 30)])
    split = convolution.log_sf(90, [(other, 10), (law, 20), (other, 20), (law, 30), (law, 0)])
    assert split == pytest.approx(together, rel=1e-10)


@given(parts=PARTS)
def test_falls_from_certain_to_impossible(parts):
    laws = [(np.array(law) / sum(law), power) for law, power in parts]
    most = sum((len(law) - 1) * power for law, power in parts)
    values = [convolution.log_sf(x, laws) for x in range(most + 2)]
    assert values[0] == 0.0
    assert values[-1] == -math.inf
    assert all(a >= b - 1e-10 for a, b in itertools.pairwise(values))


def test_no_variable_at_all():
    assert convolution.log_sf(0, []) == 0.0
    assert convolution.log_sf(1, []) == -math.inf
