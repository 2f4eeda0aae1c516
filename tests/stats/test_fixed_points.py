"""Fixed points of permutations: the law and the bounds against all permutations."""

import math
from itertools import permutations, product

import numpy as np
import pytest

from countermark.stats.fixed_points import law, log_bound, log_pooled_bound, log_sf


def _counts(n: int) -> list[int]:
    return [sum(i == j for i, j in enumerate(one)) for one in permutations(range(n))]


@pytest.mark.parametrize("n", range(8))
def test_law_and_bound_against_all_permutations(n: int) -> None:
    counts = np.array(_counts(n))
    np.testing.assert_allclose(law(n), [np.mean(counts == j) for j in range(n + 1)], atol=1e-12)
    for k in range(n + 1):
        seen = float(np.mean(counts >= k))
        assert seen <= math.exp(log_bound(k)) * (1 + 1e-12)
        assert math.exp(log_sf(k, [n])) == pytest.approx(seen)


@pytest.mark.parametrize(("m", "n"), [(2, 5), (3, 5), (4, 6), (5, 7)])
def test_the_bound_holds_for_units_matched_into_a_wider_layer(m: int, n: int) -> None:
    counts = np.array([sum(i == j for i, j in enumerate(one)) for one in permutations(range(n), m)])
    for k in range(1, m + 1):
        assert np.mean(counts >= k) <= math.exp(log_bound(k))


@pytest.mark.parametrize(("n", "layers"), [(2, 3), (3, 3), (4, 2), (5, 2), (3, 4)])
def test_pooled_law_and_bound_against_all_permutations(n: int, layers: int) -> None:
    counts = np.array([sum(one) for one in product(_counts(n), repeat=layers)])
    for k in range(1, n * layers + 1):
        seen = float(np.mean(counts >= k))
        assert seen <= math.exp(log_pooled_bound(k, layers)) * (1 + 1e-12)
        if seen > 0:
            assert log_sf(k, [n] * layers) == pytest.approx(math.log(seen))


def test_the_bound_of_one_layer_is_wrong_for_four_pooled() -> None:
    exact = math.exp(log_sf(10, [192] * 4))
    assert exact == pytest.approx(0.0081, abs=1e-4)
    assert exact > 1000 * math.exp(log_bound(10))
    assert exact <= math.exp(log_pooled_bound(10, 4))


def test_far_tails_are_logarithms_and_never_below_the_exact_law() -> None:
    assert log_bound(2000) == pytest.approx(-math.lgamma(2001))
    assert log_sf(600, [192] * 4) == log_pooled_bound(600, 4) < -2000
    assert log_sf(3, [2]) == -math.inf
    assert log_sf(0, [2]) == 0
    for k in (5, 20, 60, 150):
        assert log_sf(k, [192]) <= log_pooled_bound(k, 1) + 1e-9
        assert log_sf(k, [192] * 4) <= log_pooled_bound(k, 4) + 1e-9


def test_twelve_of_192_units_in_one_of_thirty_two_layers_pass_one_in_a_million() -> None:
    assert log_bound(12) + math.log(32) < math.log(1e-6)
