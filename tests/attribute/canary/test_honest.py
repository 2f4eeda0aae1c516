"""Draws made after the answers, edited lists of servings, prompts that tell the answer in any words."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from attribute.canary.making import NOW, SECRET, drawn, knows, transcripts
from countermark.attribute.canary import Canary
from countermark.attribute.canary.committed import Committed, committed_in
from countermark.attribute.canary.draw import DrawnItem, publish
from countermark.attribute.canary.serving import Served
from countermark.attribute.canary.taken import Taken
from countermark.trust.keyfiles import Secret
from countermark.trust.log import Log
from countermark.trust.seeds import seed_key_id
from countermark.trust.signing import SigningKey

AFTER, BEFORE = "2026-12-01T00:00:00Z", "2026-11-29T23:59:59Z"


@pytest.mark.parametrize(
    ("committed", "sent", "reason"),
    [
        (Committed(3, NOW), AFTER, ""),
        (Committed(3, NOW), BEFORE, "before the canaries were committed to"),
        (Committed(3, NOW), "", "do not say when"),
        (Committed(3, NOW), "yesterday", "do not say when"),
        (Committed(), AFTER, "has no commitment"),
    ],
)
def test_in_a_case_the_draw_comes_before_the_answers(
    tmp_path: Path, committed: Committed, sent: str, reason: str
) -> None:
    canaries = drawn()
    path = transcripts(tmp_path / "t.jsonl", canaries, knows(1.0), sent=sent)
    problems = Canary(canaries, committed=committed).examine(path).problems
    assert [reason in one for one in problems] == ([True] if reason else [])


@pytest.mark.parametrize(("day", "count"), [(None, 1), (NOW.date(), 1), (date(2026, 12, 1), 0)])
def test_weights_need_a_day_after_the_commitment(day: date | None, count: int) -> None:
    found = Taken([0], "logits", [None])
    assert len(Committed(3, NOW, day).problems(found)) == count


def test_the_log_holds_the_commitment_of_this_very_draw(tmp_path: Path) -> None:
    log = Log.create(tmp_path / "book", "example.org/log", SigningKey.generate())
    assert committed_in(tmp_path / "book", drawn()) == Committed()
    entry = publish(log, drawn())
    assert committed_in(tmp_path / "book", drawn()) == Committed(entry.index, entry.time)
    assert committed_in(tmp_path / "book", drawn(50)) == Committed()
    assert committed_in(tmp_path / "none", drawn()) == Committed()


def test_in_a_case_a_list_of_servings_decides_nothing(tmp_path: Path) -> None:
    canaries = drawn()
    path = transcripts(tmp_path / "t.jsonl", canaries, knows(0.3), sent=AFTER)
    hit = {one["prompt_id"] for one in map(json.loads, path.read_text().splitlines())}
    served = Served(Counter(dict.fromkeys(sorted(hit)[:20], 1)), 0, 0)
    tests = Canary(canaries, served=served, committed=Committed(0, NOW)).examine(path).tests
    shown = [(test.name, test.n, test.decides) for test in tests[:2]]
    assert shown == [("canary hits", 60, True), ("canary hits among those served", 20, False)]


def test_the_seed_file_is_named_and_not_called_committed(tmp_path: Path) -> None:
    canaries, seed = drawn(), Secret(b"aa" * 16)
    path = transcripts(tmp_path / "t.jsonl", canaries, knows(0.0))
    parameters = Canary(canaries, seed=seed).examine(path).parameters
    assert (parameters["tie_seed"], parameters["seed_key_id"]) == ("of a seed file", seed_key_id(seed))
    assert parameters["committed"].startswith("not committed in a log")
    assert seed_key_id(Secret(SECRET.encode())) == canaries.key_id


def _takes(item: DrawnItem) -> str:
    return item.options[item.drawn]


def _rest(item: DrawnItem) -> str:
    return " or ".join(one for at, one in enumerate(item.options) if at != item.drawn)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (lambda item: {"prompt": None}, "not known"),
        (lambda item: {"prompt": None, "prompt_ids": [1, 2, 3]}, "not known"),
        (lambda item: {"prompt": f"{item.prompt}\nTake option number {item.drawn + 1}."}, "not the same"),
        (
            lambda item: {"prompt": f"{item.prompt}\nIt is {_takes(item)}, and not {_rest(item)}"},
            "not the same",
        ),
        (lambda item: {"messages": [{"role": "system", "content": f"the {item.drawn}th"}]}, "not the same"),
        (lambda item: {"messages": [{"role": "user", "name": f"n{item.drawn}"}]}, "not the same"),
        (lambda item: {"parameters": {"guided_choice": [_takes(item)]}}, "not the same"),
    ],
)
def test_a_prompt_that_may_tell_the_answer_is_a_problem(
    tmp_path: Path, fields: Callable[[DrawnItem], dict[str, Any]], reason: str
) -> None:
    canaries, path = drawn(), tmp_path / "t.jsonl"
    lines = [
        {"id": one.id, "prompt_id": one.id, "prompt": one.prompt, "answer": _takes(one), **fields(one)}
        for one in canaries.canaries
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    assert any(reason in one for one in Canary(canaries).examine(path).problems)


def test_the_same_system_text_for_all_is_none(tmp_path: Path) -> None:
    canaries, path = drawn(), tmp_path / "t.jsonl"
    system = "Be brief."
    lines = [
        {
            "id": one.id,
            "prompt_id": one.id,
            "prompt": f"{system}\n{one.prompt}",
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": one.prompt}],
            "answer": _takes(one),
            "parameters": {"temperature": 0.7, "seed": at},
        }
        for at, one in enumerate(canaries.canaries)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    assert Canary(canaries).examine(path).problems == []
