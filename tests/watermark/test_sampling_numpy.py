"""The NumPy sampler: unchanged distribution, marks that are found, odd input, equality with the naive one."""

import math

import naive_gumbel_siphash as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampling_profiles import KEY, KEY_BYTES, own_profile
from scipy import stats

from countermark.errors import Error
from countermark.trust.keyfiles import Secret
from countermark.watermark.prf import siphash
from countermark.watermark.sampling.answers import Counts
from countermark.watermark.sampling.numpy_sampler import Sampler, softmax_weights
from countermark.watermark.schemes.gumbel_siphash import GumbelSiphash


def sampler(width: int = 4, seed: int = 1, key: Secret = KEY) -> Sampler:
    return Sampler(own_profile(width), key, np.random.default_rng(seed))


def text(width: int, length: int, vocabulary: int = 200, seed: int = 1) -> np.ndarray:
    """An answer whose distribution changes at every step."""
    source = sampler(width, seed)
    answer, generator = source.start(), np.random.default_rng(seed + 1)
    for _ in range(length):
        source.next_token(generator.exponential(size=vocabulary), answer)
    return np.array(answer.ids)


def log_p(ids: np.ndarray, width: int, key: Secret) -> float:
    scorer = GumbelSiphash().bind(own_profile(width), key)
    marks = scorer.marks(ids)
    return scorer.judge(marks.at(np.unique(marks.fingerprints, return_index=True)[1])).log_p


def random_key(generator: np.random.Generator) -> Secret:
    return Secret(generator.bytes(16).hex().encode())


def test_the_distribution_over_keys_is_that_of_the_model():
    """Chi-squared over 20,000 random keys at one context and one probability vector."""
    generator = np.random.default_rng(5)
    p = np.array([0.4, 0.0, 0.25, 0.15, 0.1, 0.06, 0.04])
    found = np.zeros(len(p), np.int64)
    context = np.array([3, 1, 4], np.uint64)
    for _ in range(20_000):
        words = siphash.key_words(generator.bytes(16))
        state = siphash.context_state(context, *words, siphash.domain_word(3))
        found[siphash.choose_tokens(p[np.newaxis], state[np.newaxis], np.array([0]), 3)[0]] += 1
    assert found[1] == 0
    assert stats.chisquare(found[p > 0], 20_000 * p[p > 0]).pvalue > 0.001


def test_positions_that_are_not_marked_follow_the_model():
    p = np.array([0.5, 0.0, 0.3, 0.2])
    source = sampler()
    found = np.bincount([source.next_token(p, source.start()) for _ in range(20_000)], minlength=4)
    assert source.counts == Counts(start=20_000)
    assert found[1] == 0
    assert stats.chisquare(found[p > 0], 20_000 * p[p > 0]).pvalue > 0.001


@pytest.mark.parametrize("width", [1, 2, 4, 7])
def test_marked_text_is_found_under_its_key_alone(width):
    ids = text(width, 150)
    assert log_p(ids, width, KEY) < -100
    generator = np.random.default_rng(9)
    wrong = [math.exp(log_p(ids, width, random_key(generator))) for _ in range(400)]
    assert stats.kstest(wrong, "uniform").pvalue > 0.001


def test_no_prompt_enters_and_the_first_k_differ_between_retries():
    """Two answers whose first k ids agree go on alike; those that differ there do not."""
    generator = np.random.default_rng(3)
    rows = [generator.exponential(size=50) for _ in range(40)]
    source = sampler(2)
    retries = []
    for _ in range(30):
        answer = source.start()
        for row in rows:
            source.next_token(row, answer)
        retries.append(tuple(answer.ids))
    assert len({one[:2] for one in retries}) == len(set(retries))


def test_a_context_that_has_stood_in_the_answer_is_sampled_normally():
    source = sampler(1)
    answer = source.start()
    for _ in range(100):
        source.next_token(np.array([0.5, 0.5]), answer)
    assert (source.counts.start, source.counts.marked, source.counts.repeated) == (1, 2, 97)


def test_a_batch_is_the_rows_one_by_one():
    generator = np.random.default_rng(4)
    rows = generator.exponential(size=(30, 5, 700)).astype(np.float32)
    rows[:, 2, 10:] = 0
    together, alone = sampler(2, 6), sampler(2, 6)
    answers, single = [together.start() for _ in range(5)], [alone.start() for _ in range(5)]
    for step in rows:
        together.next_tokens(step, answers)
        for row, answer in zip(step, single, strict=True):
            alone.next_token(row, answer)
    assert [one.ids for one in answers] == [one.ids for one in single]
    assert together.counts == alone.counts


@given(
    st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=40),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=6),
)
def test_the_choice_is_the_naive_one(weights, context):
    words, k = siphash.key_words(KEY_BYTES), len(context)
    state = siphash.context_state(np.array(context, np.uint64), *words, siphash.domain_word(k))
    row = np.array([weights])
    found = int(siphash.choose_tokens(row, state[np.newaxis], np.array([0]), k)[0])
    expected = naive.choose(KEY_BYTES, context, weights)
    assert found == (-1 if expected is None else expected)


@pytest.mark.parametrize("vocabulary", [1, 255, 256, 257, 1000])
@pytest.mark.parametrize("share", [0.02, 0.6, 1.0])
def test_blocks_and_gaps_make_no_difference(vocabulary, share):
    """Against a plain argmin over all hashes, for vocabularies around the size of a block."""
    generator = np.random.default_rng(vocabulary)
    words = siphash.key_words(KEY_BYTES)
    for seed in range(20):
        context = generator.integers(0, 1000, 4).astype(np.uint64)
        weights = generator.exponential(size=(1, vocabulary)) ** 4
        weights[generator.random((1, vocabulary)) > share] = 0
        weights[0, seed % vocabulary] = 1e-3
        state = siphash.context_state(context, *words, siphash.domain_word(4))
        hashes = siphash.token_hashes(state, np.arange(vocabulary, dtype=np.uint64), 4)
        with np.errstate(divide="ignore"):
            expected = int(np.argmin(siphash.exponentials(hashes) / weights[0]))
        assert siphash.choose_tokens(weights, state[np.newaxis], np.array([0]), 4).tolist() == [expected]


def test_temperature_0_is_counted_and_unmarked():
    source = sampler()
    answer = source.start()
    assert [source.greedy_token(np.array([0.2, 0.5, 0.3]), answer) for _ in range(9)] == [1] * 9
    assert (source.counts.greedy, source.counts.unmarked, source.counts.marked) == (9, 9, 0)


@pytest.mark.parametrize("row", [[0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0], [np.inf, 1.0]])
@pytest.mark.parametrize("before", [0, 4])
def test_probabilities_that_are_none_are_refused(row, before):
    source = sampler(1)
    answer = source.start()
    answer.ids.extend(range(before))
    with pytest.raises(Error, match="probabilities"):
        source.next_token(np.array(row), answer)


def test_a_batch_of_the_wrong_size_is_refused():
    source = sampler()
    with pytest.raises(Error, match="as many rows"):
        source.next_tokens(np.ones((2, 3)), [source.start()])


def test_a_profile_of_another_version_is_refused():
    with pytest.raises(Error, match="not checked against"):
        Sampler(own_profile(version="99"), KEY, np.random.default_rng(1))


def test_a_key_stands_in_no_representation():
    source = sampler()
    assert KEY.reveal().decode().strip() not in f"{source!r} {source.counts!r}"
    with pytest.raises(Error) as error:
        sampler(key=Secret(b"0123zz"))
    assert "0123zz" not in f"{error.value} {error.value.hint}"


def test_softmax_weights_are_probabilities_but_for_a_factor():
    logits = np.random.default_rng(1).standard_normal((3, 50))
    found = softmax_weights(logits, 0.5)
    expected = np.exp(logits / 0.5)
    ratios = found / expected
    assert np.allclose(ratios, ratios[:, :1])
