"""A key against windows: the statistic by hand, the bound, decoys of every scheme, which p-value counts."""

import hashlib
import math

import numpy as np
import pytest
from marked_worlds import SCHEMES, VOCABULARY, key_of, leaning_text, own_key, random_key

from countermark.attribute.keyed import Judged, Rank, decoys_for, judge
from countermark.attribute.pairs import Row, pairs_of
from countermark.stats.binomial import clopper_pearson
from countermark.trust.keyfiles import Secret
from countermark.watermark.decoys import draw_keys
from countermark.watermark.schemes.base import Evidence
from countermark.watermark.scoring import Detector, Document
from countermark.watermark.windows import marks_of


def windows_of(seed: int, count: int, length: int) -> np.ndarray:
    found = np.random.default_rng(seed).integers(1, VOCABULARY, (2 * count, length))
    return np.unique(found, axis=0)[:count]


@pytest.mark.parametrize("name", SCHEMES)
def test_windows_by_themselves_score_as_documents_of_their_own(name: str) -> None:
    key = key_of(name)
    windows = windows_of(1, 60, key.length)
    scores = key.scores(windows)
    assert scores is not None
    for window, score in zip(windows, scores, strict=True):
        marks = key.detector.marks(Document(window))
        last = marks.at(marks.positions == key.length - 1)
        assert key.detector.scorer.scores(last)[0] == pytest.approx(score, rel=1e-12)


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_shows_its_own_mark_and_no_other_key_does(name: str) -> None:
    key = key_of(name)
    ids = leaning_text(key, 250, 5)
    windows = pairs_of([Row(ids)], key.length).windows
    decoys = decoys_for(key, windows, 19, None)
    weights = np.random.default_rng(3).integers(1, 5, len(windows)) / 4
    for chosen in (None, weights):
        judged = judge(key, windows, chosen, decoys)
        assert judged.rank is not None
        assert judged.evidence.log_p < math.log(1e-6)
        assert judged.rank.above == 0
        others = [judge(type(key)(key.profile, one), windows, chosen).evidence.log_p for one in decoys]
        assert min(others) > math.log(1e-3)


@pytest.mark.parametrize("name", SCHEMES)
def test_decoys_are_keys_of_the_scheme_and_all_different(name: str) -> None:
    profile, _ = SCHEMES[name]
    keys = draw_keys(profile, np.random.default_rng(1), 4)
    for one in keys:
        Detector.open(profile, one)
    assert len({one.reveal() for one in keys}) == 4
    again = draw_keys(profile, np.random.default_rng(1), 4)
    assert [one.reveal() for one in keys] == [one.reveal() for one in again]


def test_decoys_hang_on_the_body_and_on_the_committed_seed() -> None:
    key, windows = own_key(), windows_of(2, 50, 2)
    one = decoys_for(key, windows, 2, None)[0].reveal()
    assert one == decoys_for(key, windows, 2, None)[0].reveal()
    assert one != decoys_for(key, windows[:-1], 2, None)[0].reveal()
    seeds = [Secret(hashlib.sha256(bytes([at])).hexdigest().encode()) for at in range(2)]
    assert len({one, *(decoys_for(key, windows, 2, seed)[0].reveal() for seed in seeds)}) == 3


def test_the_weighted_statistic_is_the_sum_by_hand_and_its_bound_is_above_the_truth() -> None:
    key, windows = own_key(), windows_of(3, 6, 2)
    weights = np.array([1.0, 0.5, 0.0, -0.5, -1.0, 0.25])
    scores = key.scores(windows)
    assert scores is not None
    evidence = judge(key, windows, weights).evidence
    assert evidence.statistic == pytest.approx(float(weights @ scores))
    assert evidence.scored == 5
    assert not evidence.exact
    sums = np.random.default_rng(1).exponential(size=(200_000, 6)) @ weights
    share = np.mean(sums >= evidence.statistic)
    assert evidence.log_p >= math.log(clopper_pearson(int(share * 200_000), 200_000, 0.999)[0])


@pytest.mark.parametrize("signed", [False, True])
def test_the_level_holds_over_random_keys(signed: bool) -> None:
    windows = windows_of(4, 300, 2)
    weights = np.random.default_rng(5).uniform(-1 if signed else 0, 1, 300)
    generator, trials = np.random.default_rng(6), 400
    logs = np.array([judge(random_key(generator), windows, weights).evidence.log_p for _ in range(trials)])
    for level in (0.2, 0.05, 0.01):
        passed = int((logs <= math.log(level)).sum())
        assert clopper_pearson(passed, trials, 0.99)[0] <= level


def test_ranks_are_uniform_over_random_keys() -> None:
    windows, generator = windows_of(7, 60, 2), np.random.default_rng(8)
    ranks = []
    for _ in range(200):
        decoys = draw_keys(own_key().profile, generator, 19)
        judged = judge(random_key(generator), windows, None, decoys)
        assert judged.rank is not None
        ranks.append(judged.rank.p_value)
    for level in (0.05, 0.25, 0.5):
        low, high = clopper_pearson(sum(one <= level + 1e-9 for one in ranks), 200, 0.995)
        assert low <= level <= high


@pytest.mark.parametrize(
    ("law", "above", "counts"),
    [(1e-8, 0, 1e-8), (1e-8, 1, 2e-3), (1e-3, 3, 1e-3), (1e-5, 499, 0.5), (0.9, 5, 0.9)],
)
def test_the_rank_counts_where_it_says_ten_times_more_and_is_not_at_its_floor(
    law: float, above: int, counts: float
) -> None:
    evidence = Evidence(100, 1.0, math.log(law), "law", exact=True)
    assert Judged(evidence, Rank(999, above)).log_p == pytest.approx(math.log(counts))


def test_lefthash_says_nothing_of_windows_after_id_0() -> None:
    key = key_of("lefthash")
    marks = marks_of(key.detector.scorer, np.array([[0, 3], [5, 3]]))
    assert marks.positions.tolist() == [1]
