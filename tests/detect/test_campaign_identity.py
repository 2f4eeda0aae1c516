"""Campaign ids over days: unique, kept by what continues, replaced on split and merge, same on replay."""

from hypothesis import given
from hypothesis import strategies as st

from countermark.detect.identity import founder_id, name_campaigns

ACCOUNTS = 40
FIRST_SEEN = {f"a{i:02d}": (i * 7) % 23 for i in range(ACCOUNTS)}
"""First requests with ties."""


@st.composite
def disjoint(draw, least=0, most=6):
    """Disjoint, non-empty sets of accounts, as the detector gives them."""
    groups = draw(st.integers(least, most))
    label = draw(st.lists(st.integers(0, groups), min_size=ACCOUNTS, max_size=ACCOUNTS))
    names = sorted(FIRST_SEEN)
    sets = [frozenset(a for a, g in zip(names, label, strict=True) if g == one) for one in range(groups)]
    return [one for one in sets if one]


def named(sets, earlier=None, superseded=None):
    return name_campaigns(sets, earlier or {}, superseded or {}, FIRST_SEEN)


def ids(sets, earlier=None):
    return [one.campaign_id for one in named(sets, earlier)]


def findings(sets, earlier=None):
    """Id to accounts, as the next run reads it."""
    return dict(zip(ids(sets, earlier), sets, strict=True))


@given(disjoint(), disjoint())
def test_ids_are_unique_and_nothing_supersedes_itself(before, after):
    result = named(after, findings(before))
    assert len({one.campaign_id for one in result}) == len(after)
    assert all(one.campaign_id not in one.supersedes for one in result)
    assert all(set(one.supersedes) <= set(findings(before)) for one in result)


@given(disjoint(), st.randoms(use_true_random=False))
def test_replaying_the_same_days_gives_the_same_ids(sets, random):
    """With or without the earlier findings, and in whatever order the groups come."""
    first = findings(sets)
    assert findings(sets, first) == first
    shuffled = random.sample(sets, len(sets))
    assert findings(shuffled) == first
    assert findings(shuffled, first) == first


@given(disjoint(), disjoint(), st.data())
def test_an_unchanged_set_keeps_its_id_whatever_happens_to_the_others(before, after, data):
    old = findings(before)
    kept = data.draw(st.sets(st.sampled_from(before)) if before else st.just(set()))
    taken = frozenset().union(*kept)
    current = [*kept, *(rest for one in after if (rest := one - taken))]
    found = findings(current, old)
    assert all(found[name] == accounts for name, accounts in old.items() if accounts in kept)


@given(disjoint(least=1), st.data())
def test_added_accounts_keep_the_id(before, data):
    """Accounts of no campaign join, as a day is added; even if one of them was there before the founder."""
    old = findings(before)
    free = sorted(set(FIRST_SEEN) - frozenset().union(*before))
    grown = list(before)
    for account in data.draw(st.lists(st.sampled_from(free), unique=True) if free else st.just([])):
        place = data.draw(st.integers(0, len(grown) - 1))
        grown[place] |= {account}
    result = named(grown, old)
    assert [one.campaign_id for one in result] == ids(before)
    assert all(one.supersedes == [] for one in result)


@given(disjoint(least=1))
def test_a_campaign_that_loses_less_than_half_keeps_its_id(before):
    shrunk = [frozenset(sorted(one)[: len(one) // 2 + 1]) for one in before]
    assert ids(shrunk, findings(before)) == ids(before)


@given(disjoint(least=2, most=5))
def test_a_merge_keeps_the_best_id_and_supersedes_the_others(before):
    old = findings(before)
    [merged] = named([frozenset().union(*before)], old)
    assert merged.campaign_id in old
    assert len(old[merged.campaign_id]) == max(map(len, before))
    assert merged.supersedes == sorted(set(old) - {merged.campaign_id})


@given(disjoint(least=1, most=1).filter(lambda sets: sets and len(sets[0]) >= 3))
def test_a_split_keeps_the_id_in_the_larger_part_and_the_other_supersedes_it(before):
    [(old_id, accounts)] = findings(before).items()
    ordered = sorted(accounts)
    small, large = (
        frozenset(ordered[: (len(ordered) - 1) // 2]),
        frozenset(ordered[(len(ordered) - 1) // 2 :]),
    )
    first, second = named([small, large], {old_id: accounts})
    assert second.campaign_id == old_id
    assert first.campaign_id != old_id
    assert first.supersedes == [old_id]


@given(disjoint(), disjoint())
def test_an_old_id_is_only_given_to_what_continues_it(before, after):
    """A few accounts of a campaign that ended are not that campaign: its id must not come back for them."""
    old = findings(before)
    for one, accounts in zip(named(after, old), after, strict=True):
        if one.campaign_id in old:
            earlier = old[one.campaign_id]
            assert len(accounts & earlier) >= 0.5 * min(len(accounts), len(earlier))


@given(disjoint(least=2), disjoint(), disjoint())
def test_what_was_superseded_stays_so_and_its_id_never_comes_back(before, then, now):
    """Whatever merges and splits: two ids never supersede each other, and a replay changes nothing."""
    old = findings(before)
    second = named(then, old)
    third = named(now, findings(then, old), {one.campaign_id: one.supersedes for one in second})
    recorded = {one.campaign_id: one.supersedes for one in third}
    for one in second:
        assert set(one.supersedes) <= set(recorded.get(one.campaign_id, one.supersedes))
    assert not [one for one in recorded for old in recorded[one] if one in recorded.get(old, ())]
    replayed = named(now, dict(zip(recorded, now, strict=True)), recorded)
    assert replayed == third


def test_two_campaigns_that_swap_halves_do_not_supersede_each_other():
    names = sorted(FIRST_SEEN)
    one, other = frozenset(names[:10]), frozenset(names[10:20])
    swapped = [frozenset(names[:5] + names[10:15]), frozenset(names[5:10] + names[15:20])]
    first, second = named(swapped, findings([one, other]))
    assert sorted([first.supersedes, second.supersedes], key=len)[0] == []


def test_the_founder_is_the_earliest_account_and_ties_go_to_the_smaller_name():
    seen = {"b": 5, "a": 5, "c": 9}
    assert founder_id({"a", "b", "c"}, seen) == founder_id({"a"}, seen)
    assert founder_id({"b", "c"}, seen) == founder_id({"b"}, seen)
    assert founder_id({"a"}, seen) != founder_id({"b"}, seen) != founder_id({"b"}, {"b": 6})
