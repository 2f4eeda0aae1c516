"""Inversions of permutations: the law against all permutations, the bound against the law."""

import math
from itertools import permutations, product

import numpy as np
import pytest

from countermark.stats import inversions
from countermark.stats.inversions import count, log_cdf


def _brute(order: tuple[int, ...]) -> int:
    return sum(order[i] > order[j] for i in range(len(order)) for j in range(i + 1, len(order)))


def test_counting_agrees_with_looking_at_all_pairs() -> None:
    draws = np.random.default_rng(0)
    for n in (0, 1, 2, 3, 10, 57):
        order = draws.permutation(n)
        assert count(order) == _brute(tuple(order))


@pytest.mark.parametrize("n", range(2, 8))
def test_law_against_all_permutations(n: int) -> None:
    counts = np.array([_brute(one) for one in permutations(range(n))])
    for x in range(n * (n - 1) // 4):
        log_p, exact = log_cdf(x, [n])
        assert exact
        assert math.exp(log_p) == pytest.approx(float(np.mean(counts <= x)))


def test_law_of_several_permutations() -> None:
    counts = np.array(
        [_brute(a) + _brute(b) for a, b in product(permutations(range(4)), permutations(range(5)))]
    )
    assert math.exp(log_cdf(3, [4, 5])[0]) == pytest.approx(float(np.mean(counts <= 3)))


@pytest.mark.parametrize("sizes", [[12], [30], [20, 30], [5] * 10])
def test_the_bound_is_never_below_the_law(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    middle = sum(n * (n - 1) // 2 for n in sizes) // 2
    some = range(0, middle, max(1, middle // 40))
    exact = [log_cdf(x, sizes)[0] for x in some]
    monkeypatch.setattr(inversions, "EXACT_UP_TO", 0)
    bounds = [log_cdf(x, sizes) for x in some]
    assert not any(one for _, one in bounds)
    assert all(bound >= true - 1e-9 for (bound, _), true in zip(bounds, exact, strict=True))
    assert bounds[0][0] == pytest.approx(exact[0], rel=0.02)  # no inversion at all: 1 / Π n!


def test_many_units_in_order_and_in_none() -> None:
    assert log_cdf(0, [2000] * 3)[0] == pytest.approx(-3 * math.lgamma(2001), rel=1e-3)
    assert log_cdf(2000 * 1999 // 4, [2000])[0] == 0
    assert log_cdf(-1, [3])[0] == -math.inf
    assert log_cdf(0, [])[0] == 0
