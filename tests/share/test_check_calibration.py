"""Family-wise error over matters of many checks of null texts, and how the tempting alternative fails.

Each figure is held against one side of an exact 99% interval (Clopper & Pearson): an error of at most alpha
is contradicted where the lower limit is above alpha, and one above alpha is shown by the same.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from check_samples import pool_of, registered_pool
from scipy.stats import beta, gamma

from countermark.share.check.correction import correct
from countermark.share.check.register import Register, registered_family

ALPHA = 0.05
KEYS = 4
CHECKS = 12
MATTERS = 1000
Matter = Iterator[np.ndarray]


def lower(wrong: int, of: int) -> float:
    """Lower limit of the one-sided 99% interval of a share."""
    return float(beta.ppf(0.01, wrong, of - wrong + 1)) if wrong else 0.0


def upper(wrong: int, of: int) -> float:
    """Upper limit of the one-sided 99% interval."""
    return float(beta.ppf(0.99, wrong + 1, of - wrong)) if wrong < of else 1.0


def independent(rng: np.random.Generator) -> Matter:
    """Keys and texts that have nothing in common."""
    while True:
        yield rng.random(KEYS)


def all_equal(rng: np.random.Generator) -> Matter:
    """One text and one answer, asked again and again."""
    value = rng.random()
    while True:
        yield np.full(KEYS, value)


def overlapping(rng: np.random.Generator) -> Matter:
    """Excerpts of 300 pairs of one long text under the same keys, each 30 pairs further on: the true law."""
    scores = rng.exponential(size=(KEYS, 300 + 30 * 400))
    sums = np.cumsum(np.pad(scores, ((0, 0), (1, 0))), axis=1)
    for start in range(0, 30 * 400, 30):
        yield gamma.sf(sums[:, start + 300] - sums[:, start], 300)


def excluding(rng: np.random.Generator) -> Matter:
    """The worst dependence for a union bound: no two keys, and no two checks, are ever small together."""
    start, at = rng.random(), 0.0
    for number in range(1, 1_000_000):
        share = ALPHA / (number * (number + 1))
        each = share / KEYS
        # key k of this check is small exactly where `start` falls into a piece of its own of length `each`
        places = [(start - at - k * each) % 1.0 for k in range(KEYS)]
        at += share
        yield np.array(places)


WORLDS: dict[str, Callable[[np.random.Generator], Matter]] = {
    "independent": independent,
    "all equal": all_equal,
    "overlapping texts": overlapping,
    "excluding each other": excluding,
}
FAMILY = registered_family(Register([registered_pool("a", KEYS)]), ["a"])


def wrong_matters(
    world: Callable[[np.random.Generator], Matter], matters: int, checks: int, seed: int
) -> int:
    """Matters in which any check of null texts says `marked`."""
    wrong = 0
    for number in range(matters):
        drawn = world(np.random.default_rng([seed, number]))
        for ordinal in range(1, checks + 1):
            figures = np.log10(np.maximum(next(drawn), 1e-300)).tolist()
            if correct([pool_of("a", figures)], FAMILY, ordinal=ordinal, alpha=ALPHA).word == "marked":
                wrong += 1
                break
    return wrong


@pytest.mark.parametrize("name", WORLDS)
def test_the_family_wise_error_of_a_matter_is_at_most_alpha(name: str) -> None:
    wrong = wrong_matters(WORLDS[name], MATTERS, CHECKS, 6)
    print(f"{name}: {wrong} of {MATTERS}, 99% limits {lower(wrong, MATTERS):.4f} {upper(wrong, MATTERS):.4f}")
    assert lower(wrong, MATTERS) <= ALPHA
    assert upper(wrong, MATTERS) <= 1.6 * ALPHA


@pytest.mark.soak
@pytest.mark.parametrize("name", WORLDS)
def test_the_family_wise_error_over_many_matters(name: str) -> None:
    matters = 5000
    wrong = wrong_matters(WORLDS[name], matters, 30, 7)
    print(f"{name}: {wrong} of {matters}, 99% limits {lower(wrong, matters):.4f} {upper(wrong, matters):.4f}")
    assert lower(wrong, matters) <= ALPHA
    assert upper(wrong, matters) <= 1.2 * ALPHA


def test_the_worst_dependence_uses_the_whole_of_alpha() -> None:
    """The bound is not loose: an error of three quarters of alpha and more is shown."""
    wrong = wrong_matters(excluding, 4000, CHECKS, 8)
    assert lower(wrong, 4000) > 0.75 * ALPHA


def so_far_marks(matters: int, checks: int, seed: int) -> int:
    """Matters of null texts in which Holm over what was asked by then passes some key in some check."""
    limit, wrong = math.log10(ALPHA), 0
    family = registered_family(Register([registered_pool("a", 1)]), ["a"])
    for number in range(matters):
        figures = np.log10(np.random.default_rng([seed, number]).random(checks)).tolist()
        earlier = []
        for ordinal, figure in enumerate(figures, start=1):
            found = correct([pool_of("a", [figure])], family, ordinal=ordinal, alpha=ALPHA, earlier=earlier)
            earlier.append(found.left_behind)
            if found.rows[0].log10_holm_so_far <= limit:
                wrong += 1
                break
    return wrong


def test_holm_over_what_was_asked_so_far_fails() -> None:
    """Of matters of a hundred null texts about a fifth have one that passes, at alpha 0.05."""
    matters = 500
    wrong = so_far_marks(matters, 100, 9)
    print(f"Holm so far: {wrong} of {matters}, 99% lower limit {lower(wrong, matters):.3f}")
    assert lower(wrong, matters) > 3 * ALPHA
    # the first hypotheses alone, each at alpha / j, do this: 1 - prod (1 - alpha / j)
    exact = 1 - math.prod(1 - ALPHA / j for j in range(1, 101))
    assert exact == pytest.approx(0.2301, abs=1e-4)
    assert abs(wrong / matters - exact) < 0.06
