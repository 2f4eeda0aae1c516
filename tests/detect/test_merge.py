"""Campaigns from candidates: two networks stay two, and no account is in two campaigns."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from countermark.detect.merge import Group, _disjoint, _finest


def finest(*sets):
    """The sets that stay, each as what a view found and whom it let in."""
    arrays = [np.array(sorted(one)) for one in sets]
    kept = _finest([(SimpleNamespace(community=array), array) for array in arrays])
    return [set(members.tolist()) for _, members in kept]


LEFT, RIGHT = set(range(40)), set(range(40, 90))


def test_a_union_of_two_networks_is_dropped_for_the_two():
    assert finest(LEFT | RIGHT, LEFT, RIGHT) == [LEFT, RIGHT]
    assert finest(LEFT, LEFT | RIGHT | {95}, RIGHT) == [LEFT, RIGHT]


def test_the_parts_may_miss_some_accounts_and_hold_a_few_others():
    left, right = LEFT - {0, 1, 2} | {200}, RIGHT - {88, 89} | {201, 202}
    assert finest(LEFT | RIGHT, left, right) == [left, right]


def test_a_set_with_one_part_stays():
    assert finest(LEFT | RIGHT, LEFT) == [LEFT | RIGHT, LEFT]


def test_a_set_that_its_parts_do_not_cover_stays():
    whole = LEFT | RIGHT | set(range(100, 190))
    assert finest(whole, LEFT, RIGHT) == [whole, LEFT, RIGHT]


def test_two_views_of_one_network_are_no_parts_of_each_other():
    """Nearly the same set twice and a larger one: parts overlap, so nothing is split."""
    again = LEFT - {0, 1} | {41}
    assert finest(LEFT | set(range(40, 60)), LEFT, again) == [LEFT | set(range(40, 60)), LEFT, again]


def test_crumbs_do_not_split_a_network():
    crumbs = [set(range(i, i + 5)) for i in range(0, 40, 5)]
    assert finest(LEFT, *crumbs)[0] == LEFT


def group(accounts, p, score):
    n = len(accounts)
    return Group([], np.array(accounts, np.int64), np.array(score), np.array(p), np.full(n, 0.01), -5.0, -4.0)


@st.composite
def groups(draw):
    drawn = draw(st.lists(st.sets(st.integers(0, 20)), max_size=5))
    p = st.sampled_from([0.001, 0.01, 0.2])
    score = st.sampled_from([0.0, 1.5, 3.0])
    return [group(sorted(one), [draw(p) for _ in one], [draw(score) for _ in one]) for one in drawn]


@given(groups())
def test_every_account_stays_in_exactly_one_group_the_one_with_its_smallest_p(overlapping):
    kept = _disjoint(overlapping)
    assert len(kept) == len(overlapping)
    owners = [account for one in kept for account in one.accounts.tolist()]
    assert sorted(owners) == sorted({account for one in overlapping for account in one.accounts.tolist()})
    for one in kept:
        assert one.accounts.size == one.p.size == one.q.size == one.score.size
        for account, p, score in zip(one.accounts, one.p, one.score, strict=True):
            rivals = [
                (other.p[other.accounts == account][0], -other.score[other.accounts == account][0])
                for other in overlapping
                if account in other.accounts
            ]
            assert (p, -score) == min(rivals)
