"""SynthID: the engines' g-values, masks and scores; the law over all key classes; calibration; errors."""

import math

import numpy as np
import pytest
from hf_profiles import synthid_profile, vectors

from countermark.errors import Error
from countermark.trust.keyfiles import Secret
from countermark.watermark.prf import lcg
from countermark.watermark.prf.torch_random import random_bits
from countermark.watermark.schemes import synthid_law
from countermark.watermark.schemes.base import Marks
from countermark.watermark.schemes.synthid import SynthIdText, TransformersSynthId, layer_weights

FILES = ("transformers-synthid.json", "synthid-text-0.2.1.json", "synthid-text-addb4a1.json")
CASES = [
    pytest.param(
        case, file["engine"], file["version"], id=f"{file['engine']}-{file['version']}-{case['name']}"
    )
    for file in map(vectors, FILES)
    for case in file["documents"]
]


def bind(keys, **options):
    profile = synthid_profile(depth=len(keys), **options)
    scheme = TransformersSynthId() if profile.engine.name == "transformers" else SynthIdText()
    scheme.check(profile)
    return scheme.bind(profile, Secret("\n".join(map(str, keys)).encode()))


def bind_case(case, engine, version, **options):
    return bind(
        case["keys"],
        engine=engine,
        version=version,
        ngram_len=case["ngram_len"],
        history=case["context_history_size"],
        size=case.get("sampling_table_size", 65536),
        seed=case.get("sampling_table_seed", 0),
        **options,
    )


def distinct(marks):
    return marks.at(np.sort(np.unique(marks.fingerprints, return_index=True)[1]))


def judged(scorer, ids):
    return scorer.judge(distinct(scorer.marks(np.asarray(ids, dtype=np.int64))))


def g_values(case, version):
    """Our g-values of every ngram, shape (ngrams, depth)."""
    ids, start = np.array(case["ids"]), 1
    if version == "addb4a1":
        start = lcg.start_value(case["keys"])
    offsets = lcg.offsets(start, case["keys"], case["ngram_len"])
    states = lcg.states(ids, case["ngram_len"], 0)[1]
    if version == "addb4a1":
        return np.stack([lcg.iterated_bits(states, offset) for offset in offsets], axis=1)
    table = lcg.table_by_sum(random_bits(case["sampling_table_size"], case["sampling_table_seed"]))
    return table[(states[:, None] + offsets) & np.uint64(len(table) - 1)]


@pytest.mark.parametrize(("case", "engine", "version"), CASES)
def test_g_values_and_masks_are_the_recorded_ones(case, engine, version):
    ours = ["".join(map(str, row)) for row in g_values(case, version).tolist()]
    assert ours == case["g_values"]
    kept = np.array([bit == "1" for bit in case["context_repetition_mask"]])
    marks = bind_case(case, engine, version).marks(np.array(case["ids"]))
    assert marks.positions.tolist() == (np.flatnonzero(kept) + case["ngram_len"] - 1).tolist()


@pytest.mark.parametrize(("case", "engine", "version"), CASES)
def test_the_engines_mean_scores_come_out(case, engine, version):
    ids = np.array(case["ids"])
    kept = np.array([bit == "1" for bit in case["context_repetition_mask"]])
    g = np.array([[int(bit) for bit in row] for row in case["g_values"]])[kept]
    uniform, linear = (
        bind_case(case, engine, version, weights=w).engine_score(ids) for w in ("uniform", "linear")
    )
    weights = np.linspace(10, 1, len(case["keys"]))
    assert (uniform.scored, uniform.log_p) == (len(g), None)
    assert uniform.statistic == pytest.approx(g.mean(), rel=1e-14)
    assert linear.statistic == pytest.approx((g @ weights / weights.sum()).mean(), rel=1e-14)
    if "mean_score" in case:  # 32-bit arithmetic
        assert uniform.statistic == pytest.approx(case["mean_score"], rel=1e-6)
        assert linear.statistic == pytest.approx(case["weighted_mean_score"], rel=1e-6)


@pytest.mark.parametrize("case", vectors(FILES[0])["documents"], ids=lambda c: c["name"])
def test_the_eos_mask_is_the_document_cut_before_its_first_eos(case):
    end = case["ids"].index(case["eos_token_id"])
    eos = case["eos_token_mask"]
    assert eos == "1" * end + "0" * (len(eos) - end)
    both = [
        a == b == "1"
        for a, b in zip(case["context_repetition_mask"], eos[case["ngram_len"] - 1 :], strict=True)
    ]
    score = bind_case(case, "transformers", "5.23.0").engine_score(np.array(case["ids"][:end]))
    assert (score.scored if score else 0) == sum(both)


@pytest.mark.parametrize("version", ["5.23.0", "0.2.1", "addb4a1"])
@pytest.mark.parametrize("weights", ["uniform", "linear"])
def test_marked_text_is_found_and_a_wrong_key_finds_nothing(version, weights):
    engine = "transformers" if version == "5.23.0" else "synthid-text"
    name = f"{engine}-synthid.json" if engine == "transformers" else f"{engine}-{version}.json"
    for case in vectors(name)["documents"]:
        if case["name"] == "marked" and len(case["keys"]) > 4:
            right = bind_case(case, engine, version, weights=weights)
            wrong = bind_case(
                case | {"keys": [k + 77 for k in case["keys"]]}, engine, version, weights=weights
            )
            assert judged(right, case["ids"]).log_p < math.log(1e-6)
            assert judged(wrong, case["ids"]).log_p > math.log(1e-4)


def test_all_key_classes_by_one_transform_are_what_each_key_gives():
    size, rng = 256, np.random.default_rng(1)
    table = random_bits(size, 4)
    ids = rng.integers(0, 50, 300)
    states = lcg.states(ids, 3, 0)[1]
    hashed = synthid_law.TableHash(lcg.offsets(1, [5], 3), table)
    counts = hashed.layers(states, None).counts
    for key in range(size):
        g = table[(((states + lcg.offsets(1, [key], 3)) * lcg.MULTIPLIER + np.uint64(1)) % np.uint64(size))]
        assert counts[int(lcg.offsets(1, [key], 3)[0]) % size] == g.sum()


def test_the_law_is_what_all_65536_keys_give():
    ids = np.random.default_rng(2).integers(0, 900, 200)
    scorer = bind([31], ngram_len=3)
    marks = distinct(scorer.marks(ids))
    table = random_bits(65536, 0)
    offsets = lcg.offsets(1, list(range(65536)), 3)
    ones = np.zeros(65536, np.int64)
    for state in marks.values:
        ones += table[((state + offsets) * lcg.MULTIPLIER + np.uint64(1)) & np.uint64(65535)]
    evidence = scorer.judge(marks)
    assert "exact convolution" in evidence.law
    assert not evidence.exact  # a key of 31 was not drawn uniformly
    drawn = bind([31 + (5 << 40)], ngram_len=3).judge(marks)
    assert (drawn.exact, drawn.log_p) == (True, evidence.log_p)
    assert evidence.statistic == ones[31] / len(marks)
    assert math.exp(evidence.log_p) == pytest.approx((ones >= ones[31]).mean(), rel=1e-12)


@pytest.mark.parametrize("weights", ["uniform", "linear"])
def test_the_law_of_two_layers_is_what_all_pairs_of_classes_give(weights):
    ids = np.random.default_rng(3).integers(0, 40, 60)
    scorer = bind([9, 21], size=64, seed=3, ngram_len=2, weights=weights)
    marks = distinct(scorer.marks(ids))
    hashed = synthid_law.TableHash(lcg.offsets(1, [9, 21], 2), random_bits(64, 3))
    layers = hashed.layers(marks.values, None)
    factors = layer_weights(2, weights)
    sums = np.add.outer(factors[0] * layers.counts, factors[1] * layers.counts)
    evidence = scorer.judge(marks)
    assert "exact convolution" in evidence.law
    assert math.exp(evidence.log_p) == pytest.approx((sums >= factors @ layers.ones).mean(), rel=1e-10)


def test_states_that_repeat_count_as_often_as_they_are_and_nothing_saturates():
    # every state occurs, one of them often: the law is still the exact one over all keys
    scorer = bind([17], size=16, ngram_len=2)
    states = np.concatenate([np.arange(16), np.full(30, 5)]).astype(np.uint64)
    p = [
        math.exp(bind([key], size=16, ngram_len=2).judge(Marks(states, states, states)).log_p)
        for key in range(16)
    ]
    table = random_bits(16, 0)
    assert sorted(set(p)) == pytest.approx(sorted({table.mean(), 1.0}))
    every = np.arange(16, dtype=np.uint64)
    assert scorer.judge(Marks(every, every, every)).log_p == 0.0


def test_linear_weights_are_those_of_the_mean_detector():
    for depth in (2, 9, 10, 30):
        weights = np.linspace(10, 1, depth)
        ours = layer_weights(depth, "linear")
        assert ours / ours.sum() == pytest.approx(weights / weights.sum())
    assert layer_weights(10, "linear").tolist() == list(range(10, 0, -1))
    assert layer_weights(1, "linear").tolist() == [1]


def test_the_bound_is_above_the_exact_law_and_the_saddlepoint_figure_near_it(monkeypatch):
    rng = np.random.default_rng(5)
    counts = rng.binomial(300, 0.5, 65536).astype(float)
    law = synthid_law.LayerLaw.of(counts, rounded=False)
    weights = layer_weights(10, "linear")
    monkeypatch.setattr(synthid_law, "LATTICE", 1 << 20)
    for total in (8300, 8400, 8800, 9300, 10_000):
        exact = synthid_law.log_weighted_sf(law, total, weights)
        tail = synthid_law.bound(law, total, weights.astype(float))
        assert tail.log_bound >= exact
        assert tail.log_saddlepoint == pytest.approx(exact, rel=0.05, abs=0.1)
    top = int(law.values[-1]) * 55
    all_top = 10 * math.log(law.probabilities[-1])
    assert synthid_law.bound(law, top, weights.astype(float)).log_bound == pytest.approx(all_top)
    assert synthid_law.log_weighted_sf(law, top, weights) == pytest.approx(all_top)


def test_depth_0_takes_as_many_keys_as_the_file_has():
    ids = np.random.default_rng(6).integers(0, 300, 200)
    keys = Secret(b"101\n202\n303\n")
    open_, stated = (TransformersSynthId().bind(synthid_profile(depth=depth), keys) for depth in (0, 3))
    assert open_.judge(open_.marks(ids)) == stated.judge(stated.marks(ids))


def test_weights_of_pairs_raise_no_false_find():
    keys = list(range(1000, 1000 + 9 * 7919, 7919))
    ids = np.random.default_rng(6).integers(0, 300, 200)
    for version in ("5.23.0", "addb4a1"):
        scorer = bind(keys, version=version, engine="transformers" if version == "5.23.0" else "synthid-text")
        marks = distinct(scorer.marks(ids))
        even = Marks(marks.fingerprints, marks.values, marks.positions, np.full(len(marks), 0.7))
        plain, weighted = scorer.judge(marks), scorer.judge(even)
        assert weighted.statistic == pytest.approx(plain.statistic)
        assert plain.log_p <= weighted.log_p + 1e-9 or version == "addb4a1"
        assert weighted.log_p <= 0.0


@pytest.mark.parametrize(
    ("version", "weights"),
    [("5.23.0", "uniform"), ("5.23.0", "linear"), ("addb4a1", "uniform"), ("addb4a1", "linear")],
)
def test_p_values_over_random_keys_are_never_too_small(version, weights):
    rng = np.random.default_rng(len(version) + len(weights))
    engine = "transformers" if version == "5.23.0" else "synthid-text"
    ids = rng.zipf(1.4, 300) % 200
    marks = distinct(bind([1, 2, 3], version=version, engine=engine).marks(ids))
    p = []
    for _ in range(400):
        keys = rng.integers(0, 2**63, 5).tolist()
        p.append(math.exp(bind(keys, version=version, engine=engine, weights=weights).judge(marks).log_p))
    for level in (0.5, 0.2, 0.05):
        assert (np.array(p) <= level).mean() <= level + 3 * math.sqrt(level * (1 - level) / len(p))
    if version == "5.23.0":
        assert (np.array(p) <= 0.5).mean() > 0.4


def test_iterated_g_values_are_fair_but_correlate_in_pairs_so_no_law_is_called_exact():
    rng = np.random.default_rng(9)
    states = rng.integers(0, 2**64, 200_000, dtype=np.uint64)
    g = lcg.iterated_bits(states, np.uint64(0))
    assert abs(g.mean() - 0.5) < 5 * 0.5 / math.sqrt(len(g))
    shifts = rng.integers(1, 2**64, 60, dtype=np.uint64)
    correlations = [2 * (lcg.iterated_bits(states, shift) == g).mean() - 1 for shift in shifts]
    assert 0.02 < np.std(correlations) < 0.04
    assert abs(np.mean(correlations)) < 0.015
    scorer = bind([5, 9], engine="synthid-text", version="addb4a1")
    assert not judged(scorer, rng.integers(0, 99, 50)).exact


def test_repeats_are_looked_for_within_the_history_only():
    contexts = np.array([5, 6, 5, 7, 8, 5, 0, 9], np.uint64)
    assert np.flatnonzero(lcg.repeated(contexts, 2, False)).tolist() == [2]
    assert np.flatnonzero(lcg.repeated(contexts, 3, False)).tolist() == [2, 5]
    assert np.flatnonzero(lcg.repeated(contexts, 7, True)).tolist() == [2, 5, 6]  # the engine's zeros
    assert not lcg.repeated(contexts, 0, True).any()


@pytest.mark.parametrize("ids", [[], [4], [4, 5, 6, 7]])
def test_short_documents(ids):
    scorer = bind([1, 2])
    assert len(scorer.marks(np.array(ids, np.int64))) == 0
    assert judged(scorer, ids).scored == 0
    assert scorer.engine_score(np.array(ids, np.int64)) is None


def test_marks_hold_nothing_of_the_key():
    ids = np.random.default_rng(1).integers(0, 99, 80)
    for engine, version in (("transformers", "5.23.0"), ("synthid-text", "addb4a1")):
        one, other = (bind(keys, engine=engine, version=version).marks(ids) for keys in ([1, 2], [7, 8]))
        assert one.values.tolist() == other.values.tolist()
        assert one.fingerprints.tolist() == other.fingerprints.tolist()


@pytest.mark.parametrize(
    "content", ["1", "1\n2\n3", "1\n", "a\nb", "77\n77", "1\n0x1", "12345\n" + str(2**63), "1.5\n2"]
)
def test_malformed_keys_are_refused_and_not_repeated(content):
    with pytest.raises(Error) as caught:
        TransformersSynthId().bind(synthid_profile(depth=2), Secret(content.encode()))
    assert "\n" not in caught.value.message
    assert "77" not in caught.value.message
    assert "12345" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": "4.46.0"}, "not checked against"),
        ({"size": 65535}, "no power of two"),
        ({"depth": -1}, "depth"),
        ({"depth": 2.5}, "not a whole number"),
        ({"weights": "falling"}, "neither uniform nor linear"),
        ({"ngram_len": 1}, "ngram_len"),
        ({"engine": "synthid-text"}, "is of transformers"),
    ],
)
def test_profiles_that_are_not_the_engines_are_refused(options, words):
    with pytest.raises(Error, match=words) as caught:
        TransformersSynthId().check(synthid_profile(**options))
    assert "\n" not in caught.value.message


def test_the_iterated_hash_has_no_table():
    import msgspec

    profile = synthid_profile(engine="synthid-text", version="addb4a1")
    with pytest.raises(Error, match="sampling_table_seed"):
        SynthIdText().check(
            msgspec.structs.replace(profile, parameters=profile.parameters | {"sampling_table_seed": 0})
        )
    with pytest.raises(Error, match="prf"):
        SynthIdText().check(msgspec.structs.replace(profile, prf="synthid-table"))


def test_the_key_of_every_layer_is_found_again_in_marked_text():
    """Sixteen effective bits: what a run through all classes finds in 3,000 tokens (see the benchmark)."""
    keys, rng = [654, 40_000, 8_361_111], np.random.default_rng(4)
    table = random_bits(65536, 0)
    offsets = lcg.offsets(1, keys, 3)
    # a tournament over uniform candidates, written plainly: 2^3 candidates, three rounds
    ids = [3, 4]
    for _ in range(3000):
        candidates = rng.integers(0, 5000, 8)
        windows = np.array([[*ids[-2:], c] for c in candidates])
        states = np.array([lcg.states(w, 3, 0)[1][0] for w in windows])
        for offset in offsets:
            g = table[((states + offset) * lcg.MULTIPLIER + np.uint64(1)) & np.uint64(65535)].reshape(-1, 2)
            wins = np.where(g[:, 0] == g[:, 1], rng.integers(0, 2, len(g)), g.argmax(axis=1))
            chosen = np.arange(len(g)) * 2 + wins
            states, candidates = states[chosen], candidates[chosen]
        ids.append(int(candidates[0]))
    scorer = bind(keys, ngram_len=3)
    marks = distinct(scorer.marks(np.array(ids)))
    hashed = synthid_law.TableHash(offsets, table)
    counts = hashed.layers(marks.values, None).counts
    assert set(np.argsort(counts)[-3:].tolist()) == {int(o) & 65535 for o in offsets}
    assert scorer.judge(marks).log_p / math.log(10) == pytest.approx(3 * math.log10(1 / 65536), rel=0.15)


def test_transformers_itself_gives_the_same_g_values_and_masks():
    torch = pytest.importorskip("torch", reason="the oracle is transformers' own processor")
    transformers = pytest.importorskip("transformers", reason="the oracle is transformers' own processor")
    rng = np.random.default_rng(8)
    for ngram_len, history in ((2, 1), (4, 6), (5, 1024)):
        options = {
            "ngram_len": ngram_len,
            "keys": rng.integers(-(2**63), 2**63, 6).tolist(),
            "sampling_table_size": 4096,
            "sampling_table_seed": int(rng.integers(2**40)),
            "context_history_size": history,
        }
        processor = transformers.SynthIDTextWatermarkLogitsProcessor(**options, device=torch.device("cpu"))
        ids = rng.integers(0, 6, 90)
        row = torch.tensor(ids[None])
        assert np.array_equal(
            g_values(options | {"ids": ids}, "5.23.0"), processor.compute_g_values(row)[0].numpy()
        )
        mask = processor.compute_context_repetition_mask(row)[0].numpy()
        marks = bind_case(options, "transformers", "5.23.0").marks(ids)
        assert (marks.positions - ngram_len + 1).tolist() == np.flatnonzero(mask).tolist()


def test_the_bound_serves_where_a_lattice_is_large(monkeypatch):
    case = next(c for c in vectors(FILES[0])["documents"] if c["name"] == "marked")
    scorer = bind_case(case, "transformers", "5.23.0", weights="linear")
    monkeypatch.setattr(synthid_law, "LATTICE", 1 << 20)
    exact = judged(scorer, case["ids"])
    monkeypatch.setattr(synthid_law, "LATTICE", 10)
    bounded = judged(scorer, case["ids"])
    assert "exact convolution" in exact.law
    assert "Chernoff" in bounded.law
    assert exact.log_p <= bounded.log_p
    assert bounded.log_saddlepoint == pytest.approx(exact.log_p, rel=0.02)
