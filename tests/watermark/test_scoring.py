"""Scores: the law, the pooled body, weights, pools of keys, corrections."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gamma as gamma_law
from scipy.stats import kstest

from countermark.errors import Error
from countermark.trust.keyfiles import Secret
from countermark.watermark import score
from countermark.watermark.decisions import decide
from countermark.watermark.key_pools import score_key_pool
from countermark.watermark.prf.siphash import domain_word, hash_windows, key_words, pack_windows
from countermark.watermark.profile import write_profile
from countermark.watermark.scoring import LN10, SMALLEST, Detector, Document
from watermark_samples import KEY, own_profile, random_ids


def marked_ids(
    count: int, width: int = 4, vocabulary: int = 512, key: str = KEY
) -> "np.typing.NDArray[np.int64]":
    """Ids of which each is the best of 16 candidates under the key: a strong mark, made by the definition."""
    rng = np.random.default_rng(5)
    ids = list(rng.integers(0, vocabulary, width))
    words, domain = key_words(bytes.fromhex(key)), domain_word(width)
    for _ in range(count):
        candidates = rng.integers(0, vocabulary, 16)
        windows = [np.array([*ids[-width:], one], np.uint64) for one in candidates]
        hashes = [int(hash_windows(pack_windows(one, width), *words, domain)[0]) for one in windows]
        ids.append(int(candidates[int(np.argmax(hashes))]))
    return np.array(ids)


def test_a_marked_text_is_found_under_its_key_and_no_other() -> None:
    ids = marked_ids(300)
    assert score(own_profile(), KEY, ids).log10_p < -50
    wrong = [score(own_profile(), f"{seed:032x}", ids).log10_p for seed in range(100)]
    assert min(wrong) > -5


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7])
def test_under_random_keys_the_p_value_is_uniform(width: int) -> None:
    keys = np.random.default_rng(width)
    ids = random_ids(1, 400)
    p = [10 ** score(own_profile(width), keys.bytes(16).hex(), ids).log10_p for _ in range(400)]
    assert kstest(p, "uniform").pvalue > 0.001


def test_the_law_is_the_gamma_law_of_distinct_pairs() -> None:
    ids = np.tile(random_ids(2, 50), 20)
    result = score(own_profile(), KEY, ids)
    assert result.evidence.scored == 50  # 46 pairs of one round and 4 across the seam
    assert 10**result.log10_p == pytest.approx(gamma_law.sf(result.evidence.statistic, 50), rel=1e-9)


def test_a_pooled_body_counts_each_pair_once_over_all_documents() -> None:
    detector = Detector.open(own_profile(), Secret(KEY.encode()))
    ids, others = random_ids(3, 200), random_ids(4, 200)
    one = detector.score([Document(ids)])
    assert detector.score([Document(ids)] * 7).evidence == one.evidence
    both = detector.score([Document(ids), Document(others)])
    apart = detector.score([Document(others)])
    assert both.evidence.scored == 2 * 196
    assert both.evidence.statistic == pytest.approx(one.evidence.statistic + apart.evidence.statistic)
    assert both.engine is None


def test_no_context_crosses_two_documents() -> None:
    detector = Detector.open(own_profile(), Secret(KEY.encode()))
    halves = [Document(random_ids(5, 6)), Document(random_ids(6, 6))]
    assert detector.score(halves).evidence.scored == 4


@pytest.mark.parametrize("count", [0, 1, 4])
def test_what_is_not_longer_than_the_context_shows_nothing(count: int) -> None:
    result = score(own_profile(), KEY, random_ids(7, count)).to_dict()
    assert (result["scored_tokens"], result["p_value"], result["log10_p_value"]) == (0, 1.0, 0.0)


@pytest.mark.parametrize("bad", [[1, 2, 3, 512, 4, 5], [1, 2, 3, 4, -1, 5]])
def test_ids_outside_the_vocabulary_are_refused(bad: list[int]) -> None:
    with pytest.raises(Error, match="outside the vocabulary of 512"):
        score(own_profile(), KEY, bad)


def test_weights_give_a_bound_with_the_saddlepoint_figure_beside_it() -> None:
    ids = marked_ids(200)
    weights = np.random.default_rng(1).random(len(ids))
    plain, weighted = score(own_profile(), KEY, ids), score(own_profile(), KEY, ids, weights=weights)
    assert plain.evidence.exact
    assert not weighted.evidence.exact
    assert weighted.evidence.log_saddlepoint is not None
    assert weighted.evidence.log_saddlepoint < weighted.evidence.log_p < math.log(1e-20)
    equal = score(own_profile(), KEY, ids, weights=np.ones(len(ids)))
    assert equal.evidence.log_saddlepoint == pytest.approx(plain.evidence.log_p, abs=0.01)


def test_a_p_value_is_never_given_as_zero() -> None:
    result = score(own_profile(), KEY, marked_ids(2500)).to_dict()
    assert result["log10_p_value"] < -320
    assert result["p_value"] == SMALLEST


def test_a_pool_of_keys_gives_what_each_key_gives_alone() -> None:
    keys = [Secret(f"{seed:032x}".encode()) for seed in range(20)] + [Secret(KEY.encode())]
    documents = [Document(marked_ids(100)), Document(random_ids(8, 300)), Document(random_ids(8, 300))]
    together = score_key_pool(own_profile(), keys, documents)
    for key, result in zip(keys, together, strict=True):
        alone = Detector.open(own_profile(), key).score(documents)
        assert result.evidence.scored == alone.evidence.scored
        assert result.evidence.statistic == pytest.approx(alone.evidence.statistic, rel=1e-12)
        assert result.evidence.log_p == pytest.approx(alone.evidence.log_p, rel=1e-9)
    assert min(range(21), key=lambda place: together[place].evidence.log_p) == 20


def test_holm_over_a_family_that_was_asked_before() -> None:
    first, second = decide([math.log(0.001), math.log(0.004)], 0.01)
    assert (first.passes, second.passes) == (True, True)
    assert second.log_adjusted == pytest.approx(math.log(0.004))
    first, second = decide([math.log(0.001), math.log(0.004)], 0.01, family=10)
    assert (first.passes, second.passes) == (True, False)
    assert first.log_adjusted / LN10 == pytest.approx(-2)
    assert first.to_dict()["family"] == 10


def test_profile_and_key_may_be_files(tmp_path: Path, key_file: Path) -> None:
    write_profile(tmp_path / "p.json", own_profile())
    ids = random_ids(1, 100)
    assert score(tmp_path / "p.json", key_file, ids) == score(own_profile(), KEY, ids)
    with pytest.raises(Error, match="one sequence of integers"):
        score(own_profile(), KEY, [1.5, 2.5, 3.5, 4.5, 5.5])
    with pytest.raises(Error, match="a weight is not between"):
        score(own_profile(), KEY, ids, weights=np.full(len(ids), np.nan))
