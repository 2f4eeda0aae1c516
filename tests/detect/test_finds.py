"""What candidates settle on: two networks stay two, one network stays one, weak starts only add."""

from types import SimpleNamespace

import numpy as np
import pytest

from countermark.detect.finds import agreed, alike, finds

LEFT, RIGHT = set(range(40)), set(range(40, 90))


def candidate(community, members=None, log_p=-20.0):
    """A candidate whose members are its community unless said otherwise."""
    accounts = np.array(sorted(community))
    let_in = accounts if members is None else np.array(sorted(members), np.int64)
    return SimpleNamespace(community=accounts, members=let_in, confirmation=SimpleNamespace(log_p=log_p))


def as_it_is(accounts):
    return accounts


def nothing_else(_accounts):
    return None


def members_of(one):
    return one.members


def found(*candidates, rest=nothing_else):
    """The finds of candidates that settle on themselves; a remainder settles on what `rest` says."""
    known = [one.community.tolist() for one in candidates]
    return finds(
        list(candidates),
        members_of,
        lambda accounts: accounts if accounts.tolist() in known else rest(accounts),
        5,
    )


def accounts_of(kept):
    return [set(accounts.tolist()) for _, accounts in kept]


def sets(*communities, rest=nothing_else):
    return accounts_of(found(*map(candidate, communities), rest=rest))


@pytest.mark.parametrize("union", [LEFT | RIGHT, LEFT | RIGHT | {95}, LEFT | RIGHT - {60, 61}])
def test_a_union_of_two_networks_is_dropped_for_the_two(union):
    assert sets(union, LEFT, RIGHT) == [LEFT, RIGHT]
    assert sets(LEFT, union, RIGHT) == [LEFT, RIGHT]


def test_the_parts_may_miss_some_accounts_and_hold_a_few_others():
    left, right = LEFT - {0, 1, 2} | {200}, RIGHT - {88, 89} | {201, 202}
    assert sets(LEFT | RIGHT, left, right) == [left, right]


def test_a_union_is_no_part_of_a_larger_set():
    """Three networks, two of which were also found together: the whole of them has three parts."""
    third = set(range(90, 150))
    assert sets(LEFT | RIGHT | third, LEFT | RIGHT, LEFT, RIGHT, third) == [LEFT, RIGHT, third]


def test_a_fragment_does_not_split_a_network():
    """What is left of it settles on the whole again, or on nothing."""
    assert sets(LEFT | RIGHT, LEFT) == [LEFT, LEFT | RIGHT]
    assert sets(LEFT | RIGHT, LEFT, rest=lambda _: np.array(sorted(LEFT | RIGHT))) == [LEFT, LEFT | RIGHT]


def test_what_is_left_of_a_union_is_the_other_network_where_the_candidate_had_found_it():
    """A candidate that met the right network settled on both, for they have a habit in common."""
    both = np.array(sorted(LEFT | RIGHT))

    def settle(accounts):
        return both if accounts.tolist() == sorted(RIGHT - {88}) else accounts

    kept = finds([candidate(LEFT), candidate(RIGHT - {88})], members_of, settle, 5)
    assert accounts_of(kept) == [LEFT, RIGHT]


def test_what_is_left_of_a_union_that_was_found_as_one_is_no_campaign_of_its_own():
    """The p-value of the union does not speak for it."""
    assert sets(LEFT | RIGHT, LEFT, rest=as_it_is) == [LEFT]


def test_a_set_that_its_parts_do_not_cover_stays():
    whole = LEFT | RIGHT | set(range(100, 190))
    assert sets(whole, LEFT, RIGHT) == [LEFT, RIGHT, whole]


def test_two_views_of_one_network_are_no_parts_of_each_other():
    again, wider = LEFT - {0, 1} | {41}, LEFT | set(range(40, 60))
    assert sorted(map(len, sets(wider, LEFT, again))) == [39, 40, 60]


def test_crumbs_do_not_split_a_network():
    crumbs = [set(range(i, i + 5)) for i in range(0, 90, 5)]
    assert LEFT | RIGHT in sets(LEFT | RIGHT, *crumbs, rest=as_it_is)


def test_a_candidate_with_few_members_only_adds_what_nobody_else_found():
    weak = candidate(RIGHT, members={40, 41})
    assert accounts_of(found(candidate(LEFT), weak)) == [LEFT, RIGHT]
    assert accounts_of(found(candidate(LEFT | RIGHT), weak)) == [LEFT | RIGHT]
    assert accounts_of(found(candidate(RIGHT), candidate(LEFT | RIGHT, members={1}))) == [RIGHT]


def test_finds_of_one_group_are_together_and_the_majority_says_who_belongs():
    odd = LEFT - set(range(15)) | {301, 302}
    made = found(candidate(odd, log_p=-90.0), candidate(LEFT), candidate(LEFT | {300}), candidate(RIGHT))
    first, second = alike(made)
    assert [len(accounts) for _, accounts in first] == [27, 41, 40]
    assert set(agreed(first).tolist()) == LEFT
    assert set(agreed(second).tolist()) == RIGHT


def test_of_two_finds_the_more_significant_says_who_belongs():
    [group] = alike(found(candidate(LEFT, log_p=-5.0), candidate(LEFT | {99}, log_p=-50.0)))
    assert set(agreed(group).tolist()) == LEFT | {99}


def test_members_that_settle_are_enough_however_few():
    one = candidate(LEFT | RIGHT, members=set(range(12)))
    known = {tuple(range(12)): np.arange(40), tuple(range(90)): np.arange(90)}
    assert accounts_of(finds([one], members_of, lambda start: known[tuple(start)], 5)) == [LEFT]


def test_where_there_is_no_telling_members_stay_and_a_weak_start_is_none():
    strong, weak = candidate(LEFT, members=LEFT - {0}), candidate(RIGHT, members={40, 41})
    assert accounts_of(finds([strong, weak], members_of, nothing_else, 5)) == [LEFT - {0}]


def test_finds_that_share_less_than_half_of_the_smaller_are_two_campaigns():
    other = set(range(21, 81))
    assert len(alike(found(candidate(LEFT), candidate(other), rest=nothing_else))) == 2
    assert len(alike(found(candidate(LEFT), candidate(set(range(20, 80)))))) == 1


def test_what_is_left_of_a_union_has_to_lie_apart_and_to_be_large_enough():
    overlapping = np.array(sorted(RIGHT | set(range(20))))
    assert sets(LEFT | RIGHT, LEFT, rest=lambda _: overlapping) == [LEFT, LEFT | RIGHT]
    few = np.array([40, 41, 42, 43])
    assert sets(LEFT | RIGHT, LEFT, rest=lambda _: few) == [LEFT, LEFT | RIGHT]
