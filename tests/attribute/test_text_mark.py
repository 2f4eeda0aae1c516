"""`TextMark`: one body, each window once, prompts left out, and what makes it inconclusive."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from marked_worlds import KEY_B, SCHEMES, VOCABULARY, key_of, language, leaning_text, own_key, texts

from countermark.attribute.text import TextMark
from countermark.attribute.verdict import conclude
from countermark.errors import Error, ExitCode
from countermark.watermark.scoring import Detector, Document

LAWS = language(2, 0.3)


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps({"id": f"t{at}"} | one) + "\n" for at, one in enumerate(lines)))
    return path


def answers(count: int = 60, key: Any = None, seed: int = 1) -> list[dict[str, Any]]:
    found = texts(LAWS, count, 41, seed, key)
    return [{"prompt_ids": one[:1].tolist(), "token_ids": one[1:].tolist()} for one in found]


def verdict_of(attributor: TextMark, path: Path) -> Any:
    examined = attributor.examine(path)
    return conclude(
        attributor, examined, [], alpha=0.01, family=len(attributor.keys), in_case=False
    ), examined


def test_a_marked_body_is_shown_under_its_key_alone(tmp_path: Path) -> None:
    source = write(tmp_path / "t.jsonl", answers(key=own_key()))
    keys = [own_key(), own_key(KEY_B)]
    verdict, examined = verdict_of(TextMark(keys, decoys=19), source)
    assert verdict.words == f"not independent of key {keys[0].name}"
    assert [one.verdict for one in verdict.conclusions] == [verdict.words, "not shown"]
    assert [test.name for test in examined.tests if test.decides] == ["mark in text"] * 2
    assert examined.tests[1].p_value == pytest.approx(1 / 20)
    assert examined.minimum_detectable["share"] < 1


def test_without_prompts_the_law_is_that_of_watermark_score(tmp_path: Path) -> None:
    found = texts(LAWS, 20, 40, 3)
    source = write(tmp_path / "t.jsonl", [{"token_ids": one.tolist()} for one in found])
    key = own_key()
    test = TextMark([key], decoys=0).examine(source).tests[0]
    evidence = Detector.open(key.profile, key.secret).score([Document(one) for one in found]).evidence
    assert test.n == evidence.scored
    assert test.log10_p_value == pytest.approx(evidence.log_p / math.log(10))
    assert test.exact


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_once(name: str, tmp_path: Path) -> None:
    key = key_of(name)
    bodies = [{"token_ids": leaning_text(key, 120, seed).tolist()} for seed in range(3)]
    test = TextMark([key], decoys=5).examine(write(tmp_path / "t.jsonl", bodies)).tests[0]
    assert test.p_value < 1e-6
    assert test.details["decoys_at_least_as_high"] == 0
    assert bool(test.details.get("weak")) == (name != "own")


def test_marked_prompts_do_not_count(tmp_path: Path) -> None:
    marked = texts(LAWS, 60, 41, 4, own_key())
    mine = texts(LAWS, 60, 41, 5)
    echo = [
        {"prompt_ids": one.tolist(), "token_ids": [*one[10:20].tolist(), *two.tolist()]}
        for one, two in zip(marked, mine, strict=True)
    ]
    test = TextMark([own_key()], decoys=0).examine(write(tmp_path / "t.jsonl", echo)).tests[0]
    assert test.details["in_prompts"] > 500
    assert test.p_value > 1e-3
    assert not test.exact  # a bound, where a context stands in a prompt


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([{"prompt": "x", "problem": "refused"}] * 3, "answered nothing"),
        ([{"token_ids": []}] * 3, "answered nothing"),
        ([{"prompt_ids": [at], "token_ids": list(range(60))} for at in range(30)], "1 different answers"),
        ([{"prompt_ids": [1], "token_ids": [5, 6]}], "fewer than 100"),
    ],
)
def test_a_body_that_can_say_nothing_is_inconclusive(
    lines: list[dict[str, Any]], words: str, tmp_path: Path
) -> None:
    verdict, _ = verdict_of(TextMark([own_key()], decoys=0), write(tmp_path / "t.jsonl", lines))
    assert verdict.words == "inconclusive"
    assert words in " ".join(verdict.reasons)


def test_repeated_transcripts_are_dropped_and_too_many_are_a_problem(tmp_path: Path) -> None:
    some = answers(key=own_key())
    one = TextMark([own_key()], decoys=0)
    once = one.examine(write(tmp_path / "a.jsonl", some))
    twice = one.examine(write(tmp_path / "b.jsonl", [*some, *some[:20]]))
    assert twice.parameters["counts"]["repeated"] == 20
    assert twice.tests[0].statistic == once.tests[0].statistic
    assert not twice.problems
    verdict, _ = verdict_of(one, write(tmp_path / "c.jsonl", some * 3))
    assert verdict.words == "inconclusive"
    assert "120 of 180 transcripts repeat" in verdict.reasons[0]


def test_prompts_that_leak_the_answers_are_a_problem(tmp_path: Path) -> None:
    leaks = [
        {"prompt_ids": one.tolist(), "token_ids": one.tolist()} for one in texts(LAWS, 60, 41, 6, own_key())
    ]
    fresh = answers(10)
    verdict, _ = verdict_of(TextMark([own_key()], decoys=0), write(tmp_path / "t.jsonl", [*leaks, *fresh]))
    assert verdict.words == "inconclusive"
    assert "leak" in verdict.reasons[0]


def test_unknown_prompts_are_named_as_an_explanation(tmp_path: Path) -> None:
    lines = [{"token_ids": one["token_ids"]} for one in answers()]
    test = TextMark([own_key()], decoys=0).examine(write(tmp_path / "t.jsonl", lines)).tests[0]
    assert any("not in the transcripts" in one for one in test.alternatives)


def test_ids_of_another_tokenizer_and_missing_files_are_no_input(tmp_path: Path) -> None:
    outside = write(tmp_path / "t.jsonl", [{"prompt_ids": [1], "token_ids": [VOCABULARY, 1, 2]}])
    text = write(tmp_path / "u.jsonl", [{"prompt_ids": [1], "answer": "words"}])
    for path in (outside, tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(Error) as caught:
            TextMark([own_key()]).examine(path)
        assert caught.value.exit_code == ExitCode.NO_INPUT
    with pytest.raises(Error, match="no tokenizer is given"):
        TextMark([own_key()]).examine(text)


def test_pictures_draw(tmp_path: Path) -> None:
    from countermark.attribute.pictures import write_pictures

    examined = TextMark([own_key()], decoys=5).examine(write(tmp_path / "t.jsonl", answers(key=own_key())))
    names = write_pictures(tmp_path, examined.pictures)
    assert names == [f"tokens-{own_key().name}.svg"]
    assert "decoys" in (tmp_path / names[0]).read_text()


def test_nothing_secret_stands_in_what_comes_out(tmp_path: Path) -> None:
    examined = TextMark([own_key()], decoys=3).examine(write(tmp_path / "t.jsonl", answers()))
    shown = repr(examined) + repr(np.array([1]))
    assert own_key().secret.reveal().decode() not in shown


def test_prompts_count_whichever_line_they_stand_on(tmp_path: Path) -> None:
    """A first line without a prompt once made all prompts unread."""
    found = texts(LAWS, 6, 40, 3)
    lines = [
        {"id": str(at), "token_ids": one.tolist(), "prompt_ids": one.tolist()} for at, one in enumerate(found)
    ]
    lines.insert(0, {"id": "first", "token_ids": texts(LAWS, 1, 40, 4)[0].tolist()})
    examined = TextMark([own_key()], decoys=0).examine(write(tmp_path / "t.jsonl", lines))
    assert any("prompts leak" in one for one in examined.problems)


def test_ids_out_of_range_and_keys_given_twice_are_errors(tmp_path: Path) -> None:
    lines = [{"id": "a", "token_ids": [1, 2, 1 << 64], "prompt_ids": [1]}]
    with pytest.raises(Error, match="token id"):
        TextMark([own_key()], decoys=0).examine(write(tmp_path / "t.jsonl", lines))
    with pytest.raises(Error, match="twice"):
        TextMark([own_key(), own_key()])
    with pytest.raises(Error, match="decoys"):
        TextMark([own_key()], decoys=-5)


def test_selfhash_with_prompts_is_inconclusive(tmp_path: Path) -> None:
    """Its lists hang on single ids of a window, which windows of prompts do not tell."""
    first, second = texts(LAWS, 2, 300, 3)
    lines = [{"id": "a", "token_ids": first.tolist(), "prompt_ids": second[:60].tolist()}]
    examined = TextMark([key_of("selfhash")], decoys=0).examine(write(tmp_path / "t.jsonl", lines))
    assert any("selfhash" in one for one in examined.problems)
