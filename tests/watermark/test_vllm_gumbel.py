"""vLLM's schemes against what the releases answered (vectors/generators/record_vllm.py), and their laws."""

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln, logsumexp
from scipy.stats import kstest

from countermark.errors import Error
from countermark.stats import gamma
from countermark.trust.keyfiles import Secret
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.from_engine.vllm import profile_from
from countermark.watermark.prf import philox
from countermark.watermark.profile import Engine, Profile, Tokenizer
from countermark.watermark.schemes.exponentials import lower_exponentials
from countermark.watermark.schemes.integer_keys import MOST, integers
from countermark.watermark.schemes.vllm_gumbel import (
    VERSIONS,
    VllmDualKeyGumbel,
    VllmGumbel,
    derive_key,
    engine_exponentials,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/engines/vllm.json").read_text())
LN10 = math.log(10)


def profile(scheme="vllm-gumbel", *, width=4, scope="single_turn", version="0.33.0", **parameters):
    parameters = {
        "deduplicate_contexts_max_history": 8192,
        "allow_target_only_watermarking": False,
    } | parameters
    return Profile(
        engine=Engine("vllm", version),
        scheme=scheme,
        prf="philox4x32-10",
        context_width=width,
        deduplication=scope,
        parameters=parameters,
        tokenizer=Tokenizer("test"),
        key_id="k",
        epoch="2026-Q4",
    )


def scorer_of(case, key=None):
    config = {name: case[name] for name in ("algorithm", "context_width", "deduplicate_contexts")}
    if case["alpha"] is not None:
        config["alpha"] = case["alpha"]
    fields = profile_from(config, VECTORS["version"])
    made = msgspec.convert(fields | {"tokenizer": {"name": "t"}, "key_id": "k", "epoch": "e"}, Profile)
    scheme = VllmGumbel() if case["alpha"] is None else VllmDualKeyGumbel()
    assert made.scheme == scheme.name
    scheme.check(made)
    return scheme.bind(made, Secret(str(key or case["key"]).encode()))


def judged(scorer, ids):
    marks = scorer.marks(ids)
    return scorer.judge(marks.at(first_occurrences(marks.fingerprints)))


def case_name(case):
    return f"{case['algorithm']} {case['alpha']} k={case['context_width']}, {case['name']}"


def test_the_vectors_hold_for_every_checked_release():
    assert VECTORS["same_outcome_in"] == list(VERSIONS)


@pytest.mark.parametrize("case", VECTORS["prf"], ids=lambda case: f"k={case['context_width']}")
def test_words_and_uniforms_are_those_of_vllm(case):
    width = case["context_width"]
    padded = np.array([2**32 - 1] * width + case["ids"], np.uint64)
    hashes = philox.hash_windows(padded, width, *philox.key_words(int(case["key"], 16)))
    assert (hashes >> np.uint64(32)).tolist() == case["words"]
    expected = -np.log1p(-np.array(case["uniforms"]))
    assert engine_exponentials(hashes >> np.uint64(40)).tolist() == expected.tolist()


def test_keys_a_and_b_are_derived_as_in_vllm():
    for row in VECTORS["derived_keys"]:
        assert derive_key(int(row["key"], 16), row["domain"].encode()) == int(row["derived"], 16)


@pytest.mark.parametrize("case", VECTORS["detections"], ids=case_name)
def test_engine_score_is_that_of_vllm(case):
    found = scorer_of(case).engine_score(np.array(case["ids"], np.int64))
    assert found.scored == case["num_scored_tokens"]
    assert found.statistic == pytest.approx(case["score"], rel=1e-12)
    if case["log10_p_value"] is None:
        assert found.log_p / LN10 < -300
    else:
        assert found.log_p / LN10 == pytest.approx(case["log10_p_value"], rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("case", VECTORS["detections"], ids=case_name)
def test_marked_text_is_found_and_other_text_is_not(case):
    ids = np.array(case["ids"], np.int64)
    evidence = judged(scorer_of(case), ids)
    if case["name"].startswith("marked"):
        assert evidence.log_p / LN10 < -7
        assert judged(scorer_of(case, key=123456789), ids).log_p / LN10 > -4
    else:
        assert evidence.log_p / LN10 > -4
    assert evidence.exact is False


def test_beyond_float64_the_moment_matched_figure_is_continued():
    """Against the tail of the Gamma law as the integral of its density."""
    case = next(c for c in VECTORS["detections"] if c["alpha"] == 0.1 and c["log10_p_value"] is None)
    variance = 0.9**2 + 0.1**2
    shape, x = case["num_scored_tokens"] / variance, case["score"] / variance
    at_x = (shape - 1) * math.log(x) - x - gammaln(shape)
    rest, _ = quad(lambda y: math.exp((shape - 1) * math.log1p(y / x) - y), 0, np.inf, epsabs=0, epsrel=1e-12)
    found = scorer_of(case).engine_score(np.array(case["ids"], np.int64))
    assert found.log_p == pytest.approx(at_x + math.log(rest), rel=1e-10)


def exact_dual_key(x, n, alpha):
    """ln P(alpha A + (1 - alpha) B >= x), A and B Gamma(n): a geometric number of the small exponentials
    makes one of the large, so the sum is alpha Gamma(2n + N) with N negative binomial; all terms positive."""
    p = alpha / (1 - alpha)
    more = np.arange(int(60 * n / p))
    log_pmf = gammaln(n + more) - gammaln(n) - gammaln(more + 1) + n * np.log(p) + more * np.log1p(-p)
    return logsumexp(log_pmf + gamma.log_sf(x / alpha, 2 * n + more))


def test_vllm_claims_ten_to_the_minus_95_where_the_truth_is_92_5():
    alpha, n, x = 0.1, 950, 1651.03
    variance = (1 - alpha) ** 2 + alpha**2
    engine = float(gamma.log_sf(x / variance, n / variance)) / LN10
    truth = exact_dual_key(x, n, alpha) / LN10
    assert (round(engine, 1), round(truth, 1)) == (-95.0, -92.5)


@pytest.mark.parametrize(("alpha", "n", "x"), [(0.1, 40, 60.0), (0.25, 300, 500.0), (0.1, 200, 515.1)])
def test_dual_key_p_value_is_above_the_truth_and_the_saddlepoint_near_it(alpha, n, x):
    scheme = VllmDualKeyGumbel()
    scorer = scheme.bind(profile(scheme.name, alpha=alpha), Secret(b"5"))
    ids = np.arange(n)
    marks = scorer.marks(ids)
    # cells that give the statistic wanted, the same for all pairs and both keys
    cell = np.uint64((1 - math.exp(-x / n)) * 2**24)
    values = np.full(n, (cell << np.uint64(24)) | cell)
    evidence = scorer.judge(type(marks)(marks.fingerprints, values, marks.positions))
    truth = exact_dual_key(evidence.statistic, n, alpha)
    assert evidence.scored == n
    assert truth < evidence.log_p < truth + 6
    assert evidence.log_saddlepoint == pytest.approx(truth, abs=0.01)


def test_dual_key_at_one_half_has_the_gamma_law():
    scheme = VllmDualKeyGumbel()
    scorer = scheme.bind(profile(scheme.name, alpha=0.5), Secret(b"5"))
    evidence = judged(scorer, np.arange(50))
    assert evidence.log_p == pytest.approx(float(gamma.log_sf(2 * evidence.statistic, 100)), rel=1e-12)


def test_at_alpha_zero_the_dual_key_is_key_a():
    ids = np.arange(80)
    dual = VllmDualKeyGumbel().bind(profile("vllm-dual-key-gumbel", alpha=0.0), Secret(b"5"))
    one = VllmGumbel().bind(profile(), Secret(str(derive_key(5, b"key_a")).encode()))
    assert judged(dual, ids) == judged(one, ids)


def test_weights_leave_the_bound_valid_and_equal_ones_agree():
    scheme = VllmDualKeyGumbel()
    scorer = scheme.bind(profile(scheme.name, alpha=0.1), Secret(b"5"))
    marks = scorer.marks(np.arange(60))
    equal = type(marks)(marks.fingerprints, marks.values, marks.positions, np.ones(60))
    assert scorer.judge(equal).log_p == pytest.approx(scorer.judge(marks).log_p, abs=1e-9)
    single = VllmGumbel().bind(profile(), Secret(b"5"))
    marks = single.marks(np.arange(60))
    weighted = type(marks)(marks.fingerprints, marks.values, marks.positions, np.linspace(0, 1, 60))
    assert single.judge(weighted).log_p <= 0


def test_every_token_of_an_answer_is_scored_unless_the_first_are_never_marked():
    ids = np.arange(10)
    one_turn = VllmGumbel().bind(profile(), Secret(b"1")).marks(ids)
    both_turns = VllmGumbel().bind(profile(scope="all"), Secret(b"1")).marks(ids)
    assert one_turn.positions.tolist() == list(range(10))
    assert both_turns.positions.tolist() == list(range(4, 10))
    assert both_turns.values.tolist() == one_turn.values[4:].tolist()


@pytest.mark.parametrize("ids", [[], [3], [3, 1, 4]])
def test_documents_shorter_than_the_context(ids):
    for scope, scored in (("single_turn", len(ids)), ("all", 0)):
        scorer = VllmGumbel().bind(profile(scope=scope), Secret(b"1"))
        evidence = judged(scorer, np.array(ids, np.int64))
        assert evidence.scored == scored
        assert scored or (evidence.statistic, evidence.log_p) == (0.0, 0.0)


@pytest.mark.parametrize("scheme", [VllmGumbel(), VllmDualKeyGumbel()], ids=lambda scheme: scheme.name)
def test_wrong_keys_give_uniform_p_values(scheme):
    made = profile(scheme.name, **({"alpha": 0.1} if scheme.name == "vllm-dual-key-gumbel" else {}))
    ids = np.random.default_rng(1).integers(0, 50_000, 200)
    keys = np.random.default_rng(2).integers(0, 2**63, 2000)
    found = [judged(scheme.bind(made, Secret(str(key).encode())), ids) for key in keys]
    if scheme.name == "vllm-gumbel":
        assert kstest(np.exp([e.log_p for e in found]), "uniform").pvalue > 0.001
    else:
        assert np.mean(np.exp([e.log_p for e in found]) <= 0.05) <= 0.05
        assert kstest(np.exp([e.log_saddlepoint for e in found]), "uniform").pvalue > 0.001


def test_lower_ends_of_cells_are_at_most_the_engines_exponentials():
    cells = np.array([0, 1, 1 << 23, (1 << 24) - 1], np.uint64)
    lower = lower_exponentials(cells, 24)
    assert lower[0] == 0
    assert (lower <= -np.log1p(-(cells.astype(float) + 1 - 1e-9) / 2**24)).all()
    assert lower[-1] == pytest.approx(24 * math.log(2))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1 2",
        b"x",
        b"-1",
        b"0x",
        b"18446744073709551616",
        b"1.5",
        b"1_0",
        b"+1",
        b"0x1ffffffffffffffff",
        b"\xff",
    ],
)
def test_malformed_keys_are_refused_and_not_repeated(content):
    with pytest.raises(Error) as caught:
        VllmGumbel().bind(profile(), Secret(content))
    assert caught.value.message in (
        "the key file does not hold one integer",
        "an integer in the key file is out of the engine's range",
    )
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"42", b"0x2a\n", b" 0X2A "])
def test_keys_in_decimal_and_hex(content):
    assert integers(Secret(content), 1, 0, MOST) == [42]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "0.29.0"}, "vllm 0.29.0 is a version that vllm-dual-key-gumbel was not checked against"),
        ({"scope": "per_request"}, "the profile's deduplication is not one that vLLM has"),
        ({"alpha": 1.5}, "the profile's parameter alpha is not a number from 0 to 1"),
        ({"alpha": "0.1"}, "the profile's parameter alpha is not a number from 0 to 1"),
        ({"beta": 1}, "the profile has parameters that scheme vllm-dual-key-gumbel does not know: beta"),
    ],
)
def test_profiles_that_do_not_fit_are_refused(change, message):
    made = profile("vllm-dual-key-gumbel", **({"alpha": 0.1} | change))
    with pytest.raises(Error) as caught:
        VllmDualKeyGumbel().check(made)
    assert caught.value.message == message
