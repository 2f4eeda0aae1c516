"""Members: calibration of each account's p-value, and whether real members are found."""

import numpy as np
import pytest
from synthetic_accounts import one_stratum, population, sharing, super_uniform

from countermark.detect.members import LEAST_REFERENCE, LEAST_STRATUM, judge, near_accounts, rank
from countermark.detect.profile import scores
from countermark.detect.rhythm import RhythmConfirmer

TRIALS = 400


@pytest.fixture(scope="module")
def people():
    return population(np.random.default_rng(1))


@pytest.fixture(scope="module")
def discovery(people):
    return population(np.random.default_rng(2), kind="prefix", requests=people.requests)


def of(membership, accounts, column):
    return getattr(membership, column)[np.searchsorted(membership.accounts, accounts)]


def stranger_p(people, discovery, members, strangers, pool, label=None):
    """p-values of one stranger in each of `TRIALS` groups that share discovery values.

    The members among them share values of the confirmation family too; of the strangers it knows nothing.
    """
    p = []
    for number in range(TRIALS):
        generator = np.random.default_rng([8, number])
        drawn = generator.choice(pool, members + strangers, replace=False)
        found = judge(
            np.sort(drawn),
            sharing(discovery, drawn, generator, share=0.6),
            sharing(people, drawn[:members], generator),
            people.requests,
            people.strata.label if label is None else label,
        )
        p.append(float(of(found, drawn[members : members + 1], "p")[0]))
    return p


@pytest.mark.parametrize(("members", "strangers"), [(0, 5), (0, 40), (6, 1), (20, 5), (60, 10)])
def test_strangers_get_super_uniform_p(people, discovery, members, strangers):
    """In a group of strangers only, and among real members: alone, a few, many."""
    p = stranger_p(people, discovery, members, strangers, people.accounts)
    assert super_uniform(p, (0.5, 0.2, 0.1, 0.05, 0.01))


def test_strangers_who_speak_the_groups_language_get_super_uniform_p():
    """Accounts of the smaller language share its values with the group, which is no membership."""
    people = population(np.random.default_rng(1), accounts=1_200)
    discovery = population(np.random.default_rng(2), accounts=1_200, kind="prefix", requests=people.requests)
    pool = np.flatnonzero(people.strata.label % 2 == 1)
    assert np.bincount(people.strata.label).min() >= LEAST_STRATUM + 25
    levels = (0.2, 0.1, 0.05, 0.01)
    assert super_uniform(stranger_p(people, discovery, 20, 5, pool), levels)
    everybody = one_stratum(people.accounts).label
    assert not super_uniform(stranger_p(people, discovery, 20, 5, pool, everybody), levels)


def test_planted_members_pass_and_strangers_mostly_do_not(people, discovery):
    """Real sharing in both families: false members among the listed stay within the level, over 40 groups."""
    listed = false = recalled = planted = 0
    for number in range(40):
        generator = np.random.default_rng([9, number])
        drawn = generator.choice(people.accounts, 50, replace=False)
        members = np.sort(drawn[:40])
        found = judge(
            np.sort(drawn),
            sharing(discovery, members, generator, share=0.8),
            sharing(people, members, generator, share=0.8),
            people.requests,
            people.strata.label,
        )
        passed = found.accounts[found.q <= 0.05]
        listed, false = listed + passed.size, false + int((~np.isin(passed, members)).sum())
        busy = members[people.requests[members] >= 10]
        recalled, planted = recalled + int(np.isin(busy, passed).sum()), planted + busy.size
    assert recalled >= 0.95 * planted
    assert false <= 0.06 * listed


def test_an_account_near_the_candidate_is_judged_and_no_part_of_the_reference(people, discovery):
    """Members that the community missed share its discovery values: they must not raise the bar."""
    members = np.sort(np.random.default_rng(10).choice(people.accounts, 40, replace=False))
    near = sharing(discovery, members, np.random.default_rng(11), share=0.9)
    shared = sharing(people, members, np.random.default_rng(12), share=0.9)
    found = judge(members[:20], near, shared, people.requests, people.strata.label)
    missed = members[20:][people.requests[members[20:]] >= 20]
    assert missed.size >= 8
    assert np.isin(missed, found.accounts).all()
    assert (of(found, missed, "q") <= 0.05).mean() >= 0.8
    assert found.accounts.size + found.reference == people.accounts


def expected_p(account, score, near, alike):
    """By hand: the share of the reference, itself added or part of it, that fits at least as well."""
    like = [a for a in range(score.size) if not near[a] and a != account and alike(a, account)]
    return (1 + sum(score[a] >= score[account] for a in like)) / (1 + len(like))


def test_rank_is_the_conformal_p_by_hand():
    """Two strata that are not the halves by activity; ties with the reference count against the account."""
    requests, strata = np.repeat([10, 20], 150), np.arange(300) % 3 % 2
    score = np.arange(300) % 150 / 1.0
    near = np.zeros(300, bool)
    near[[149, 200, 299]] = True
    found = rank(score, near, None, requests, strata)
    assert found.reference == 297
    assert found.accounts.tolist() == [149, 200, 299]
    by_hand = [expected_p(a, score, near, lambda a, b: strata[a] == strata[b]) for a in (149, 200, 299)]
    assert found.p == pytest.approx(by_hand)
    tied = rank(np.ones(300), near, None, requests, strata)
    assert tied.p.tolist() == [1.0, 1.0, 1.0]


def test_accounts_of_small_strata_are_ranked_by_activity():
    """Every stratum has fewer accounts than can be ranked within: two bins of activity instead."""
    strata = np.arange(300) // (LEAST_STRATUM - 1)
    requests = np.where(np.arange(300) % 2, 10, 20)
    score = np.random.default_rng(0).random(300)
    near = np.zeros(300, bool)
    near[:40] = True
    found = rank(score, near, None, requests, strata)
    by_hand = [expected_p(a, score, near, lambda a, b: requests[a] == requests[b]) for a in range(40)]
    assert found.p == pytest.approx(by_hand)


def test_an_account_asked_for_stays_in_the_reference_and_out_of_its_own_comparison():
    score, strata = np.random.default_rng(0).random(300), np.zeros(300, np.int64)
    near = np.zeros(300, bool)
    near[:10] = True
    alone = rank(score, near, None, np.ones(300, np.int64), strata)
    found = rank(score, near, np.array([5, 40, 50]), np.ones(300, np.int64), strata)
    assert found.accounts.tolist() == [*range(10), 40, 50]
    assert found.reference == alone.reference == 290
    assert found.p[:10].tolist() == alone.p.tolist()
    by_hand = [expected_p(a, score, near, lambda a, b: True) for a in (40, 50)]
    assert found.p[10:] == pytest.approx(by_hand)


def test_null_accounts_chosen_by_their_confirmation_score_get_their_true_rank(people, discovery):
    """The best tenth of the reference: chosen for its scores, it must not look better than it is.

    In a group with nothing in common the k-th best of a stratum's n reference accounts gets k / n, ties
    counted against it. Taken out of the reference, each would get 1 / n, however many are chosen.
    """
    for number in range(40):
        generator = np.random.default_rng([17, number])
        group = np.sort(generator.choice(people.accounts, 20, replace=False))
        near_by = sharing(discovery, group, generator, share=0.9)
        inside = np.isin(np.arange(people.accounts), group)
        near = near_accounts(inside, scores(near_by, inside, people.requests))
        score, label = scores(people.incidence, inside, people.requests), one_stratum(people.accounts).label
        outside = np.flatnonzero(~near)
        chosen = outside[np.argsort(-score[outside])[: outside.size // 10]]
        found = judge(group, near_by, people.incidence, people.requests, label, np.sort(chosen))
        p = of(found, chosen, "p")
        assert found.reference == outside.size
        assert (p >= np.arange(1, chosen.size + 1) / outside.size - 1e-12).all()
        assert (p <= 0.01).sum() <= 0.01 * outside.size


def test_without_a_reference_nobody_is_judged(people, discovery):
    few = np.arange(people.accounts - LEAST_REFERENCE + 1)
    label = people.strata.label
    assert judge(few, discovery.incidence, people.incidence, people.requests, label) is None


def test_when_everybody_is_near_only_the_candidate_is_judged():
    inside = np.arange(300) < 20
    assert near_accounts(inside, np.ones(300)).tolist() == inside.tolist()


def test_rhythm_members_are_ranked_with_themselves_left_out(people, discovery):
    """Null accounts: super-uniform; accounts of one rhythm: nearly all found."""
    measures = np.random.default_rng(13).random((people.accounts, 5))
    confirmer = RhythmConfirmer(measures, one_stratum(people.accounts))
    p = []
    for number in range(TRIALS):
        generator = np.random.default_rng([14, number])
        candidate = np.sort(generator.choice(people.accounts, 10, replace=False))
        found = confirmer.judge(candidate, discovery.incidence, people.requests)
        p.append(float(of(found, generator.choice(candidate, 1), "p")[0]))
    assert super_uniform(p, (0.5, 0.2, 0.1, 0.05, 0.01))
    members = np.arange(40)
    measures[members] = 0.5 + 0.02 * np.random.default_rng(15).standard_normal((40, 5))
    shared = sharing(discovery, members, np.random.default_rng(16), share=0.9)
    found = RhythmConfirmer(measures, one_stratum(people.accounts)).judge(members, shared, people.requests)
    assert (of(found, members, "q") <= 0.05).mean() >= 0.95
