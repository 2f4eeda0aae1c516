"""Chernoff's bound against exact laws, the saddlepoint figure's error, and what moment matching would claim.

Exact laws are partial fractions of the moment generating function, with digits enough for the cancellation.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from countermark.stats import chernoff, convolution, gamma

LN10 = math.log(10)


def exact_distinct(x: float, weights: np.ndarray) -> float:
    """ln P(Σ w_i E_i >= x) for distinct weights: Σ_i e^(-x/w_i) Π_{j≠i} w_i / (w_i - w_j)."""
    with mp.workdps(60 + len(weights)):
        ws = [mpf(float(w)) for w in weights]
        total = mpf(0)
        for w in ws:
            product = mp.exp(-mpf(x) / w)
            for other in ws:
                if other != w:
                    product *= w / (w - other)
            total += product
        return float(mp.log(total))


def exact_two(x: float, weights: tuple[float, float], count: int) -> float:
    """ln P(w_1 G + w_2 G' >= x) for independent G, G' ~ Gamma(count, 1): a mixture of Erlang tails.

    (1 - w_1 s)^-n (1 - w_2 s)^-n around the pole 1/w_1 has the coefficient C(n+m-1, m) (-r)^m / (1-r)^(n+m),
    r = w_2/w_1, at (1 - w_1 s)^-(n-m); the other pole is the same with the weights exchanged.
    """
    with mp.workdps(80 + 2 * count):
        total = mpf(0)
        for a, b in (weights, weights[::-1]):
            r, y = mpf(b) / mpf(a), mpf(x) / mpf(a)
            tails, term = [], mp.exp(-y)  # Poisson terms, summed up to Erlang tails of 1 … n
            for i in range(count):
                tails.append((tails[-1] if tails else 0) + term)
                term *= y / (i + 1)
            coefficient = (1 - r) ** -count
            for m in range(count):
                total += coefficient * tails[count - m - 1]
                coefficient *= -r / (1 - r) * (count + m) / (m + 1)
        return float(mp.log(total))


def moment_matched(x: float, weights: np.ndarray) -> float:
    """log10 of the tail that a Gamma law of the same mean and variance would give; no p-value."""
    mean, variance = weights.sum(), (weights**2).sum()
    return float(gamma.log_sf(x * mean / variance, mean**2 / variance)) / LN10


def x_at(log10_p: float, weights: np.ndarray) -> float:
    """Near where the tail has this size, by the saddlepoint figure."""
    low, high = weights.sum(), weights.sum() + 3e3 * weights.max()
    for _ in range(60):
        middle = (low + high) / 2
        deep = chernoff.weighted_exponentials(middle, weights, 1).log_saddlepoint / LN10 < log10_p
        low, high = (low, middle) if deep else (middle, high)
    return float(low)


DISTINCT = st.lists(st.integers(1, 400), min_size=1, max_size=14, unique=True)


@given(units=DISTINCT, ratio=st.floats(1.0, 80.0))
def test_bound_is_never_below_the_exact_tail_and_the_figure_is_close(units, ratio):
    weights = np.array(units) / 100
    x = float(weights.sum()) * ratio
    tail = chernoff.weighted_exponentials(x, weights, 1)
    exact = exact_distinct(x, weights)
    assert tail.log_bound >= exact
    if ratio > 1.05:
        assert tail.log_saddlepoint == pytest.approx(exact, abs=0.12)


@pytest.mark.parametrize("count", [1, 2, 10, 100, 300])
@pytest.mark.parametrize("weights", [(0.9, 0.1), (0.75, 0.25), (0.6, 0.4), (1.0, 0.01)])
@pytest.mark.parametrize("ratio", [1.02, 1.3, 2.0, 10.0, 300.0])
def test_two_weights_as_a_dual_key_has_them(count, weights, ratio):
    x = count * sum(weights) * ratio
    tail = chernoff.weighted_exponentials(x, weights, [count, count])
    exact = exact_two(x, weights, count)
    assert exact <= tail.log_bound <= exact + math.log(4 * math.sqrt(2 * count) * ratio + 4)
    assert tail.log_saddlepoint == pytest.approx(exact, abs=0.13 if count < 10 else 0.02)


@given(count=st.integers(1, 100_000), ratio=st.floats(1.001, 2_000))
def test_equal_weights_are_the_gamma_law(count, ratio):
    tail = chernoff.weighted_exponentials(2.5 * count * ratio, [2.5], [count])
    exact = float(gamma.log_sf(count * ratio, count))
    assert tail.log_bound >= exact - 1e-9 * abs(exact)
    assert tail.log_saddlepoint == pytest.approx(exact, abs=0.1, rel=1e-9)


def test_a_bound_of_1e_minus_25979():
    """w (E_1 + … + E_n) has the bound (y e^(1-y))^n at y times its mean, in closed form."""
    n, y = 10_000, 9.2
    tail = chernoff.weighted_exponentials(0.3 * n * y, [0.3, 0.0], [n, 50])
    assert tail.log_bound == pytest.approx(n * (math.log(y) + 1 - y), rel=1e-12)
    exact = float(gamma.log_sf(n * y, n))
    assert exact / LN10 == pytest.approx(-25_979, abs=15)
    assert tail.log_saddlepoint == pytest.approx(exact, rel=1e-9, abs=0.01)


@pytest.mark.parametrize(("log10_p", "least", "most"), [(-15, 3.5, 4.5), (-26, 11.5, 12.5)])
def test_moment_matching_claims_too_much_for_entropy_like_weights(log10_p, least, most):
    """350 weights at the quantiles of Exp(1): four orders at 1e-15, twelve at 1e-26 by the exact law."""
    weights = -np.log((np.arange(350) + 0.5) / 350)
    x = x_at(log10_p, weights)
    exact = exact_distinct(x, weights) / LN10
    assert exact == pytest.approx(log10_p, abs=0.05)
    assert least < exact - moment_matched(x, weights) < most
    tail = chernoff.weighted_exponentials(x, weights, 1)
    assert tail.log_saddlepoint / LN10 == pytest.approx(exact, abs=0.02)
    assert exact <= tail.log_bound / LN10 <= exact + 2.1


def test_moment_matching_claims_too_much_for_a_dual_key():
    """1,000 tokens under weights 0.9 and 0.1: 10^-95.01 is claimed where the truth is 10^-92.56."""
    count, x = 1_000, 1_716.0
    weights = np.repeat([0.9, 0.1], count)
    assert moment_matched(x, weights) == pytest.approx(-95.01, abs=0.01)
    exact = exact_two(x, (0.9, 0.1), count) / LN10
    assert exact == pytest.approx(-92.56, abs=0.01)
    tail = chernoff.weighted_exponentials(x, [0.9, 0.1], [count, count])
    assert tail.log_saddlepoint / LN10 == pytest.approx(exact, abs=0.01)
    assert exact <= tail.log_bound / LN10


def enumerated(x: int, units: list[int], p: Fraction) -> float:
    """ln P(Σ w_i B_i >= x) over every outcome, in fractions; -inf where none reaches x."""
    total = Fraction(0)
    for outcome in itertools.product((0, 1), repeat=len(units)):
        if sum(w * b for w, b in zip(units, outcome, strict=True)) >= x:
            total += p ** sum(outcome) * (1 - p) ** (len(units) - sum(outcome))
    return math.log(total) if total else -math.inf


@given(
    units=st.lists(st.integers(1, 9), min_size=1, max_size=9), share=st.floats(0, 1.2), p=st.integers(1, 31)
)
def test_bernoulli_bound_is_never_below_the_enumeration(units, share, p):
    x = round(sum(units) * share)
    tail = chernoff.weighted_bernoullis(x, units, 1, p / 32)
    exact = enumerated(x, units, Fraction(p, 32))
    assert tail.log_bound >= exact - 1e-12 * abs(exact)
    assert (tail.log_bound == -math.inf) == (exact == -math.inf)


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("share", [0.55, 0.7, 0.9, 0.99, 1.0])
def test_bernoulli_bound_against_the_exact_law_of_many(share, p):
    """On a lattice the continuous figure is too small by up to (1 - e^-t) / t, t the tilt: by far the bound
    alone is a p-value."""
    units, counts = [1, 2, 5], [400, 300, 200]
    x = round(sum(w * n for w, n in zip(units, counts, strict=True)) * share)
    parts = [(np.array([1 - p, *[0.0] * (w - 1), p]), n) for w, n in zip(units, counts, strict=True)]
    exact = convolution.log_sf(x, parts)
    tail = chernoff.weighted_bernoullis(x, units, counts, p)
    assert exact - 1e-9 * abs(exact) <= tail.log_bound <= exact + 6
    assert exact - 2 <= tail.log_saddlepoint <= exact + 0.02


@pytest.mark.parametrize("p", [0.25, 0.5])
@pytest.mark.parametrize("share", [0.6, 0.7, 0.8])
def test_bernoulli_figure_is_close_where_the_weights_share_no_lattice(share, p):
    """Twenty different weights; all 2^20 outcomes."""
    weights = np.sqrt(np.arange(2, 22))
    sums, log_odds = np.zeros(1), np.zeros(1)
    for weight in weights:
        sums = np.concatenate([sums, sums + weight])
        log_odds = np.concatenate([log_odds, log_odds + math.log(p / (1 - p))])
    x = float(weights.sum()) * share
    exact = math.log(np.exp(log_odds[sums >= x]).sum()) + 20 * math.log(1 - p)
    tail = chernoff.weighted_bernoullis(x, weights, 1, p)
    assert exact < tail.log_bound
    assert tail.log_saddlepoint == pytest.approx(exact, abs=0.05)


@given(units=DISTINCT, counts=st.lists(st.integers(0, 500), min_size=14, max_size=14))
def test_both_fall_as_the_sum_rises(units, counts):
    weights, counts = np.array(units) / 100, np.array(counts[: len(units)])
    mean = float(weights @ counts)
    tails = [chernoff.weighted_exponentials(mean * r, weights, counts) for r in (0.5, 0.9, 1.1, 1.5, 4, 40)]
    for one in ("log_bound", "log_saddlepoint"):
        values = [getattr(tail, one) for tail in tails]
        assert all(a >= b for a, b in itertools.pairwise(values))
        assert max(values) <= 0.0


def test_nothing_weighted_says_nothing():
    assert chernoff.weighted_exponentials(0.0, [], []).log_bound == 0.0
    assert chernoff.weighted_exponentials(0.0, [0.0, 1.0], [5, 0]).log_bound == 0.0
    assert chernoff.weighted_bernoullis(0.0, [], [], 0.5).log_bound == 0.0


def test_weights_that_span_more_than_a_floats_digits_do_not_read_as_all_ones() -> None:
    # only the large one has to be 1 for the sum to look like its maximum
    assert chernoff.weighted_bernoullis(1e6, [1e-10, 1e6], [1000, 1], 0.25).log_bound >= math.log(0.25) - 1e-9
    tail = chernoff.weighted_bernoullis(3.0, [1e-15, 3.0], [200, 1], 0.5)
    assert tail.log_bound >= math.log(0.5) - 1e-9


def test_the_bound_of_all_ones_is_all_but_exact() -> None:
    assert chernoff.weighted_bernoullis(50.0, [1.0], [50], 0.25).log_bound == pytest.approx(
        50 * math.log(0.25)
    )
    assert chernoff.weighted_bernoullis(51.0, [1.0], [50], 0.25).log_bound == -math.inf


@pytest.mark.parametrize("unit", [1e-320, 1e-200, 1e200])
def test_the_unit_of_the_weights_does_not_matter(unit: float) -> None:
    plain = chernoff.weighted_exponentials(9.0, [1.0, 0.5], [2, 2]).log_bound
    scaled = chernoff.weighted_exponentials(9.0 * unit, [unit, 0.5 * unit], [2, 2]).log_bound
    assert scaled == pytest.approx(plain, rel=1e-3)
