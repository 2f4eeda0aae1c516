"""Repeated lines, answers left out for what they say, references of one answer, words of the suspect."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from attribute.identity_samples import line, model_folder, written
from countermark.attribute.identity import Identity
from countermark.models.local import LocalModel
from countermark.records.transcripts import Transcript
from countermark.trust.keyfiles import Secret
from running import countermark


def sampled(
    seed: int, *, length: int, again: int, each: int = 6, symbols: int = 4, **fields: object
) -> list[Transcript]:
    """Tokens at random; the first `again` answers to each of 24 prompts stand there twice."""
    generator, lines = np.random.default_rng(seed), []
    for prompt in range(24):
        rows = generator.integers(0, symbols, (each, length)).tolist()
        lines += [line(0, [prompt], row, **fields) for row in (*rows, *rows[:again])]
    return numbered(lines)


def numbered(lines: Sequence[Transcript]) -> list[Transcript]:
    from msgspec.structs import replace

    return [replace(one, id=str(at)) for at, one in enumerate(lines)]


def problems(tmp_path: Path, ours: list[Transcript], theirs: list[Transcript]) -> list[str]:
    reference = written(tmp_path / "r.jsonl", ours)
    return Identity(reference, permutations=199).examine(written(tmp_path / "s.jsonl", theirs)).problems


@pytest.mark.parametrize(
    ("length", "ours", "theirs"), [(12, 0, 6), (40, 0, 2), (40, 0, 1), (40, 6, 6), (12, 6, 0), (2, 0, 6)]
)
def test_repeated_lines_that_name_no_call_withhold_the_verdict(
    tmp_path: Path, length: int, ours: int, theirs: int
) -> None:
    found = problems(tmp_path, sampled(1, length=length, again=ours), sampled(2, length=length, again=theirs))
    assert any("repeat others in all but the id" in one for one in found), found


def test_one_answer_a_prompt_beside_a_doubled_reference(tmp_path: Path) -> None:
    found = problems(tmp_path, sampled(1, length=12, again=6), sampled(2, length=12, again=0, each=1))
    assert any("reference: 144 lines repeat others" in one for one in found), found


def test_answers_that_meet_by_chance_withhold_it_no_more_often_than_the_level(tmp_path: Path) -> None:
    runs = [
        problems(
            tmp_path,
            sampled(2 * seed, length=2, again=0, symbols=3),
            sampled(2 * seed + 1, length=2, again=0, symbols=3),
        )
        for seed in range(12)
    ]
    assert sum(map(bool, runs)) <= 1  # Binomial(12, 0.01) is above that with a chance of 0.6%


def test_long_answers_doubled_on_both_sides_that_never_meet_are_a_problem(tmp_path: Path) -> None:
    """A cache: each call has an id, and each side one answer twice."""
    rows = {seed: np.random.default_rng(seed).integers(0, 4, (24, 40)).tolist() for seed in (1, 2)}
    ours, theirs = (
        [line(at, [at // 2], rows[seed][at // 2], headers={"request-id": f"{seed}-{at}"}) for at in range(48)]
        for seed in rows
    )
    assert any("100% of its answers stand twice" in one for one in problems(tmp_path, ours, theirs))


def test_one_answer_of_the_reference_to_each_prompt_is_not_testable(tmp_path: Path) -> None:
    one = [sampled(seed, length=12, again=0, each=1) for seed in (1, 2)]
    assert "not testable: the reference has two answers to fewer than 5 prompts" in problems(tmp_path, *one)


def test_empty_answers_count_where_the_reference_is_sampled_here(tmp_path: Path) -> None:
    """One model against itself; some of its first tokens end the answer."""
    folder = model_folder(tmp_path / "m", eos_token_id=list(range(5, 20)))
    prompts = np.random.default_rng(0).integers(20, 64, (30, 3)).tolist()
    rows = [row for row in prompts for _ in range(10)]
    sampled_ids = LocalModel.open(folder).generate(rows, max_tokens=8, temperature=1.0, seed=3)
    lines = [
        line(at, row, ids, problem="" if ids else "empty answer")
        for at, (row, ids) in enumerate(zip(rows, sampled_ids, strict=True))
    ]
    empty = sum(bool(one.problem) for one in lines)
    assert 30 < empty < 200
    examined = Identity(folder, permutations=199, samples=10).examine(written(tmp_path / "s.jsonl", lines))
    assert not any("carry a problem" in one for one in examined.problems)
    assert examined.properties["answers a prompt"] == 10
    assert examined.tests[0].p_value > 0.05


def test_answers_left_out_for_what_they_say_are_a_problem_beside_a_folder(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m")
    lines = sampled(2, length=8, again=0, each=2, symbols=60)
    for kind, told in (("silently cut: no finish reason", True), ("rate limit: HTTP 429", False)):
        changed = [*lines, line(999, [3], [], problem=kind)]
        found = Identity(folder, permutations=99, samples=2).examine(written(tmp_path / "s.jsonl", changed))
        assert any("left out for what they answer" in one for one in found.problems) == told


def test_words_of_the_suspect_are_not_repeated(tmp_path: Path) -> None:
    odd = {"temperature": 1.0, "max_tokens": 8, "copied": "stolen, trained on", "stop": "stolen"}
    ours = written(tmp_path / "r.jsonl", sampled(1, length=8, again=0))
    theirs = written(tmp_path / "s.jsonl", sampled(2, length=8, again=0, parameters=odd))
    for reference in (ours, model_folder(tmp_path / "m")):
        given = ("--reference", reference, "--suspect", theirs, "--permutations", "99", "--samples", "2")
        done = countermark("attribute", "identity", *given, "--out", tmp_path / "a")
        text = done.out + (tmp_path / "a" / "attribution.json").read_text()
        assert done.code == 11
        assert "another parameter, stop" in text
        assert not {"copied", "stolen"} & set(text.replace('"', " ").replace(",", " ").split())


def test_a_seed_of_a_seed_file_is_not_told(tmp_path: Path) -> None:
    ours = written(tmp_path / "r.jsonl", sampled(1, length=8, again=0))
    theirs = written(tmp_path / "s.jsonl", sampled(2, length=8, again=0))
    secret = Identity(ours, permutations=99, seed=Secret(b"ab" * 16)).examine(theirs)
    assert "seed" not in secret.parameters
    assert "seed" in Identity(ours, permutations=99).examine(theirs).parameters
    assert secret.draws


def test_a_changed_byte_of_the_suspect_draws_nothing_anew(tmp_path: Path) -> None:
    ours = written(tmp_path / "r.jsonl", sampled(1, length=8, again=0))
    lines = sampled(2, length=8, again=0)
    attributor = Identity(ours, permutations=199)
    one, other = (
        attributor.examine(written(tmp_path / "s.jsonl", [*numbered(lines[:-1]), last]))
        for last in (lines[-1], line(7777, [23], lines[-1].token_ids or []))
    )
    assert [test.p_value for test in one.tests] == [test.p_value for test in other.tests]
