"""Ours and a naive second implementation reproduce vectors/gumbel-siphash."""

import hashlib
import json
import math
import sys
from decimal import Decimal
from pathlib import Path

import naive_gumbel_siphash as naive
import numpy as np
import pytest
from sampling_profiles import own_profile

from countermark.stats import gamma
from countermark.trust.keyfiles import Secret
from countermark.watermark.prf import siphash
from countermark.watermark.sampling.answers import Answer, Counts
from countermark.watermark.schemes.gumbel_siphash import GumbelSiphash

VECTORS = Path(__file__).parents[2] / "vectors/gumbel-siphash"
sys.path.insert(0, str(VECTORS))


def entries(name: str) -> list:
    return json.loads((VECTORS / name).read_text())


def words_of(entry: dict) -> tuple:
    return siphash.key_words(bytes.fromhex(entry["key"]))


def blocks(message: bytes) -> np.ndarray:
    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) % 256])
    return np.frombuffer(padded, "<u8")


def test_siphash_is_the_published_one():
    assert len(entries("siphash.json")) == 64
    for entry in entries("siphash.json"):
        message = bytes.fromhex(entry["message"])
        expected = int.from_bytes(bytes.fromhex(entry["output"]), "little")
        assert naive.siphash24(bytes.fromhex(entry["key"]), message) == expected
        assert int(siphash.siphash24(blocks(message), *words_of(entry))) == expected


@pytest.mark.parametrize("entry", entries("windows.json"), ids=lambda e: f"k={len(e['context'])}")
def test_windows(entry):
    key, context, token = bytes.fromhex(entry["key"]), entry["context"], entry["token"]
    k = len(context)
    h = int(entry["h"], 16)
    assert naive.message(context, token).hex() == entry["message"]
    assert naive.siphash24(key, bytes.fromhex(entry["message"])) == h
    assert h >> 11 == entry["m"]
    assert float(naive.score(entry["m"])) == pytest.approx(entry["score"], rel=1e-15, abs=1e-300)
    domain = siphash.domain_word(k)
    windows = siphash.pack_windows(np.array([*context, token], np.uint64), k)
    assert siphash.hash_windows(windows, *words_of(entry), domain).tolist() == [h]
    state = siphash.context_state(np.array(context, np.uint64), *words_of(entry), domain)
    assert siphash.token_hashes(state, np.array([token], np.uint64), k).tolist() == [h]
    statistic = siphash.gumbel_statistic(np.array([h], np.uint64))
    assert statistic == pytest.approx(entry["score"], rel=1e-15, abs=1e-300)


@pytest.mark.parametrize("entry", entries("choices.json"), ids=lambda e: f"k={len(e['context'])}")
def test_choices(entry):
    context, probabilities = entry["context"], entry["probabilities"]
    assert naive.choose(bytes.fromhex(entry["key"]), context, probabilities) == entry["token"]
    k = len(context)
    state = siphash.context_state(np.array(context, np.uint64), *words_of(entry), siphash.domain_word(k))
    for kind in (np.float64, np.float32):
        weights = np.array([probabilities], kind)
        chosen = siphash.choose_tokens(weights, state[np.newaxis], np.array([0]), k)
        assert chosen.tolist() == [entry["token"]]


@pytest.mark.parametrize("entry", entries("answers.json"), ids=lambda e: f"k={e['k']}")
def test_which_positions_are_marked(entry):
    k, ids = entry["k"], entry["ids"]
    assert [naive.is_marked(ids[:at], k) for at in range(len(ids))] == entry["marked"]
    answer, counts, marked = Answer(k), Counts(), []
    for token in ids:
        marked.append(answer.next_context(counts) is not None)
        answer.append(token)
    assert marked == entry["marked"]
    assert counts.marked == sum(marked)
    assert counts.unmarked == len(ids) - sum(marked)


def judge(entry: dict, bodies: list) -> tuple:
    """n, statistic and log10 p of ours."""
    scorer = GumbelSiphash().bind(own_profile(entry["k"]), Secret(entry["key"].encode()))
    marks = [scorer.marks(np.array(ids, np.int64)) for ids in bodies]
    hashes = np.unique(np.concatenate([one.values for one in marks]))
    evidence = scorer.judge(type(marks[0])(hashes, hashes, np.zeros(len(hashes), np.int64)))
    return evidence.scored, evidence.statistic, evidence.log_p / math.log(10)


@pytest.mark.parametrize("entry", entries("documents.json"), ids=lambda e: e["name"])
def test_documents(entry):
    bodies = entry.get("bodies")
    if bodies is None:
        from generate import by_rule

        bodies = [by_rule()]
        assert bodies[0][:40] == entry["first"]
        assert naive.rule_ids(bytes.fromhex(entry["key"]), 4, entry["rule"], 40) == entry["first"]
        assert hashlib.sha256(np.array(bodies[0], "<u4").tobytes()).hexdigest() == entry["sha256"]
        assert len(bodies[0]) == entry["length"]
    expected = [entry["n"], entry["statistic"], entry["log10_p"]]
    assert judge(entry, bodies) == pytest.approx(expected, rel=1e-9)
    some = [ids[:500] for ids in bodies]
    n, statistic = naive.statistic(bytes.fromhex(entry["key"]), entry["k"], some)
    assert [n, float(statistic)] == pytest.approx(judge(entry, some)[:2], rel=1e-9)
    log10_p = naive.log10_p(entry["n"], Decimal(entry["statistic"]))
    assert float(log10_p) == pytest.approx(entry["log10_p"], rel=1e-9)


def test_u_is_never_0_or_1_and_its_logarithms_are_right_at_the_ends():
    top = 2**53 - 1
    for m in (0, 1, 2**52 - 1, 2**52, 2**52 + 1, top - 1, top):
        exact = -naive.uniform(m).ln()
        assert Decimal(0) < naive.uniform(m) < Decimal(1)
        for low in (0, 2**11 - 1):
            found = siphash.exponentials(np.array([(m << 11) + low], np.uint64))[0]
            assert found == pytest.approx(float(exact), rel=1e-14)
            assert 0 < found < 40
    everything = siphash.gumbel_statistic(np.array([2**64 - 1], np.uint64))
    assert everything == pytest.approx(53 * math.log(2), rel=1e-15)
    assert gamma.log_sf(everything, 1) == pytest.approx(-53 * math.log(2))
