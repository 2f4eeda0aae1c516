"""Draws are reproducible, and dealing spreads values evenly."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from countermark.world.draws import Choice, Dice, deal, stream, token


@given(st.integers(0, 2**63), st.text(max_size=5), st.integers(0, 400))
def test_a_stream_is_fixed_by_its_purpose(seed, name, day):
    first = stream(seed, name, day).random(4).tolist()
    assert first == stream(seed, name, day).random(4).tolist()
    assert first != stream(seed, name, day + 1).random(4).tolist()
    assert token(seed, name, day) != token(seed, name, day + 1)


@given(st.integers(0, 999), st.integers(2, 40), st.integers(1, 60), st.integers(1, 5))
def test_dealing_gives_different_values_and_spreads_them_evenly(seed, kinds, hands, size):
    dealt = deal(Dice(stream(seed, "deal")), range(kinds), [size] * hands)
    assert all(len(hand) == len(set(hand)) == min(size, kinds) for hand in dealt)
    held = Counter(value for hand in dealt for value in hand)
    mean = hands * min(size, kinds) / kinds
    assert max(held.values()) <= mean + min(size, kinds) + 1


@given(st.integers(0, 999), st.lists(st.integers(), unique=True, max_size=30), st.integers(0, 40))
def test_a_sample_is_without_repeats(seed, items, size):
    sample = Dice(stream(seed, "sample")).sample(items, size)
    assert len(sample) == len(set(sample)) == min(size, len(items))
    assert set(sample) <= set(items)


def test_choice_follows_its_weights():
    dice = Dice(stream(1, "choice"))
    choice = Choice(["often", "seldom", "never"], [9, 1, 0])
    drawn = Counter(choice.draw(dice) for _ in range(5000))
    assert drawn["never"] == 0
    assert 380 <= drawn["seldom"] <= 630


def test_bounds_are_kept_past_a_block_of_uniforms():
    dice = Dice(stream(1, "bounds"))
    drawn = {dice.between(3, 6) for _ in range(40_000)}
    assert drawn == {3, 4, 5, 6}
