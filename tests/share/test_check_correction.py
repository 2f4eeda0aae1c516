"""The correction against brute force and closed forms: Holm over what is registered, at a share of alpha."""

import math
from itertools import combinations

import numpy as np
import pytest
from check_samples import hexes, pool_of, registered_pool

from countermark.share.check.correction import (
    KEPT,
    PUBLIC_ALPHA,
    Correction,
    Earlier,
    Told,
    all_short,
    answer,
    contradicted,
    correct,
    finding,
    outcome,
    spent,
    withheld,
)
from countermark.share.check.figures import LEAST, p_of_e, rounded_up, shown
from countermark.share.check.messages import PoolAnswer
from countermark.share.check.register import Family, Register, registered_family

TOLD = Told(
    check_id="c",
    matter="m",
    consent=True,
    answered=["b", "a"],
    missing={},
    salt="00" * 32,
    text_digest="11" * 32,
    entries=[4, 5],
)


def family(**keys: int) -> Family:
    """Members with a pool of so many keys."""
    return registered_family(Register(registered_pool(name, count) for name, count in keys.items()), keys)


def judged(figures: dict[str, list[float]], asked: Family | None = None, **changes: object) -> Correction:
    """The correction of members' log10 p-values; without a family all keys have answered."""
    pools = [pool_of(name, values) for name, values in figures.items()]
    chosen = asked or family(**{name: len(values) for name, values in figures.items()})
    return correct(pools, chosen, **({"ordinal": 1, "alpha": 0.01} | changes))  # type: ignore[arg-type]


def closure(p: list[float], family: int) -> list[float]:
    """Adjusted p-values by closure: the largest Bonferroni value over all sets that hold a key."""
    values = p + [1.0] * (family - len(p))
    sets = [s for size in range(1, family + 1) for s in combinations(range(family), size)]
    return [
        max(min(1.0, len(s) * min(values[k] for k in s)) for s in sets if key in s) for key in range(len(p))
    ]


def ceiled(value: float) -> float:
    """To hundredths, upwards."""
    return math.ceil(value * 100 - 1e-7) / 100


@pytest.mark.parametrize("seed", range(30))
def test_adjusted_values_are_those_of_the_closure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    answered, behind, ordinal = int(rng.integers(1, 7)), int(rng.integers(0, 3)), int(rng.integers(1, 6))
    figures = [-round(float(x), 2) for x in rng.exponential(1.2, answered)]
    found = judged({"a": figures}, family(a=answered, b=behind) if behind else None, ordinal=ordinal)
    expected = closure([10**one for one in figures], answered + behind)
    for row, value in zip(found.rows, expected, strict=True):
        assert row.log10_adjusted == pytest.approx(
            min(0.0, ceiled(math.log10(value * ordinal * (ordinal + 1)))), abs=1e-9
        )
        assert row.passes is (row.log10_adjusted <= -2)


def test_one_key_in_closed_form() -> None:
    found = judged({"a": [-9.0]}, ordinal=3, alpha=1e-7)
    assert found.rows[0].log10_adjusted == ceiled(-9 + math.log10(12))
    assert found.word == "marked"
    assert judged({"a": [-8.0]}, ordinal=3, alpha=1e-7).word == "not shown"


def test_far_tails_keep_their_order_and_are_not_rounded_away() -> None:
    found = judged({"a": [-5000.0, -4000.0, LEAST]})
    values = [row.log10_adjusted for row in found.rows]
    assert values == [
        ceiled(-5000 + math.log10(4)),
        ceiled(-4000 + math.log10(2)),
        ceiled(LEAST + math.log10(6)),
    ]


def test_the_shares_of_a_matter_sum_to_its_alpha() -> None:
    shares = [10 ** -spent(j) for j in range(1, 2001)]
    assert sum(shares) == pytest.approx(1 - 1 / 2001, rel=1e-12)
    assert spent(None) == 0.0


def test_registered_keys_without_an_answer_count() -> None:
    alone = judged({"a": [-6.0, -0.1]})
    beside = judged({"a": [-6.0, -0.1]}, family(a=2, b=98))
    assert alone.rows[0].log10_adjusted == ceiled(-6 + math.log10(2 * 2))
    assert beside.rows[0].log10_adjusted == ceiled(-6 + math.log10(2 * 100))
    assert (alone.hypotheses, beside.hypotheses) == (2, 100)
    assert beside.marks == ["a"]


def test_a_later_check_has_a_smaller_share() -> None:
    first = judged({"a": [-2.4]})
    assert first.word == "marked"  # at a half of alpha
    again = judged({"a": [-2.4]}, ordinal=2, earlier=[first.left_behind])
    assert again.word == "not shown"  # at a sixth: asking again makes nothing of it
    assert again.rows[0].log10_adjusted == ceiled(-2.4 + math.log10(6))


def test_holm_over_what_was_asked_so_far_stands_beside() -> None:
    first = judged({"a": [-8.0, -3.0]})
    second = judged({"a": [-5.0, 0.0]}, ordinal=2, earlier=[first.left_behind])
    assert (second.hypotheses, second.asked_so_far) == (2, 4)
    # ranks among all four: -8, -5, -3, 0
    assert second.rows[0].log10_holm_so_far == ceiled(-5 + math.log10(3))
    assert second.rows[0].log10_adjusted == ceiled(-5 + math.log10(2 * 6))


def test_what_is_not_kept_can_only_enlarge_the_figure_for_information() -> None:
    first = judged({"a": [-0.5, -4.0]})
    assert first.left_behind == Earlier(2, (-4.0,))
    whole = Earlier(2, (-4.0, -0.5))
    for figure in (-0.2, -1.0, -3.0):
        kept = judged({"b": [figure]}, ordinal=2, earlier=[first.left_behind]).rows[0].log10_holm_so_far
        full = judged({"b": [figure]}, ordinal=2, earlier=[whole]).rows[0].log10_holm_so_far
        assert full <= kept
    assert KEPT == -1.0


def test_an_e_value_enters_as_its_inverse() -> None:
    pools = [pool_of("a", [9.0, -3.0, 0.0], e=True)]
    found = correct(pools, family(a=3), ordinal=1, alpha=0.01)
    assert [row.log10_p for row in found.rows] == [-9.0, 0.0, 0.0]
    assert found.rows[0].log10_adjusted == ceiled(-9 + math.log10(6))
    assert (p_of_e(4.0), p_of_e(-4.0), p_of_e(0.0)) == (-4.0, 0.0, 0.0)


def test_a_key_of_too_few_tokens_is_not_judged() -> None:
    asked = family(a=1, b=1)
    short = [pool_of("a", [-50.0], tokens=199), pool_of("b", [-50.0], tokens=12)]
    found = correct(short, asked, ordinal=1, alpha=0.01)
    assert (found.word, found.marks) == ("too short", [])
    assert [row.log10_p for row in found.rows] == [0.0, 0.0]
    one_long = [short[0], pool_of("b", [-0.3], tokens=200)]
    assert correct(one_long, asked, ordinal=1, alpha=0.01).word == "not shown"
    assert correct(short, asked, ordinal=1, alpha=0.01, min_tokens=199).marks == ["a"]
    assert all_short([])


def test_of_a_pool_with_two_answers_the_nodes_own_counts_which_stands_first() -> None:
    asked = family(a=2, b=1)
    high, low = pool_of("a", [-40.0, -0.2]), pool_of("a", [-0.4, -0.2])
    for own, owners, word in ((high, low, "marked"), (low, high, "not shown")):
        found = correct([own, owners], asked, ordinal=1, alpha=0.01)
        assert [row.log10_p for row in found.rows] == [row.log10_p for row in own.keys]
        assert (found.word, found.hypotheses) == (word, 3)
    # nor does an owner make a text longer than it is
    assert correct([pool_of("a", [-9.0], tokens=9), high], asked, ordinal=1, alpha=0.01).word == "too short"


def test_what_an_owner_says_otherwise_than_its_copy_is_counted() -> None:
    copy = pool_of("a", [-40.0, -0.2])
    assert contradicted([copy], [pool_of("a", [-40.01, -0.2]), pool_of("b", [-9.0])], 200) == {}
    assert contradicted([copy], [pool_of("a", [0.0, -0.2])], 200) == {copy.commitment: 1}
    assert contradicted([copy], [pool_of("a", [-41.0, -3.0])], 200) == {copy.commitment: 2}
    assert contradicted([copy], [pool_of("a", [0.0, 0.0], e=True)], 200) == {copy.commitment: 2}
    assert contradicted([copy], [pool_of("a", [-40.0, -0.2], tokens=199)], 200) == {copy.commitment: 2}
    assert contradicted([pool_of("a", [-8.0], tokens=9)], [pool_of("a", [-0.1], tokens=9)], 200) == {}


def test_marks_are_of_the_registered_owner_whatever_the_row_says() -> None:
    found = judged({"b": [-30.0], "a": [-0.1]})
    assert found.marks == ["b"]
    assert {row.member: row.passes for row in found.rows} == {"b": True, "a": False}


def test_a_pool_outside_the_family_is_no_answer() -> None:
    stray = PoolAnswer(profile_id="x", epoch="1", commitment=hexes("x"), keys=pool_of("a", [-9.0]).keys)
    with pytest.raises(KeyError):
        correct([stray], family(a=1), ordinal=1, alpha=0.01)


def test_each_role_is_told_its_part() -> None:
    found = judged({"b": [-30.0], "a": [-0.1]})
    member, regulator, public = outcome(found, TOLD), finding(found, TOLD), answer(found, {})
    assert (member.word, member.marks, member.complete, len(member.rows)) == ("marked", ["b"], True, 2)
    assert member.answered == ["a", "b"]
    assert regulator is not None
    assert set(regulator.__struct_fields__) == {
        "schema", "check_id", "word", "marks", "matter", "alpha", "entries"
    }  # fmt: skip
    assert public is not None
    assert public.__struct_fields__ == ("schema", "word")


def test_what_was_not_found_is_not_told_while_somebody_is_missing() -> None:
    missing = {"b": "no answer in time"}
    nothing = judged({"a": [-0.1]}, family(a=1, b=1))
    assert withheld(nothing, missing)
    assert answer(nothing, missing) is None
    told = Told(**(TOLD.__dict__ | {"missing": missing, "answered": ["a"]}))
    assert finding(nothing, told) is None
    member = outcome(nothing, told)
    assert (member.word, member.complete, member.missing) == ("not shown", False, missing)
    marked = judged({"a": [-30.0]}, family(a=1, b=1))
    assert answer(marked, missing) is not None
    assert finding(marked, told) is not None


def test_a_public_check_has_no_matter_and_an_alpha_of_its_own() -> None:
    for figure, word in ((-6.01, "marked"), (-5.9, "not shown")):
        assert judged({"a": [figure]}, ordinal=None, alpha=PUBLIC_ALPHA).word == word
    with pytest.raises(ValueError, match="matter"):
        outcome(judged({"a": [-9.0]}, ordinal=None), TOLD)


@pytest.mark.parametrize(
    ("value", "up"),
    [(-1.234, -1.23), (-1.239, -1.23), (-2.0, -2.0), (-2.0000000001, -2.0), (-1.9999999999, -2.0),
     (-0.004, 0.0), (0.0, 0.0), (-math.inf, LEAST), (-1e9, LEAST), (math.nan, 0.0)],
)  # fmt: skip
def test_figures_are_rounded_upwards(value: float, up: float) -> None:
    assert rounded_up(value) == up
    assert math.copysign(1, rounded_up(value)) == (1 if up == 0 else -1)


def test_weak_keys_say_less() -> None:
    assert [shown(x, "weak") for x in (-1.99, -2.0, -2.7, -37.42)] == [0.0, -2.0, -2.0, -37.0]
    assert shown(-1.994, "") == -1.99
