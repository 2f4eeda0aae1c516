"""SGLang's scheme against what the releases answered (vectors/generators/record_sglang.py), and its law."""

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.stats import kstest

from countermark.errors import Error
from countermark.trust.keyfiles import Secret
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.from_engine.sglang import profile_from
from countermark.watermark.prf import murmur
from countermark.watermark.profile import Profile
from countermark.watermark.schemes.sglang_gumbel import MAX_CONTEXTS, VERSIONS, SglangGumbel

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/engines/sglang.json").read_text())
SCHEME = SglangGumbel()
REDACTED = "<redacted>"


def profile(config=None, **changes):
    fields = profile_from(config or {}, "0.5.23")
    return msgspec.convert(
        fields | {"tokenizer": {"name": "t"}, "key_id": "k", "epoch": "e"} | changes, Profile
    )


def hex_key(digits):
    return digits if digits.startswith("0x") else "0x" + digits


def scorer_of(case, wrong=False):
    config = {"context_window": case["context_window"]}
    keys = [case["key"]]
    if case["key_b"]:
        config |= {"key_b": REDACTED, "mixing_probability": case["mixing_probability"]}
        keys.append(case["key_b"])
    made = profile(config)
    SCHEME.check(made)
    lines = ["0xbad" for _ in keys] if wrong else [hex_key(key) for key in keys]
    return SCHEME.bind(made, Secret("\n".join(lines).encode() + b"\n"))


def judged(scorer, ids):
    marks = scorer.marks(ids)
    return scorer.judge(marks.at(first_occurrences(marks.fingerprints)))


def case_name(case):
    return f"{'two keys' if case['key_b'] else 'one key'} k={case['context_window']}, {case['name']}"


def words(key):
    value = int(key, 16)
    return np.array([value & 0xFFFFFFFF, value >> 32], np.uint64)


def test_the_vectors_hold_for_every_checked_release():
    assert VECTORS["same_outcome_in"] == list(VERSIONS)


@pytest.mark.parametrize("case", VECTORS["hashes"], ids=lambda case: f"k={case['context_window']}")
def test_hashes_and_coins_are_those_of_sglang(case):
    ids = np.array(case["ids"], np.uint64)
    contexts = murmur.hash_contexts(ids, case["context_window"], 0)
    assert contexts.tolist() == case["contexts"]
    tokens = ids[case["context_window"] :]
    assert murmur.hash_tokens(contexts, tokens, *words(case["key"])).tolist() == case["outcomes"]
    assert murmur.coins(contexts, words(case["key"]), words(case["key_b"])).tolist() == case["coins"]


@pytest.mark.parametrize("case", VECTORS["detections"], ids=case_name)
def test_engine_score_is_that_of_sglang(case):
    found = scorer_of(case).engine_score(np.array(case["ids"], np.int64))
    assert found.scored == case["num_contexts"]
    assert found.statistic == pytest.approx(case["score"], rel=1e-12)
    assert found.log_p == pytest.approx(case["log_p_value"], rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("case", VECTORS["detections"], ids=case_name)
def test_marked_text_is_found_and_other_text_is_not(case):
    ids = np.array(case["ids"], np.int64)
    log10_p = judged(scorer_of(case), ids).log_p / math.log(10)
    if case["name"].startswith("marked"):
        assert log10_p < -8
        assert judged(scorer_of(case, wrong=True), ids).log_p / math.log(10) > -4
    else:
        assert log10_p > -4


def test_only_whole_contexts_are_scored_and_no_answer_is_cut_off():
    scorer = SCHEME.bind(profile({"context_window": 3}), Secret(b"7"))
    assert scorer.marks(np.arange(6)).positions.tolist() == [3, 4, 5]
    long = np.random.default_rng(3).integers(0, 50_000, MAX_CONTEXTS + 500)
    assert judged(scorer, long).scored == MAX_CONTEXTS + 500 - 3
    assert scorer.engine_score(long).scored == MAX_CONTEXTS


@pytest.mark.parametrize("length", [0, 1, 4])
def test_documents_no_longer_than_the_context(length):
    scorer = SCHEME.bind(profile(), Secret(b"7"))
    evidence = judged(scorer, np.arange(length))
    assert (evidence.scored, evidence.statistic, evidence.log_p) == (0, 0.0, 0.0)
    assert scorer.engine_score(np.arange(length)).log_p == 0.0


def test_contexts_that_sglang_hashes_alike_are_one_piece_of_evidence():
    """Two different contexts of two ids with one 32-bit hash, found by the birthday rule."""
    left = np.random.default_rng(5).integers(0, 1 << 31, (300_000, 2)).astype(np.uint64)
    rows = np.concatenate([left, np.full((len(left), 1), 9, np.uint64)], axis=1)
    hashes = murmur.hash_contexts(rows.ravel(), 2, 0)[::3]
    order = np.argsort(hashes, kind="stable")
    twins = np.flatnonzero(np.diff(hashes[order]) == 0)
    assert len(twins)
    one, two = left[order[twins[0]]], left[order[twins[0] + 1]]
    assert one.tolist() != two.tolist()
    scorer = SCHEME.bind(profile({"context_window": 2}), Secret(b"7"))
    ids = np.array([*one, 9, *two, 9]).astype(np.int64)
    marks = scorer.marks(ids)
    assert marks.fingerprints[0] == marks.fingerprints[3]
    assert scorer.engine_score(ids).scored == 4


def test_the_coin_takes_key_a_as_often_as_it_should():
    ids = np.random.default_rng(6).integers(0, 50_000, 20_000)
    config = {"key_b": REDACTED, "mixing_probability": 0.8}
    both = SCHEME.bind(profile(config), Secret(b"1\n2")).marks(ids).values
    only_a = SCHEME.bind(profile(), Secret(b"1")).marks(ids).values
    assert np.mean(both == only_a) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("config", "lines"), [({}, 1), ({"key_b": REDACTED}, 2)])
def test_wrong_keys_give_uniform_p_values(config, lines):
    made = profile(config)
    ids = np.random.default_rng(1).integers(0, 50_000, 200)
    keys = np.random.default_rng(2).integers(0, 2**63, (2000, lines))
    found = [
        judged(SCHEME.bind(made, Secret("\n".join(map(str, pair)).encode())), ids).log_p for pair in keys
    ]
    assert kstest(np.exp(found), "uniform").pvalue > 0.001


@pytest.mark.parametrize(
    ("config", "content", "wanted"),
    [
        ({}, b"1\n2", "one integer"),
        ({}, b"deadbeef", "one integer"),
        ({"key_b": REDACTED}, b"1", "2 integers, one a line"),
        ({"key_b": REDACTED}, b"1 2 3", "2 integers, one a line"),
        ({"key_b": REDACTED}, b"1\n0x1fffffffffffffffff", "2 integers, one a line"),
    ],
)
def test_malformed_keys_are_refused_and_not_repeated(config, content, wanted):
    with pytest.raises(Error) as caught:
        SCHEME.bind(profile(config), Secret(content))
    assert caught.value.message == f"the key file does not hold {wanted}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"engine": {"name": "sglang", "version": "0.5.21"}},
            "sglang 0.5.21 is a version that sglang-gumbel was not checked against",
        ),
        (
            {"engine": {"name": "vllm", "version": "0.5.23"}},
            "scheme sglang-gumbel is of sglang, and the profile of vllm",
        ),
        ({"parameters": {"max_probability": 1.0}}, "the profile does not state dual_key"),
        (
            {"parameters": {"max_probability": 1.0, "dual_key": 1}},
            "the profile's parameter dual_key is not true or false",
        ),
        (
            {"parameters": {"max_probability": 1.0, "dual_key": True}},
            "the profile does not state mixing_probability",
        ),
        (
            {"prf": "philox4x32-10"},
            "scheme sglang-gumbel uses murmur3-x86-32, and the profile names another function",
        ),
        ({"deduplication": "none"}, "the profile's deduplication is not SGLang's, which is request"),
    ],
)
def test_profiles_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(Error) as caught:
        SCHEME.check(profile(**changes))
    assert caught.value.message == message
