"""transformers' green list: the engine's own figures, the exact law, calibration over keys, errors."""

import itertools
import math

import numpy as np
import pytest
from hf_profiles import green_profile, vectors
from scipy.stats import hypergeom

from countermark.errors import Error
from countermark.stats import binomial, convolution
from countermark.trust.keyfiles import Secret
from countermark.watermark.prf.torch_random import among_first
from countermark.watermark.schemes import green_law
from countermark.watermark.schemes.base import Marks
from countermark.watermark.schemes.green_list import GreenList
from countermark.watermark.schemes.green_sets import GreenSets

DETECTIONS = vectors("transformers-green-list.json")["detections"]


def bind(key, **options):
    return GreenList().bind(green_profile(**options), Secret(str(key).encode()))


def distinct(marks):
    return marks.at(np.sort(np.unique(marks.fingerprints, return_index=True)[1]))


def judged(scorer, ids):
    return scorer.judge(distinct(scorer.marks(np.asarray(ids, dtype=np.int64))))


@pytest.mark.parametrize("case", DETECTIONS, ids=lambda c: f"{c['name']}-{c['seeding']}{c['context_width']}")
def test_the_engines_figures_come_out(case):
    scorer = bind(
        case["key"],
        seeding=case["seeding"],
        width=case["context_width"],
        gamma=case["greenlist_ratio"],
        unique=case["ignore_repeated_ngrams"],
    )
    score = scorer.engine_score(np.array(case["ids"]))
    if case.get("refused"):
        assert score is None
        return
    assert score.scored == case["num_tokens_scored"]
    assert score.statistic == pytest.approx(case["z_score"], rel=1e-12)
    if 0 < case["p_value"] < 0.5:
        assert score.log_p / math.log(10) == pytest.approx(math.log10(case["p_value"]), rel=1e-9)
    elif case["p_value"]:
        assert math.exp(score.log_p) == pytest.approx(case["p_value"], rel=1e-12)
    else:
        assert score.log_p < -700


def test_some_recorded_p_values_underflow_and_ours_go_on():
    assert any(case.get("p_value") == 0.0 for case in DETECTIONS)


@pytest.mark.parametrize("name", ["marked", "underflows"])
def test_marked_text_is_found_and_a_wrong_key_finds_nothing(name):
    for case in DETECTIONS:
        if case["name"] != name or case["ignore_repeated_ngrams"]:
            continue
        options = {
            "seeding": case["seeding"],
            "width": case["context_width"],
            "gamma": case["greenlist_ratio"],
        }
        assert judged(bind(case["key"], **options), case["ids"]).log_p < math.log(1e-6)
        assert judged(bind(case["key"] + 2, **options), case["ids"]).log_p > math.log(1e-4)


def test_the_law_is_the_convolution_of_hypergeometric_counts():
    scorer, rng = bind(991, vocab=40, gamma=0.3), np.random.default_rng(1)
    ids = rng.integers(1, 8, 60)
    marks = distinct(scorer.marks(ids))
    sizes = np.unique(marks.values >> np.uint64(32), return_counts=True)[1]
    assert sizes.max() > 3
    pmf = np.ones(1)
    for size in sizes:
        pmf = np.convolve(pmf, hypergeom(40, 12, size).pmf(np.arange(size + 1)))
    evidence = scorer.judge(marks)
    assert evidence.exact
    assert math.exp(evidence.log_p) == pytest.approx(pmf[int(evidence.statistic) :].sum(), rel=1e-10)


def test_the_law_is_what_all_subsets_give():
    # one seed, three tokens, over all green lists of 3 of 7 ids
    scorer = bind(5, vocab=7, gamma=0.45)
    tokens = np.array([1, 4, 6], np.uint64)
    marks = Marks(tokens, np.uint64(9) << np.uint64(32) | tokens << np.uint64(1) | np.uint64(1), tokens)
    lists = list(itertools.combinations(range(7), 3))
    expected = sum(len({1, 4, 6} & set(green)) >= 3 for green in lists) / len(lists)
    assert math.exp(scorer.judge(marks).log_p) == pytest.approx(expected)


def test_binomial_where_every_seed_is_alone():
    evidence = judged(bind(7), np.arange(1, 200))
    assert evidence.law.startswith("binomial")
    assert evidence.exact


@pytest.mark.parametrize("x", [0, 90, 150, 210, 260, 300])
def test_the_folded_law_is_the_whole_one_at_any_depth(x):
    sizes, powers = np.array([1, 2, 7, 30, 100]), np.array([50, 40, 10, 5, 1])
    parts = []
    for size, power in zip(sizes, powers, strict=True):
        parts.append((hypergeom(400, 100, size).pmf(np.arange(size + 1)), int(power)))
    assert green_law.log_sf(x, 400, 100, sizes, powers) == pytest.approx(
        convolution.log_sf(x, parts), rel=1e-9, abs=1e-10
    )


def test_the_law_at_its_ends():
    # a seed under which every id was seen shows all its green ones, whatever the key
    assert green_law.log_sf(100, 400, 100, np.array([400]), np.array([1])) == 0.0
    assert green_law.log_sf(101, 400, 100, np.array([400]), np.array([1])) == -math.inf
    all_green = green_law.log_sf(6, 400, 100, np.array([2, 4]), np.array([1, 1]))
    assert all_green == pytest.approx(hypergeom(400, 100, 2).logpmf(2) + hypergeom(400, 100, 4).logpmf(4))


def test_weights_give_a_bound_on_the_same_text():
    scorer, ids = bind(7), np.random.default_rng(4).integers(1, 500, 300)
    marks = distinct(scorer.marks(ids))
    weighted = Marks(marks.fingerprints, marks.values, marks.positions, np.ones(len(marks)))
    plain, other = scorer.judge(marks), scorer.judge(weighted)
    assert plain.statistic == other.statistic
    assert plain.log_p <= other.log_p <= 0
    assert not other.exact


def test_pairs_after_id_0_are_no_marks_because_no_key_moves_their_list():
    ids = np.array([0, 5, 0, 9, 3, 0, 7])
    marks = bind(12345).marks(ids)
    assert marks.positions.tolist() == [2, 4, 5]
    assert (
        bind(3).engine_score(np.array([0, 77])).statistic == bind(8).engine_score(np.array([0, 77])).statistic
    )


@pytest.mark.parametrize(
    ("seeding", "width"), [("lefthash", 1), ("lefthash", 3), ("selfhash", 1), ("selfhash", 4)]
)
def test_p_values_over_random_keys_are_never_too_small(seeding, width):
    rng = np.random.default_rng(width)
    ids = rng.zipf(1.3, 400) % 300
    keys = rng.integers(1, 2**63, 600)
    logs = [judged(bind(key, seeding=seeding, width=width, vocab=300), ids).log_p for key in keys]
    p = np.exp(logs)
    for level in (0.5, 0.2, 0.05):
        assert (p <= level).mean() <= level + 3 * math.sqrt(level * (1 - level) / len(p))
        assert (p <= level).mean() >= level / 2  # the law is discrete, but not idle


def test_the_same_pair_under_one_seed_counts_once_even_with_other_fingerprints():
    scorer, ids = bind(7, seeding="selfhash", width=3), np.random.default_rng(2).integers(1, 12, 200)
    marks = distinct(scorer.marks(ids))
    assert scorer.judge(marks).scored == len(np.unique(marks.values)) < len(marks)


def test_bounded_memory_gives_the_same_lists():
    rng = np.random.default_rng(5)
    seeds = rng.integers(0, 2**32, 512).astype(np.uint32)
    last, tokens = rng.integers(0, 40, 3000), rng.integers(0, 512, 3000).astype(np.uint32)
    large, small = GreenSets(seeds, 128), GreenSets(seeds, 128, memory=7 * 64)
    for part in (slice(0, 1000), slice(900, 3000), slice(0, 10), slice(5, 5)):
        green = among_first(seeds[last[part]], tokens[part], 512, 128)
        assert np.array_equal(large.green(last[part], tokens[part]), green)
        assert np.array_equal(small.green(last[part], tokens[part]), green)


@pytest.mark.parametrize("ids", [[], [4], [4, 5]])
def test_short_documents(ids):
    scorer = bind(9, seeding="selfhash", width=4)
    assert len(scorer.marks(np.array(ids, np.int64))) == 0
    assert judged(scorer, ids).log_p == 0.0
    assert judged(scorer, ids).scored == 0
    assert scorer.engine_score(np.array(ids, np.int64)) is None


def test_ids_outside_the_vocabulary_are_an_error():
    with pytest.raises(Error, match="outside the model's vocabulary of 512"):
        bind(9).marks(np.array([3, 512]))


@pytest.mark.parametrize("content", ["", "abc", "3 4", "0", str(2**63), "1e5", "0x", "-4", "9" * 400])
def test_a_malformed_key_is_refused_and_not_repeated(content):
    with pytest.raises(Error) as caught:
        GreenList().bind(green_profile(), Secret(content.encode()))
    assert "\n" not in caught.value.message
    assert len(content) < 3 or content not in caught.value.message + caught.value.hint


def test_a_key_in_hexadecimal_is_the_same_key():
    ids = np.arange(50)
    assert bind("0xEC4B27\n").marks(ids).values.tolist() == bind(0xEC4B27).marks(ids).values.tolist()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": "4.40.0"}, "not checked against"),
        ({"seeding": "minhash"}, "neither lefthash nor selfhash"),
        ({"gamma": 1.0}, "no token green"),
        ({"gamma": 0.001}, "no token green"),
        ({"vocab": 10.5}, "no token green"),
    ],
)
def test_profiles_that_are_not_the_engines_are_refused(options, words):
    with pytest.raises(Error, match=words) as caught:
        GreenList().check(green_profile(**options))
    assert "\n" not in caught.value.message


def test_the_engines_profile_passes():
    GreenList().check(green_profile())


def test_transformers_itself_detects_the_same():
    pytest.importorskip("torch", reason="the oracle is transformers' own detector")
    transformers = pytest.importorskip("transformers", reason="the oracle is transformers' own detector")
    import torch

    rng = np.random.default_rng(8)
    config = transformers.LlamaConfig(vocab_size=700, bos_token_id=699)
    for seeding, width, unique in itertools.product(("lefthash", "selfhash"), (1, 2, 5), (False, True)):
        key = int(rng.integers(1, 2**63))
        mark = transformers.WatermarkingConfig(0.3, 2.0, key, seeding, width)
        ids = rng.integers(0, 60, 80)  # the BOS, 699, is not among them
        detector = transformers.WatermarkDetector(config, "cpu", mark, ignore_repeated_ngrams=unique)
        out = detector(torch.tensor(ids[None]), return_dict=True)
        score = bind(key, seeding=seeding, width=width, gamma=0.3, vocab=700, unique=unique).engine_score(ids)
        assert (score.scored, score.statistic) == (out.num_tokens_scored[0], pytest.approx(out.z_score[0]))


@pytest.mark.parametrize(
    ("vocabulary", "green", "sizes", "powers"),
    [(1000, 900, [2], [10]), (1000, 900, [2], [40]), (1000, 500, [1, 2], [6, 1]), (512, 128, [1, 2], [2, 1])],
)
def test_every_count_of_a_small_law_is_what_convolution_gives(vocabulary, green, sizes, powers):
    laws = [hypergeom(vocabulary, green, size).pmf(np.arange(size + 1)) for size in sizes]
    whole = np.ones(1)
    for law, power in zip(laws, powers, strict=True):
        for _ in range(power):
            whole = np.convolve(whole, law)
    for count in range(len(whole)):
        found = green_law.log_sf(count, vocabulary, green, np.array(sizes), np.array(powers))
        assert math.exp(found) == pytest.approx(whole[count:].sum(), rel=1e-9)


def test_ten_million_pairs_of_one_seed_each_have_the_binomial_law():
    count, n = 2_505_000, 10_000_000
    found = green_law.log_sf(count, 128_256, 32_064, np.array([1]), np.array([n]))
    assert found == pytest.approx(binomial.log_sf(count, n, 32_064 / 128_256), rel=1e-6)


def test_a_key_under_which_all_lists_are_one_is_refused():
    with pytest.raises(Error, match=r"multiple of 2\^32"):
        bind(3 << 32)
