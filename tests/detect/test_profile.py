"""How well an account fits a group: against loops written from the definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_accounts import from_counts, population, sharing

from countermark.detect.families import BY_CODE
from countermark.detect.incidence import SHRINK
from countermark.detect.profile import are_parts, distinct, gains, scores, settle

KINDS = ["opening", "prompt_family", "payment", "signup_day", "prefix", "closing"]


@st.composite
def tiny(draw):
    """An incidence of a dozen accounts with a group in it, and the requests of each account."""
    accounts = draw(st.integers(2, 12))
    keys = st.tuples(st.integers(0, accounts - 1), st.integers(0, len(KINDS) - 1))
    rows = draw(st.dictionaries(keys, st.integers(1, 9), max_size=40))
    requests = [sum(uses for (a, _), uses in rows.items() if a == account) + 1 for account in range(accounts)]
    inside = draw(st.lists(st.booleans(), min_size=accounts, max_size=accounts))
    return from_counts(accounts, rows, KINDS), np.array(inside), np.array(requests), rows


def score_by_hand(account, rows, inside, requests):
    total = 0.0
    for (holder, value), uses in rows.items():
        if holder != account:
            continue
        group = [a for a in range(len(inside)) if inside[a] and a != account]
        outside = [a for a in range(len(inside)) if not inside[a] and a != account]
        others = sum((a, value) in rows for a in group)
        strangers = sum((a, value) in rows for a in outside)
        if others < 2:
            continue
        ratio = math.log(((others + 0.5) / (len(group) + 1)) / ((strangers + 0.5) / (len(outside) + 1)))
        share = 1.0 if KINDS[value] in ("payment", "signup_day") else uses / (requests[account] + SHRINK)
        total += max(ratio, 0.0) * share
    return total


@given(tiny())
def test_scores_are_the_definition_in_loops(case):
    incidence, inside, requests, rows = case
    expected = [score_by_hand(account, rows, inside, requests) for account in range(incidence.accounts)]
    assert scores(incidence, inside, requests) == pytest.approx(expected, abs=1e-12)


def test_the_hand_made_definition_knows_what_an_account_has_once():
    once = {kind.name for kind in BY_CODE.values() if kind.table == "accounts"}
    assert once & set(KINDS) == {"payment", "signup_day"}


@given(tiny(), st.integers(0, 11))
def test_an_account_does_not_vouch_for_itself(case, number):
    """A value that fewer than two other members hold adds nothing, however often the account uses it."""
    incidence, inside, requests, rows = case
    account = number % incidence.accounts
    mine = incidence.account == account
    added = gains(incidence, inside, requests)[mine]
    for value, gain in zip(incidence.value[mine].tolist(), added.tolist(), strict=True):
        others = sum((a, value) in rows for a in range(incidence.accounts) if inside[a] and a != account)
        assert gain == 0.0 or others >= 2


def test_no_account_gains_by_leaving_or_entering_an_empty_group():
    people = population(np.random.default_rng(0), 120, 60)
    nobody = np.zeros(120, bool)
    assert scores(people.incidence, nobody, people.requests).tolist() == [0.0] * 120


@pytest.fixture(scope="module")
def planted():
    people = population(np.random.default_rng(4))
    members = np.sort(np.random.default_rng(5).choice(people.accounts, 40, replace=False))
    return sharing(people, members, np.random.default_rng(6), share=0.6), members, people.requests


def test_settling_finds_the_whole_group_from_a_part_with_strangers_in_it(planted):
    """From a third of the members and six strangers; accounts of few requests may stay below the bar."""
    incidence, members, requests = planted
    busy = members[requests[members] >= 10]
    strangers = np.setdiff1d(np.arange(30), members)[:6]
    settled = settle(np.unique(np.concatenate([members[:14], strangers])), incidence, requests)
    assert np.isin(settled, members).all()
    assert np.isin(busy, settled).mean() >= 0.95


def test_settling_is_at_rest_on_what_it_found(planted):
    incidence, members, requests = planted
    settled = settle(members, incidence, requests)
    assert settle(settled, incidence, requests).tolist() == settled.tolist()


def test_settling_ends_with_nobody_where_nothing_is_shared():
    incidence = from_counts(20, {(a, a % 6): 1 for a in range(6)}, KINDS)
    assert settle(np.arange(6), incidence, np.ones(20, np.int64)).size == 0


GROUPS = st.lists(st.sets(st.integers(0, 15), min_size=1), max_size=8)


@given(GROUPS)
def test_distinct_keeps_the_first_of_groups_alike(groups):
    arrays = [np.array(sorted(group)) for group in groups]
    kept = [set(group.tolist()) for group in distinct(arrays)]
    for i, one in enumerate(kept):
        assert all(len(one & other) <= 0.8 * len(one | other) for other in kept[:i])
    dropped = [group for group in groups if group not in kept]
    assert all(any(len(group & other) > 0.8 * len(group | other) for other in kept) for group in dropped)


LEFT, RIGHT = np.arange(40), np.arange(40, 90)


def test_two_halves_are_parts_and_a_half_or_two_views_of_one_are_not():
    whole = np.arange(90)
    assert are_parts([LEFT, RIGHT], whole)
    assert are_parts([LEFT[2:], np.append(RIGHT, [200, 201])], whole)
    assert not are_parts([], whole)
    assert not are_parts([whole], whole)
    assert not are_parts([LEFT, LEFT[1:]], LEFT)
    assert not are_parts([LEFT, RIGHT], np.arange(200))
