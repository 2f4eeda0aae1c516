"""Transcripts that cannot carry a comparison: an error, or problems, which make the verdict inconclusive."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from attribute.identity_samples import line, written
from countermark.attribute.identity import Identity
from countermark.errors import Error, ExitCode
from countermark.records.transcripts import Transcript
from models.tiny import tiny_llama
from running import countermark

Lines = list[Transcript]


def sampled(seed: int, *, prompts: int = 8, each: int = 6, length: int = 30, symbols: int = 5) -> Lines:
    """One law for all prompts: tokens at random."""
    generator = np.random.default_rng(seed)
    rows = generator.integers(0, symbols, (prompts * each, length)).tolist()
    return [line(at, [at // each + 1, 9], row) for at, row in enumerate(rows)]


def changed(lines: Lines, change: Callable[[int, Transcript], dict[str, Any]]) -> Lines:
    return [msgspec.structs.replace(one, **change(at, one)) for at, one in enumerate(lines)]


def problems(tmp_path: Path, suspect: Lines, reference: Lines | None = None) -> list[str]:
    ours = written(tmp_path / "r.jsonl", sampled(1) if reference is None else reference)
    attributor = Identity(ours, permutations=999)
    return attributor.examine(written(tmp_path / "s.jsonl", suspect)).problems


def test_two_samples_of_one_law_have_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, sampled(2)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda at, one: {"token_ids": [], "answer": ""}, "answers nothing"),
        (lambda at, one: {"token_ids": [3] * 30}, "same answer to every prompt"),
        (lambda at, one: {"token_ids": [one.prompt_ids[0]] * 30}, "100% of its answers stand twice"),
        (lambda at, one: {"problem": "cut off" if at % 4 == 1 else ""}, "12 of its 48 lines carry a problem"),
        (lambda at, one: {"model": f"m{at % 2}"}, "names 2 models"),
        (lambda at, one: {"parameters": {"temperature": 0.7, "max_tokens": 8}}, "alike: temperature"),
        (lambda at, one: {"parameters": {"temperature": 1, "max_tokens": 9}}, "alike: max_tokens"),
        (lambda at, one: {"parameters": {"temperature": 1, "max_tokens": 8, "top_p": 0.9}}, "alike: top_p"),
        (
            lambda at, one: {"parameters": {"temperature": at % 2, "max_tokens": 8}},
            "more than one temperature",
        ),
        (lambda at, one: {"headers": {"X-Request-ID": f"r{at // 2}"}}, "24 lines are of a call"),
        (
            lambda at, one: {
                "request_sha256": "a",
                "response_sha256": f"{at % 40}",
                "sent": "2026-11-27T00:00:00Z",
            },
            "8 lines are of a call",
        ),
        (
            lambda at, one: {"parameters": {**one.parameters, "seed": at % 6}},
            "42 calls were sent with the seed",
        ),
        (lambda at, one: {"prompt_ids": [one.prompt_ids[0] + 5, 9]}, "the prompts differ: 3 of 13"),
        (lambda at, one: {"prompt_ids": [one.prompt_ids[0] + 5, 9]}, "3 common prompts are too few"),
    ],
)
def test_what_is_wrong_with_the_suspect_is_said(
    tmp_path: Path, change: Callable[[int, Transcript], dict[str, Any]], words: str
) -> None:
    found = problems(tmp_path, changed(sampled(2), change))
    assert any(words in one for one in found), found


def test_each_line_twice_is_a_problem(tmp_path: Path) -> None:
    twice = [msgspec.structs.replace(one, id=f"{at}.{one.id}") for at in range(2) for one in sampled(2)]
    assert any("stand twice" in one for one in problems(tmp_path, twice))
    assert any("reference: 100%" in one for one in problems(tmp_path, sampled(2), twice))


def test_temperature_0_is_no_sample(tmp_path: Path) -> None:
    cold = [
        changed(sampled(seed), lambda at, one: {"parameters": {"temperature": 0, "max_tokens": 8}})
        for seed in (1, 2)
    ]
    assert any("at temperature 0" in one for one in problems(tmp_path, cold[1], cold[0]))


def test_one_call_on_both_sides_is_a_problem(tmp_path: Path) -> None:
    ours, theirs = (
        changed(
            sampled(seed),
            lambda at, one, seed=seed: {"headers": {"request-id": f"{seed if at else 'x'}-{at}"}},
        )
        for seed in (1, 2)
    )
    assert problems(tmp_path, theirs, ours) == ["1 calls stand on both sides"]


def test_one_seed_on_both_sides_is_a_problem(tmp_path: Path) -> None:
    """A deterministic server draws the same numbers for both, and answers alike or nearly so."""
    ours, theirs = (
        changed(sampled(seed), lambda at, one: {"parameters": {**one.parameters, "seed": at}})
        for seed in (1, 2)
    )
    assert problems(tmp_path, theirs, ours) == [
        "calls of both sides were sent with one seed; ask without one"
    ]


@pytest.mark.parametrize(("length", "each"), [(30, 6), (30, 1), (8, 6)])
def test_answers_of_the_reference_are_no_second_sample(tmp_path: Path, length: int, each: int) -> None:
    ours = sampled(1, length=length, each=each)
    same = [msgspec.structs.replace(one, id=f"s{one.id}") for one in ours]
    assert "100% of the suspect's answers stand among the reference's (one seed, or one file)" in problems(
        tmp_path, same, ours
    )


def test_short_answers_may_meet_by_chance(tmp_path: Path) -> None:
    ours, theirs = (sampled(seed, length=1, symbols=3) for seed in (1, 2))
    assert problems(tmp_path, theirs, ours) == []


def test_settings_that_leave_the_law_alone_may_differ(tmp_path: Path) -> None:
    other = {"temperature": 1, "max_completion_tokens": 8, "stream": True, "logprobs": True}
    assert problems(tmp_path, changed(sampled(2), lambda at, one: {"parameters": other})) == []


def test_a_sample_too_small_for_the_level_is_not_testable(tmp_path: Path) -> None:
    """Five prompts with two answers a side have 3^5 distinct assignments, 1/243 at least; one with three."""
    small = [sampled(seed, prompts=5, each=2) for seed in (1, 2)]
    ours = written(tmp_path / "r.jsonl", small[0])
    theirs = written(tmp_path / "s.jsonl", small[1])
    examined = Identity(ours, permutations=999, alpha=0.001).examine(theirs)
    assert examined.problems == ["not testable: no p-value below 0.0041 is possible here"]
    assert examined.minimum_detectable["share"] is None
    given = ("--reference", ours, "--suspect", theirs, "--permutations", "999", "--alpha", "0.001")
    done = countermark("attribute", "identity", *given, "--out", tmp_path / "a")
    assert done.code == ExitCode.INCONCLUSIVE
    assert "verdict: inconclusive" in done.out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda at, one: {"prompt_ids": [77]}, "no prompt in common"),
        (lambda at, one: {"prompt_ids": None}, "does not say what was asked"),
        (lambda at, one: {"prompt_ids": None, "prompt": "x"}, "do not say alike what was asked"),
        (lambda at, one: {"token_ids": None, "answer": "x"}, "cannot be compared"),
        (lambda at, one: {"token_ids": [1 << 40]}, "a token id of an answer"),
        (lambda at, one: {"prompt_ids": [1 << 62]}, "a token id of an answer"),
        (lambda at, one: {"problem": "refused"}, "no usable answer"),
    ],
)
def test_what_cannot_be_compared_is_an_error(
    tmp_path: Path, change: Callable[[int, Transcript], dict[str, Any]], words: str
) -> None:
    with pytest.raises(Error, match=words) as raised:
        problems(tmp_path, changed(sampled(2), change))
    assert raised.value.exit_code == ExitCode.NO_INPUT


def test_parameters_nested_deep_are_no_traceback(tmp_path: Path) -> None:
    deep = '{"id":"1","prompt":"a","answer":"b","parameters":{"x":' + "[" * 900 + "]" * 900 + "}}\n"
    (tmp_path / "s.jsonl").write_text(deep)
    ours = written(tmp_path / "r.jsonl", sampled(1))
    done = countermark(
        "attribute",
        "identity",
        "--reference",
        ours,
        "--suspect",
        tmp_path / "s.jsonl",
        "--out",
        tmp_path / "a",
    )
    assert done.code == ExitCode.NO_INPUT
    assert done.error()


def test_parameters_of_any_kind_can_be_recorded(tmp_path: Path) -> None:
    odd = {"temperature": 1, "a": 1 << 62, "b": {"c": [1 << 62]}, "d" * 1000: "e" * 1000, "f": True}
    sides = [
        written(tmp_path / f"{seed}.jsonl", changed(sampled(seed), lambda at, one: {"parameters": odd}))
        for seed in (1, 2)
    ]
    given = ("--reference", sides[0], "--suspect", sides[1], "--permutations", "999", "--out", tmp_path / "a")
    done = countermark("attribute", "identity", *given)
    assert done.code == ExitCode.DONE, done.err
    assert "e" * 101 not in (tmp_path / "a" / "attribution.json").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parameters": {"max_tokens": 8}}, "do not say a usable temperature"),
        ({"parameters": {"temperature": 1}}, "do not say a usable max_tokens"),
        ({"parameters": {"temperature": 1, "max_tokens": 64}}, "do not fit into the reference model"),
        ({"token_ids": [64]}, "outside the reference's vocabulary"),
        ({"prompt_ids": None, "prompt": "x"}, "the reference has no tokenizer"),
        ({"prompt_ids": None, "messages": [{"role": "user", "content": "x"}]}, "a chat cannot be put"),
        ({"token_ids": None, "answer": "x"}, "the reference has no tokenizer"),
    ],
)
def test_what_a_local_reference_cannot_take_is_an_error(
    tmp_path: Path, folder: Path, change: dict[str, Any], words: str
) -> None:
    lines = changed(sampled(2, each=1, length=8), lambda at, one: change)
    with pytest.raises(Error, match=words):
        Identity(folder, permutations=99).examine(written(tmp_path / "s.jsonl", lines))


def test_settings_that_a_local_reference_cannot_follow_are_a_problem(tmp_path: Path, folder: Path) -> None:
    parameters = {"temperature": 1, "max_tokens": 8, "top_p": 0.9, "presence_penalty": 0}
    lines = changed(sampled(2, each=1, length=8), lambda at, one: {"parameters": parameters})
    examined = Identity(folder, permutations=99).examine(written(tmp_path / "s.jsonl", lines))
    assert examined.problems == ["the reference cannot be sampled with top_p here"]
