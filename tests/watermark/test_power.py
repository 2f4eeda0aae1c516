"""`countermark power` against sums in closed form, and against real marks made by the definition."""

import json
import math

import numpy as np
import pytest
from scipy.integrate import quad

from countermark.cli.power import power as power_command
from countermark.errors import Error
from countermark.trust.keyfiles import Secret
from countermark.watermark.power import (
    GREEN,
    GUMBEL,
    Pair,
    Question,
    green_pair,
    gumbel_pair,
    zipf,
)
from countermark.watermark.prf.siphash import domain_word, hash_windows, key_words, pack_windows
from countermark.watermark.scoring import Detector, Document
from watermark_samples import own_profile


@pytest.mark.parametrize("entropy", [0.01, 0.5, 1.5, 4.0, 9.0])
def test_the_reference_distribution_has_the_entropy_asked_for(entropy: float) -> None:
    p = zipf(entropy)
    assert p.sum() == pytest.approx(1)
    assert -(p[p > 0] @ np.log(p[p > 0])) == pytest.approx(entropy, rel=1e-9)
    assert (np.diff(p) <= 0).all()


@pytest.mark.parametrize("entropy", [0.0, -1.0, 11.0])
def test_an_entropy_that_cannot_be_is_refused(entropy: float) -> None:
    with pytest.raises(Error, match="nats"):
        zipf(entropy)


@pytest.mark.parametrize("p", [[1.0], [0.5, 0.5], [0.7, 0.2, 0.1]])
def test_gumbel_moments_against_integrals(p: list[float]) -> None:
    """U of the winner i has density u^(1/p_i - 1) / p_i."""

    def moment(power: int, one: float) -> float:
        return quad(lambda u: (-math.log1p(-u)) ** power * u ** (1 / one - 1) / one, 0, 1)[0]

    pair = gumbel_pair(np.array(p))
    first = sum(one * moment(1, one) for one in p)
    second = sum(one * moment(2, one) for one in p)
    assert pair.mean == pytest.approx(first, rel=1e-6)
    assert pair.variance == pytest.approx(second - first**2, rel=1e-5)


def test_a_token_that_is_certain_says_nothing() -> None:
    assert gumbel_pair(np.array([1.0])) == Pair(1.0, 1.0, pytest.approx(1.0), pytest.approx(1.0))


def test_green_share_of_two_tokens_in_closed_form() -> None:
    p, gamma, delta = np.array([0.6, 0.4]), 0.25, 2.0
    odds = [(mass, math.exp(delta) * mass / (1 + mass * math.expm1(delta))) for mass in (0, 0.6, 0.4, 1)]
    chances = [(1 - gamma) ** 2, gamma * (1 - gamma), gamma * (1 - gamma), gamma**2]
    expected = sum(chance * green for chance, (_, green) in zip(chances, odds, strict=True))
    assert green_pair(p, gamma, delta).mean == pytest.approx(expected, abs=0.02)


def rate_of_passing(
    question: Question, law: "np.typing.NDArray[np.float64]", share: float, trials: int
) -> float:
    """How many of texts of 200 tokens pass whose tokens are, at this share, the winners of Gumbel-max over
    `law` under the real scheme, and random else."""
    generator = np.random.default_rng(11)
    profile, passed, width = own_profile(4, 1 << 20), 0, 4
    candidates = np.arange(len(law), dtype=np.uint64)
    for _ in range(trials):
        key = generator.bytes(16)
        ids = generator.integers(0, 1 << 20, width + 200)
        for at in np.flatnonzero(generator.permutation(200) < share * 200) + width:
            words = np.repeat(
                pack_windows(np.append(ids[at - width : at], 0).astype(np.uint64), width), len(law), 1
            )
            words[-1] |= candidates
            hashes = hash_windows(words, *key_words(key), domain_word(width))
            uniform = ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
            ids[at] = np.argmax(np.log(uniform) / law)
        score = Detector.open(profile, Secret(key.hex().encode())).score([Document(ids)])
        assert score.evidence.scored >= 199
        passed += score.evidence.log_p <= math.log(question.alpha)
    return passed / trials


@pytest.mark.parametrize("trials", [600, pytest.param(10_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.2])
def test_gumbel_power_against_the_real_scheme(share: float, trials: int) -> None:
    law = zipf(1.5, 50)
    question = Question(GUMBEL, gumbel_pair(law), 0.01)
    predicted = question.power(200, share)
    found = rate_of_passing(question, law, share, trials)
    # the model's normal sum is itself off by up to 0.02 here, at a length of 200
    assert abs(found - predicted) < 3 * math.sqrt(predicted * (1 - predicted) / trials) + 0.02


@pytest.mark.parametrize("pairs", [100, 1000])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_gumbel_power_against_simulated_sums(pairs: int, share: float) -> None:
    law, trials = zipf(1.5, 50), 4000
    question = Question(GUMBEL, gumbel_pair(law), 0.01)
    generator = np.random.default_rng(3)
    marked = round(share * pairs)
    winners = generator.choice(law, (trials, marked), p=law)
    scores = -np.log(generator.beta(1, 1 / winners))
    sums = scores.sum(axis=1) + generator.gamma(pairs - marked, 1, trials)
    found = float((sums >= question.threshold(pairs)).mean())
    assert found == pytest.approx(question.power(pairs, share), abs=0.04)


@pytest.mark.parametrize("pairs", [100, 2000])
def test_green_power_against_simulated_counts(pairs: int) -> None:
    pair = green_pair(zipf(1.5), 0.25, 2.0)
    question = Question(GREEN, pair, 0.01, 10)
    generator = np.random.default_rng(3)
    marked = pairs // 5
    counts = generator.binomial(marked, pair.mean, 5000) + generator.binomial(pairs - marked, 0.25, 5000)
    found = float((counts >= question.threshold(pairs)).mean())
    assert found == pytest.approx(question.power(pairs, 0.2), abs=0.04)


def test_least_share_and_length_pass_with_the_probability_they_say() -> None:
    question = Question(GUMBEL, gumbel_pair(zipf(1.0)), 0.001, 50)
    for level in (0.5, 0.9):
        share, pairs = question.least_share(3000, level), question.least_pairs(0.05, level)
        assert share is not None
        assert pairs is not None
        assert question.power(3000, share) == pytest.approx(level, abs=1e-6)
        assert question.power(pairs, 0.05) >= level > question.power(pairs - 1, 0.05) - 1e-9


def test_what_cannot_be_shown_is_none() -> None:
    question = Question(GUMBEL, gumbel_pair(zipf(0.5)), 0.01, 10**6)
    assert question.least_share(3, 0.9) is None
    assert question.least_pairs(0.0, 0.9) is None


def test_the_command_states_its_model_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    power_command(tokens=2000, share=0.1)
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "1.5 nats a token" in text
    assert "Zipf" in text
    power_command(tokens=2000, share=0.1, scheme="green-list", as_json=True)
    content = json.loads(capsys.readouterr().out)
    assert content["schema"] == "countermark/power/v1"
    assert (content["pairs"], content["gamma"], content["delta"]) == (1996, 0.25, 2.0)
    assert 0 < content["least_share"]["0.5"] < content["least_share"]["0.9"] < 1


def test_wrong_options_are_usage_errors() -> None:
    for wrong in ({"alpha": 0.0}, {"share": 1.5}, {"scheme": "synthid"}, {"delta": -1.0}, {"gamma": 1.0}):
        with pytest.raises(Error) as caught:
            power_command(**{"tokens": 100, "share": 0.5, **wrong})
        assert caught.value.exit_code == 2
