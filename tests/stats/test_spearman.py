"""Spearman's rho of a uniform permutation: against all permutations, and the approximation where there is no
law."""

import math
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from countermark.stats import spearman


@pytest.mark.parametrize("n", range(2, 8))
def test_small_permutations_have_the_law_of_the_enumeration(n: int) -> None:
    values = np.array([spearmanr(range(n), one).statistic for one in permutations(range(n))])
    for value in np.unique(values.round(9)):
        log_p, exact = spearman.log_sf(value, n)
        assert exact
        assert math.exp(log_p) == pytest.approx(float(np.mean(values >= value - 1e-9)))


def test_the_approximation_is_near_the_enumeration_and_is_called_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spearman, "EXACT_UP_TO", 0)
    centred = np.arange(8) - 3.5
    values = np.array(list(permutations(centred))) @ centred / float(centred @ centred)
    for value in (0.3, 0.5, 0.7):
        log_p, exact = spearman.log_sf(value, 8)
        assert not exact
        assert math.exp(log_p) == pytest.approx(float(np.mean(values >= value)), rel=0.3)


def test_rho_and_its_edges() -> None:
    draws = np.random.default_rng(0)
    x, y = draws.integers(0, 9, 40), draws.integers(0, 9, 40)
    assert spearman.rho(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert spearman.rho(x, np.ones(40)) == 0
    assert spearman.log_sf(1.0, 192)[0] == pytest.approx(-math.lgamma(193))
    assert spearman.log_sf(0.0, 192)[0] == pytest.approx(math.log(0.5))
    assert spearman.log_sf(1.0, 1)[0] == 0
