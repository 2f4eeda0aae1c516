"""Scores: the law against enumeration, calibration by redraws, doubts about a suspect's answers."""

import itertools
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from attribute.canary.making import NOW, SECRET, drawn, knows, simple, transcripts
from countermark.attribute.base import Examined
from countermark.attribute.canary import Canary, law
from countermark.attribute.canary.draw import DrawnItem, draw
from countermark.attribute.canary.serving import Served
from countermark.attribute.verdict import conclude
from countermark.errors import Error
from countermark.trust.keyfiles import Secret


def words(canary: Canary, examined: Examined) -> str:
    return conclude(canary, examined, [], alpha=0.01, family=1, in_case=False).words


def test_the_law_of_hits_is_that_of_all_draws() -> None:
    sizes, taken = [2, 3, 3, 4], [1, 0, 2, 3]
    draws = list(itertools.product(*(range(size) for size in sizes)))
    for hits in range(6):
        reached = sum(sum(a == b for a, b in zip(one, taken, strict=True)) >= hits for one in draws)
        expected = math.log(reached / len(draws)) if reached else -math.inf
        assert law.log_sf(hits, sizes) == pytest.approx(expected, abs=1e-10)
    tails = np.cumsum(law.pmf(sizes)[::-1])[::-1]
    np.testing.assert_allclose(np.log(tails), [law.log_sf(at, sizes) for at in range(5)], atol=1e-10)


def test_the_smallest_number_of_hits_and_the_smallest_share() -> None:
    sizes = [4] * 40
    wanted = law.critical(sizes, math.log(0.01))
    assert wanted is not None
    assert law.log_sf(wanted, sizes) <= math.log(0.01) < law.log_sf(wanted - 1, sizes)
    share = law.detectable_share(sizes, sizes, 0.01)
    assert share is not None
    generator = np.random.default_rng(1)
    known = generator.random((20_000, 40)) < share
    hits = (known | (generator.random((20_000, 40)) < 0.25)).sum(axis=1)
    assert np.mean(hits >= wanted) == pytest.approx(0.8, abs=0.01)
    assert law.critical([2] * 3, math.log(0.01)) is None
    assert law.detectable_share([2] * 3, [2] * 3, 0.01) is None
    assert law.detectable_share(sizes, sizes[:10], 0.01) is None


def test_redraws_of_the_choices_never_pass_more_often_than_stated() -> None:
    """A fixed suspect, of any habits, against 250 secrets; one-sided 99%."""
    choices = simple([2, 3, 4] * 8)
    sizes = [len(one.options) for one in choices.items]
    taken = [at % 2 for at in range(len(sizes))]
    habits = np.random.default_rng(3)
    scores = [habits.random(size) for size in sizes]
    passed: Counter[float] = Counter()
    exceeded: Counter[float] = Counter()
    trials = 250
    for trial in range(trials):
        canaries = draw(choices, Secret(f"{trial + 1:032x}".encode()), len(sizes), now=NOW).canaries
        drawn_options = [one.drawn for one in canaries]
        hits = sum(a == b for a, b in zip(taken, drawn_options, strict=True))
        _, reached = law.rank(scores, drawn_options, habits)
        for level in (0.5, 0.1, 0.02):
            passed[level] += law.log_sf(hits, sizes) <= math.log(level)
            exceeded[level] += (1 + reached) / (law.DRAWS + 1) <= level
    for level in (0.5, 0.1, 0.02):
        for counts in (passed, exceeded):
            lower = beta.ppf(0.01, counts[level], trials - counts[level] + 1) if counts[level] else 0.0
            assert lower <= level


def test_a_suspect_that_knows_the_choices_is_shown(tmp_path: Path) -> None:
    canaries = drawn()
    canary = Canary(canaries)
    examined = canary.examine(transcripts(tmp_path / "t.jsonl", canaries, knows(0.6)))
    assert words(canary, examined) == f"not independent of key {canaries.key_id}"
    hits, rank = examined.tests
    assert (hits.n, hits.exact, hits.decides, rank.decides) == (60, True, True, False)
    assert hits.p_value < 1e-6
    assert rank.p_value == pytest.approx(1e-4)
    assert 0.05 < examined.minimum_detectable["share"] < 0.5


def test_under_another_secret_nothing_is_shown(tmp_path: Path) -> None:
    canaries = drawn(204)
    path = transcripts(tmp_path / "t.jsonl", canaries, knows(1.0))
    wrong = Canary(drawn(204, "ff" * 16))
    examined = wrong.examine(path)
    assert words(wrong, examined) == "not shown"
    assert examined.tests[0].p_value > 0.01


def test_what_is_written_tells_no_choice(tmp_path: Path) -> None:
    canaries = drawn()
    examined = Canary(canaries).examine(transcripts(tmp_path / "t.jsonl", canaries, knows(1.0)))
    text = repr((examined.tests, examined.parameters, examined.problems, examined.properties))
    assert canaries.nonce not in text
    assert not any(item.id in text for item in canaries.canaries)


def test_a_canary_without_an_answer_is_no_hit_and_stays_counted(tmp_path: Path) -> None:
    canaries = drawn()
    asked = {one.id for one in canaries.canaries[:40]}

    def answer(item: DrawnItem) -> str | None:
        return item.options[item.drawn] if item.id in asked else None

    hits = Canary(canaries).examine(transcripts(tmp_path / "t.jsonl", canaries, answer)).tests[0]
    assert (hits.n, hits.statistic, hits.exact) == (60, 40.0, False)
    sizes = [len(one.options) for one in canaries.canaries]
    assert hits.log10_p_value == pytest.approx(law.log_sf(40, sizes) / math.log(10))


def test_only_what_was_served_counts(tmp_path: Path) -> None:
    canaries = drawn()
    served = Counter({one.id: 1 for one in canaries.canaries[:25]})
    canary = Canary(canaries, served=Served(served, 0, 0))
    examined = canary.examine(transcripts(tmp_path / "t.jsonl", canaries, knows(1.0)))
    assert examined.tests[0].n == 25
    assert examined.parameters["canaries_never_served"] == 35
    with pytest.raises(Error, match="no canary of this set was served"):
        Canary(canaries, served=Served(Counter(), 0, 0))


def test_several_samples_have_one_vote_and_ties_fall_by_the_seed(tmp_path: Path) -> None:
    canaries = draw(simple([2] * 400), Secret(SECRET.encode()), 400, now=NOW)
    lines = []
    for item in canaries.canaries:
        for at, option in enumerate(item.options):
            lines.append(json.dumps({"id": f"{item.id} {at}", "prompt_id": item.id, "answer": option}))
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(lines))
    hits = Canary(canaries).examine(path).tests[0].statistic
    assert hits == Canary(canaries).examine(path).tests[0].statistic
    assert hits is not None
    assert 200 - 2.33 * 10 < hits < 200 + 2.33 * 10  # the standard deviation is 10
    seeds = (Secret(one * 16) for one in (b"aa", b"bb", b"cc", b"dd", b"ee"))
    others = {Canary(canaries, seed=one).examine(path).tests[0].statistic for one in seeds}
    assert others != {hits}  # one of them may well give as many


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda item: "I would rather not say.", "no answer shows an option"),
        (lambda item: item.options[0], "same position"),
        (lambda item: "Marlow", "are the same"),
    ],
)
def test_a_suspect_that_chooses_nothing_is_inconclusive(tmp_path: Path, answer: object, reason: str) -> None:
    canaries = drawn(204)
    canary = Canary(canaries)
    examined = canary.examine(transcripts(tmp_path / "t.jsonl", canaries, answer))
    assert any(reason in one for one in examined.problems)
    assert words(canary, examined) == "inconclusive"


def test_too_few_canaries_are_inconclusive(tmp_path: Path) -> None:
    canaries = draw(simple([2] * 6), Secret(SECRET.encode()), 6, now=NOW)
    canary = Canary(canaries)
    examined = canary.examine(transcripts(tmp_path / "t.jsonl", canaries, knows(1.0)))
    assert "too few" in examined.problems[0]
    assert words(canary, examined) == "inconclusive"


def test_a_prompt_that_leaks_the_answer_is_inconclusive(tmp_path: Path) -> None:
    canaries = draw(simple([4] * 30), Secret(SECRET.encode()), 30, now=NOW)
    path = tmp_path / "t.jsonl"
    lines = [
        {
            "id": one.id,
            "prompt_id": one.id,
            "prompt": f"{one.prompt}\nWe like {one.options[one.drawn]}.",
            "answer": one.options[one.drawn],
        }
        for one in canaries.canaries
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    canary = Canary(canaries)
    examined = canary.examine(path)
    assert "leak" in examined.problems[0]
    assert words(canary, examined) == "inconclusive"


def test_a_canary_that_was_asked_in_other_words_is_inconclusive(tmp_path: Path) -> None:
    canaries = drawn()
    path = transcripts(tmp_path / "t.jsonl", canaries, knows(1.0), prompt="Say anything.")
    assert "other words" in Canary(canaries).examine(path).problems[0]


@pytest.mark.parametrize("fields", [{"sent": "2026-11-30T00:00:00Z"}, {}])
def test_duplicated_transcripts_are_inconclusive(tmp_path: Path, fields: dict[str, str]) -> None:
    canaries = drawn()
    path = transcripts(tmp_path / "t.jsonl", canaries, knows(1.0), **fields)
    lines = path.read_text().splitlines()
    twice = [json.dumps({**json.loads(line), "id": f"again {at}"}) for at, line in enumerate(lines * 2)]
    path.write_text("\n".join(lines + twice))
    canary = Canary(canaries)
    examined = canary.examine(path)
    assert "repeat others" in examined.problems[0]
    assert examined.tests[0].n == 60


def test_answers_with_a_problem_are_not_used(tmp_path: Path) -> None:
    canaries = drawn()
    path = transcripts(tmp_path / "t.jsonl", canaries, knows(1.0), problem="refused")
    examined = Canary(canaries).examine(path)
    assert examined.tests[0].statistic == 0
    assert examined.tests[0].details["unusable"] == 60
