"""Calibration of the campaign p-values: candidates that are random within strata, and keys that are wrong.

Given the population, random candidates are independent trials of the stated null, so the number of p-values
at or below a level is binomial; `super_uniform` states the bound.
"""

import math

import numpy as np
import pytest
from scipy.stats import hypergeom, rankdata
from synthetic_accounts import (
    from_counts,
    one_stratum,
    population,
    relabelled,
    sharing,
    super_uniform,
    within_strata,
)

from countermark.detect.confirm import Confirmer, Strata
from countermark.detect.rhythm import RhythmConfirmer

EVEN = [1] * 8
BUSY = [0, 0, 0, 0, 1, 3, 2, 6]
"""Busy accounts of the smaller language: holds far more values than a random dozen, and other ones."""
LARGE = [2, 1, 4, 2, 6, 4, 12, 9]
CANDIDATES = 400


@pytest.fixture(scope="module")
def people():
    return population(np.random.default_rng(1))


@pytest.fixture(scope="module")
def rhythms(people):
    """Ranks of five measures; three of them follow activity or language."""
    generator = np.random.default_rng(3)
    activity, language = np.log(people.requests), people.strata.label % 2
    columns = [activity, np.zeros(people.accounts), language, np.zeros(people.accounts), activity / 2]
    noise = generator.standard_normal((5, people.accounts)) * np.array([0.3, 1, 0.3, 1, 1])[:, None]
    ranks = [
        (rankdata(column + more) - 0.5) / people.accounts for column, more in zip(columns, noise, strict=True)
    ]
    return np.stack(ranks, axis=1)


def random_candidates(people, wanted, candidates=CANDIDATES):
    for number in range(candidates):
        generator = np.random.default_rng([5, number])
        yield within_strata(generator, people.strata, wanted), generator


def test_the_population_is_what_the_strata_have_to_absorb(people):
    """Activity is heavy-tailed and goes with the number of values held; degrees are heavy-tailed."""
    held = np.bincount(people.incidence.account, minlength=people.accounts)
    assert np.corrcoef(np.log(people.requests), np.log(held))[0, 1] > 0.9
    assert people.requests.max() > 25 * np.median(people.requests)
    assert people.incidence.degree.max() > 15 * np.median(people.incidence.degree)


@pytest.mark.parametrize("wanted", [EVEN, BUSY, LARGE], ids=["even", "busy", "large"])
def test_random_candidates_get_super_uniform_p(people, wanted):
    confirmer = Confirmer(people.incidence, people.strata, people.requests)
    found = [confirmer.confirm(members, random) for members, random in random_candidates(people, wanted)]
    assert super_uniform(np.exp([one.log_p for one in found]))
    assert super_uniform(np.exp([one.log_split_p for one in found]))


def test_without_strata_the_same_candidates_look_guilty(people):
    """The check above can fail: busy accounts of one language are no random sample of everybody."""
    confirmer = Confirmer(people.incidence, one_stratum(people.accounts), people.requests)
    p = [
        math.exp(confirmer.confirm(members, random).log_p)
        for members, random in random_candidates(people, BUSY, 60)
    ]
    assert not super_uniform(p)


@pytest.mark.parametrize("wanted", [EVEN, BUSY], ids=["even", "busy"])
def test_random_candidates_get_super_uniform_rhythm_p(people, rhythms, wanted):
    confirmer = RhythmConfirmer(rhythms, people.strata)
    p = [
        confirmer.confirm(members, random, threshold=1e-3).permutation_p
        for members, random in random_candidates(people, wanted)
    ]
    assert super_uniform(p, (0.5, 0.2, 0.1, 0.05, 0.01))
    assert 0.4 < np.median(p) < 0.6  # one continuous statistic: not only valid but uniform


def test_without_strata_the_same_candidates_look_alike_in_rhythm(people, rhythms):
    confirmer = RhythmConfirmer(rhythms, one_stratum(people.accounts))
    p = [
        confirmer.confirm(members, random, threshold=1e-3).permutation_p
        for members, random in random_candidates(people, BUSY, 60)
    ]
    assert not super_uniform(p)


def test_a_sharing_group_is_confirmed_and_a_wrong_key_is_not(people):
    """Permuting the confirmation's accounts within strata destroys what the group shared."""
    members = within_strata(np.random.default_rng(20), people.strata, [5, 2, 5, 2, 6, 2, 6, 2])
    shared = sharing(people, members, np.random.default_rng(21))
    right = Confirmer(shared, people.strata, people.requests).confirm(members, np.random.default_rng(0))
    assert right.log_p < math.log(1e-20)
    assert right.log_split_p < math.log(1e-12)
    wrong = []
    for number in range(200):
        generator = np.random.default_rng([22, number])
        confirmer = Confirmer(
            relabelled(shared, people.strata.label, generator), people.strata, people.requests
        )
        wrong.append(confirmer.confirm(members, generator))
    p, split = (np.exp([getattr(one, name) for one in wrong]) for name in ("log_p", "log_split_p"))
    assert super_uniform(p)
    assert super_uniform(split)
    assert p.min() > 1e-5
    assert (split < 0.5).sum() >= 20  # spread over (0, 1), not stuck at 1
    assert np.unique(split.round(6)).size >= 20


def test_one_rhythm_is_confirmed_and_a_wrong_key_is_not(people, rhythms):
    members = within_strata(np.random.default_rng(20), people.strata, [5, 2, 5, 2, 6, 2, 6, 2])
    alike = rhythms.copy()
    alike[members] = 0.6 + 0.05 * np.random.default_rng(23).standard_normal((members.size, 5))
    right = RhythmConfirmer(alike, people.strata).confirm(members, np.random.default_rng(0), threshold=1e-4)
    assert right.log_p == right.log_floor < math.log(1e-4)
    wrong = []
    for number in range(200):
        generator = np.random.default_rng([24, number])
        renamed = np.arange(people.accounts)
        for stratum in range(people.strata.count):
            mine = np.flatnonzero(people.strata.label == stratum)
            renamed[mine] = generator.permutation(mine)
        confirmer = RhythmConfirmer(alike[renamed], people.strata)
        wrong.append(confirmer.confirm(members, generator, threshold=1e-3).permutation_p)
    assert super_uniform(wrong, (0.5, 0.2, 0.1, 0.05, 0.01))
    assert 0.35 < np.median(wrong) < 0.65


def test_the_smallest_single_tail_is_the_one_by_hand(people):
    """One stratum: the top value's tail is Fisher's, and the correction is the number of tested values."""
    confirmer = Confirmer(people.incidence, one_stratum(people.accounts), people.requests)
    members = within_strata(np.random.default_rng(7), people.strata, LARGE)
    found = confirmer.confirm(members, np.random.default_rng(0))
    assert found.tested_values == int((people.incidence.degree >= 3).sum())
    for tail in found.top:
        holders = people.incidence.account[people.incidence.value == tail.value]
        k = np.isin(holders, members).sum()
        assert tail.holders == k
        expected = hypergeom.logsf(k - 1, people.accounts, holders.size, members.size)
        assert tail.log_p == pytest.approx(expected, rel=1e-8)
    one_value = found.top[0].log_p + math.log(found.tested_values)
    assert found.log_p == pytest.approx(min(0.0, min(one_value, found.log_split_p) + math.log(2)))


def test_a_candidate_that_is_a_whole_stratum_shows_nothing(people, rhythms):
    """Every draw is the candidate itself, in another order: p is 1 whatever it shares."""
    members = np.flatnonzero(people.strata.label == 1)
    shared = sharing(people, members, np.random.default_rng(25))
    found = Confirmer(shared, people.strata, people.requests).confirm(members, np.random.default_rng(0))
    assert found.tested_values > 0
    assert found.log_split_p == found.log_p == 0.0
    rhythm = RhythmConfirmer(rhythms, people.strata).confirm(
        members, np.random.default_rng(0), threshold=1e-3
    )
    assert rhythm.permutation_p == 1.0


@pytest.mark.parametrize("members", [[], [3], [3, 5, 9]])
def test_fewer_than_four_accounts_are_not_testable(people, members):
    confirmer = Confirmer(people.incidence, people.strata, people.requests)
    found = confirmer.confirm(np.array(members, np.int64), np.random.default_rng(0))
    assert found.log_p == found.log_floor == 0.0


def test_values_that_hardly_anybody_holds_are_not_testable():
    incidence = from_counts(40, {(0, 0): 5, (1, 0): 5, (2, 1): 5}, ["opening", "opening"])
    confirmer = Confirmer(incidence, Strata(np.zeros(40, np.int64), 1), np.full(40, 5))
    found = confirmer.confirm(np.arange(6), np.random.default_rng(0))
    assert (found.tested_values, found.log_p, found.log_floor) == (0, 0.0, 0.0)


def test_accounts_without_any_value_are_not_testable():
    rows = {(account, account % 3): 5 for account in range(9, 40)}
    incidence = from_counts(40, rows, ["object"] * 3)
    confirmer = Confirmer(incidence, Strata(np.zeros(40, np.int64), 1), np.full(40, 5))
    silent, heard = (confirmer.confirm(np.arange(i, i + 9), np.random.default_rng(0)) for i in (0, 9))
    assert silent.log_p == silent.log_floor == 0.0
    assert heard.log_floor == -math.inf
