"""Matching of units: one to one, blind to where a unit stands, and calm where unrelated units have much in
common."""

import math
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from countermark.attribute.lineage import laws
from countermark.attribute.lineage.matching import (
    Matched,
    Units,
    agreement,
    assign,
    match,
    nearest,
    similarity,
)
from countermark.attribute.lineage.order import OrderCheck, neighbours

Floats = NDArray[np.float32]


def _shuffled(views: dict[str, Floats], draws: np.random.Generator) -> Units:
    order = draws.permutation(len(views["up"]))
    return Units(order, {name: rows[order] for name, rows in views.items()})


def _model(draws: np.random.Generator, units: int = 40, features: int = 24) -> dict[str, Floats]:
    return {
        name: draws.standard_normal((units, features)).astype(np.float32) for name in ("gate", "up", "down")
    }


def _matched(ours: dict[str, Floats], theirs: dict[str, Floats], seed: int) -> Matched:
    draws = np.random.default_rng(seed)
    return match("0", _shuffled(ours, draws), _shuffled(theirs, draws), labelled=True)


def test_the_assignment_has_the_largest_total_of_all() -> None:
    similar = np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32)
    rows, columns = assign(similar)
    totals = [similar[np.arange(5), list(one)].sum() for one in permutations(range(6), 5)]
    assert similar[rows, columns].sum() == pytest.approx(max(totals))


def test_nearest_is_the_largest_of_row_and_column() -> None:
    similar = np.random.default_rng(1).standard_normal((7, 5)).astype(np.float32)
    found = nearest(similar)
    for i, j in np.ndindex(similar.shape):
        largest = similar[i, j] == similar[i].max() == similar[:, j].max()
        assert found[i, j] == largest


def test_equal_units_are_alike_and_lengths_do_not_count() -> None:
    draws = np.random.default_rng(2)
    ours = draws.standard_normal((6, 9)).astype(np.float32)
    theirs = draws.standard_normal((6, 9)).astype(np.float32)
    theirs[3] = 7 * ours[5]
    assert similarity(ours, theirs)[5, 3] == pytest.approx(1, abs=1e-5)
    assert np.isfinite(similarity(ours, np.zeros_like(theirs))).all()


def test_the_same_units_match_whatever_the_shuffle() -> None:
    model = _model(np.random.default_rng(3))
    for seed in range(5):
        matched = _matched(model, model, seed)
        assert matched.fixed == matched.agreed == int(matched.close.sum()) == 40


def test_places_do_not_change_what_is_found_without_them() -> None:
    draws = np.random.default_rng(4)
    ours, theirs = _model(draws), _model(draws)
    order = draws.permutation(40)
    moved = {name: rows[order] for name, rows in theirs.items()}
    first, second = _matched(ours, theirs, 5), _matched(ours, moved, 6)
    assert first.agreed == second.agreed
    assert sorted(zip(first.a, first.b, strict=True)) == sorted(zip(second.a, order[second.b], strict=True))


def test_ties_are_broken_at_random_not_by_place() -> None:
    flat = {name: np.ones((40, 24), np.float32) for name in ("gate", "up", "down")}
    fixed = [_matched(flat, flat, seed).fixed for seed in range(60)]
    assert np.mean(fixed) < 3  # one is expected


def test_units_with_the_same_topics_in_unrelated_models_do_not_agree() -> None:
    """Unrelated models that know the same topics: matchings of gate and of up meet within topics far more
    often than at random; pairs that are nearest in both do not."""
    draws = np.random.default_rng(7)
    topics = draws.standard_normal((2, 20, 48))

    def model() -> tuple[Floats, Floats]:
        of = draws.integers(0, 20, 120)
        gate, up = (topics[at][of] + draws.standard_normal((120, 48)) for at in (0, 1))
        return gate.astype(np.float32), up.astype(np.float32)

    plain, counted = [], []
    for _ in range(40):
        (gate, up), (gate_too, up_too) = model(), model()
        first, second = similarity(gate, gate_too), similarity(up, up_too)
        plain.append(int(np.sum(assign(first)[1] == assign(second)[1])))
        counted.append(agreement(first, second))
    assert np.mean(plain) > 10  # one, were they independent
    assert np.mean(counted) < 2.5
    assert max(counted) < 7


def test_every_law_holds_its_level_on_independent_models() -> None:
    """One-sided 99%: at most as many below a level as chance gives."""
    draws = np.random.default_rng(8)
    trials, found = 400, []
    for seed in range(trials):
        layers = [_matched(_model(draws, 24, 16), _model(draws, 24, 16), 2 * seed + at) for at in (0, 1)]
        tests = (
            laws.of_fixed_points(layers, "", []),
            laws.of_order(layers, "", []),
            laws.of_spearman(layers, "", []),
            laws.of_agreement([layer.agreed for layer in layers], layers, "", []),
        )
        found.append([test.p_value for test in tests])
    for level in (0.2, 0.05, 0.01):
        most = trials * level + 2.33 * math.sqrt(trials * level * (1 - level)) + 1
        assert (np.sum(np.array(found) <= level, axis=0) <= most).all()
    assert 0.4 < np.mean(np.array(found)[:, 2]) < 0.6  # Spearman's is no bound: uniform


@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_units_in_order_are_noticed(strength: float) -> None:
    draws = np.random.default_rng(9)
    check = OrderCheck()
    for _ in range(3):
        views = _model(draws, 100)
        place = np.arange(100) / 100
        length = np.exp(strength * place + (1 - strength) * draws.permutation(place))
        views["up"] *= length[:, None].astype(np.float32)
        check.add(_shuffled(views, draws))
    assert check.ordered()
    assert check.found()[1] == "norm of up"


def test_neighbours_are_scored_by_the_moments_of_all_orders() -> None:
    rows = np.random.default_rng(12).standard_normal((5, 3)).astype(np.float32)
    alike = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    centred = alike - alike.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    sums = [np.sum(unit[list(one[1:])] * unit[list(one[:-1])]) for one in permutations(range(5))]
    assert neighbours(rows) == pytest.approx((sums[0] - np.mean(sums)) / np.std(sums), abs=1e-5)
    assert neighbours(np.ones((5, 3), np.float32)) == 0


def test_units_sorted_by_topic_are_noticed() -> None:
    """An order that no norm and no main direction shows."""
    draws = np.random.default_rng(13)
    check = OrderCheck()
    for _ in range(3):
        of = np.sort(draws.integers(0, 40, 96))
        check.add(
            _shuffled(
                {
                    name: rows[of] + 2 * rest
                    for (name, rows), rest in zip(
                        _model(draws, 40, 48).items(), _model(draws, 96, 48).values(), strict=True
                    )
                },
                draws,
            )
        )
    assert check.ordered()
    assert check.found()[1].startswith("neighbours")


def test_units_in_no_order_are_left_alone() -> None:
    draws = np.random.default_rng(10)
    ordered = 0
    for _ in range(200):
        check = OrderCheck()
        for _ in range(2):
            check.add(_shuffled(_model(draws, 30, 12), draws))
        ordered += check.ordered()
    assert ordered <= 2


def test_the_laws_hold_where_both_models_repeat_a_layer() -> None:
    """Experts out of one MLP, depth made by repeating layers: one chance counts once, not eight times."""
    draws = np.random.default_rng(11)
    trials, small = 300, np.zeros(2)
    for seed in range(trials):
        layers = [_matched(_model(draws, 24, 16), _model(draws, 24, 16), seed)] * 8
        tests = laws.of_fixed_points(layers, "", []), laws.of_order(layers, "", [])
        small += [test.p_value <= 0.05 for test in tests]
    assert (small <= trials * 0.05 + 2.33 * math.sqrt(trials * 0.05 * 0.95)).all()
