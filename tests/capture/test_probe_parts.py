"""Prompts, pace, budget and answers by themselves."""

import asyncio
import json
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from countermark.capture.probe.answers import Malformed, error_code, read_answer
from countermark.capture.probe.bodies import TOKENS_PER_MESSAGE, asks
from countermark.capture.probe.budget import Budget, CapReached
from countermark.capture.probe.exchange import Exchange
from countermark.capture.probe.judge import judge
from countermark.capture.probe.options import ProbeOptions
from countermark.capture.probe.pace import MOST_WAIT, backoff, retry_after
from countermark.capture.probe.prompts import Prompt, read_prompts
from countermark.errors import Error, ExitCode

BAD_PROMPTS = {
    "empty": b"",
    "no prompts": b"\n\n",
    "no JSON": b'{"id": "a", "prompt"',
    "no id": b'{"prompt": "a"}',
    "nothing to ask": b'{"id": "a"}',
    "two ways at once": b'{"id": "a", "prompt": "b", "prompt_ids": [1]}',
    "an empty prompt": b'{"id": "a", "prompt": ""}',
    "no messages": b'{"id": "a", "messages": []}',
    "a role of its own": b'{"id": "a", "messages": [{"role": "god", "content": "b"}]}',
    "more than text": b'{"id": "a", "messages": [{"role": "user", "content": "b", "name": "c"}]}',
    "a negative id": b'{"id": "a", "prompt_ids": [-1]}',
    "a huge id": b'{"id": "a", "prompt_ids": [4294967296]}',
    "an id twice": b'{"id": "a", "prompt": "b"}\n{"id": "a", "prompt": "c"}',
    "an id with a line feed": b'{"id": "a\\n", "prompt": "b"}',
    "no UTF-8": b'{"id": "a", "prompt": "\xff"}',
    "a lone surrogate": b'{"id": "a", "prompt": "\\ud800"}',
    "deep nesting": b'{"id": "a", "x": ' + b"[" * 100_000,
}


def test_no_tokenizer_that_normalises_makes_more_tokens_than_were_set_aside() -> None:
    options = ProbeOptions(endpoint="x://", model="m", prompts=Path(), out=Path(), overhead_tokens=0)
    ligature = "\ufdfa"  # one character that NFKC makes 18
    for api, more in (("completions", 0), ("chat", TOKENS_PER_MESSAGE)):
        (ask,) = asks(replace(options, api=api), [Prompt("a", text=ligature)])
        assert ask.most_in == len(unicodedata.normalize("NFKC", ligature).encode()) + more == 33 + more


@pytest.mark.parametrize("case", BAD_PROMPTS)
def test_bad_prompts_are_an_error_with_a_line(tmp_path: Path, case: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(BAD_PROMPTS[case])
    with pytest.raises(Error) as caught:
        read_prompts(path)
    assert caught.value.exit_code == ExitCode.NO_INPUT
    assert ("line" in caught.value.message) == (case not in ("empty", "no prompts"))


def test_a_missing_prompts_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Error, match="cannot be read"):
        read_prompts(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("api", "prompt"),
    [
        ("chat", Prompt("a", ids=(1,))),
        ("completions", Prompt("a", messages=(("user", "b"),))),
        ("completions", Prompt("a", ids=(1,), prefill="b")),
    ],
)
def test_a_prompt_of_the_other_interface_is_an_error(api: str, prompt: Prompt) -> None:
    options = ProbeOptions(endpoint="x://", model="m", prompts=Path(), out=Path(), api=api)
    with pytest.raises(Error) as caught:
        list(asks(options, [prompt]))
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("endpoint", "api", "url"),
    [
        ("https://a.org/v1", "chat", "https://a.org/v1/chat/completions"),
        ("https://a.org/v1/", "completions", "https://a.org/v1/completions"),
        ("https://a.org/v1/chat/completions", "chat", "https://a.org/v1/chat/completions"),
        ("https://a.org/d?api-version=1", "chat", "https://a.org/d/chat/completions?api-version=1"),
    ],
)
def test_an_endpoint_is_the_base_or_the_whole_of_the_url(endpoint: str, api: str, url: str) -> None:
    assert ProbeOptions(endpoint=endpoint, model="m", prompts=Path(), out=Path(), api=api).url == url


@pytest.mark.parametrize("text", ["plain", "häßlich", "你好", "🙂" * 9, "\x00"])
def test_a_prompt_has_at_most_its_bytes_in_tokens(text: str) -> None:
    options = ProbeOptions(endpoint="x://", model="m", prompts=Path(), out=Path(), overhead_tokens=3)
    (ask,) = asks(options, [Prompt("a", text=text)])
    bytes_of = max(len(unicodedata.normalize(form, text).encode()) for form in ("NFC", "NFKC", "NFD", "NFKD"))
    assert ask.most_in == bytes_of + 16 + 3
    (again,) = asks(options, [Prompt("a", text=text)])
    assert again.body == ask.body


def test_back_off_doubles_with_a_jitter_that_is_the_same_again() -> None:
    waits = [backoff(1.0, attempt, 7, "p#1") for attempt in range(1, 6)]
    assert waits == [backoff(1.0, attempt, 7, "p#1") for attempt in range(1, 6)]
    for attempt, wait in enumerate(waits):
        assert 2**attempt / 2 <= wait <= 2**attempt
    assert len({backoff(1.0, 1, 7, f"p#{at}") for at in range(50)}) == 50
    assert backoff(1.0, 10_000, 7, "p") == MOST_WAIT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "1e9"}, MOST_WAIT),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 100}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 99999 07:28:00 GMT"}, None),
    ],
)
def test_retry_after_is_bounded(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_may_be_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    wait = retry_after({"retry-after": date})
    assert wait is not None
    assert 25 < wait <= 30


def test_a_budget_waits_for_what_may_come_back_and_then_gives_up() -> None:
    async def trial() -> list[str]:
        budget = Budget(Decimal(10), Decimal(1_000_000), Decimal(1_000_000))
        said: list[str] = []

        async def ask(name: str, spent: int) -> None:
            try:
                held = await budget.hold(3, 3)
            except CapReached:
                said.append(f"{name} refused")
                return
            await asyncio.sleep(0)
            budget.charge(spent, 0)
            budget.release(held)
            said.append(f"{name} asked")

        await asyncio.gather(ask("a", 2), ask("b", 3), ask("c", 6))
        assert budget.spent == 5
        return said

    assert asyncio.run(trial()) == ["a asked", "b asked", "c refused"]


def chat(**choice: Any) -> bytes:
    return json.dumps({"choices": [choice]}).encode()


def test_parts_of_a_character_are_named_by_their_bytes() -> None:
    token = {"token": "�", "logprob": -1, "bytes": [0xE4]}
    tops = [token, {"token": "�", "logprob": -2, "bytes": [0xE5]}]
    body = chat(message={"content": "x"}, logprobs={"content": [{**token, "top_logprobs": tops}]})
    (one,) = read_answer(body, "application/json").logprobs or []
    assert one.token == "bytes:\\xe4"
    assert one.top == {"bytes:\\xe4": -1, "bytes:\\xe5": -2}


def test_tokens_that_are_written_as_ids_give_the_ids() -> None:
    logprobs = {"tokens": ["token_id:5", "token_id:77"], "token_logprobs": [-1, -2]}
    assert read_answer(chat(text="ab", logprobs=logprobs), "").token_ids == [5, 77]


@pytest.mark.parametrize(
    "choice",
    [
        {"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": []}},
        {"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": [None]}},
        {"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": [0.5]}},
        {"text": "a", "token_ids": [-1]},
        {"text": "a", "token_ids": [1 << 40]},
        {"message": "a"},
    ],
)
def test_an_answer_whose_parts_do_not_fit_is_malformed(choice: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_answer(chat(**choice), "application/json")


def test_events_may_end_their_lines_in_any_way_and_comments_are_skipped() -> None:
    parts = (b'data: {"choices":[{"text":"a"}]}', b'data:{"choices":[{"text":"b","finish_reason":"stop"}]}')
    for end in (b"\n", b"\r\n", b"\r"):
        body = b": ping" + end * 2 + b"".join(part + end * 2 for part in parts) + b"data: [DONE]" + end * 2
        answer = read_answer(body, "text/event-stream; charset=utf-8")
        assert (answer.text, answer.finish_reason, answer.ended) == ("ab", "stop", True)
        assert not read_answer(body.partition(b"data:{")[0], "text/event-stream").ended


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error": {"code": "quota", "type": "t"}}', "quota"),
        (b'{"error": {"code": 7, "type": "t"}}', "t"),
        (b'{"error": {"code": "my prompt: hello"}}', ""),
        (b'{"error": "overloaded"}', "overloaded"),
        (b"<html>", ""),
    ],
)
def test_of_an_error_only_a_word_is_taken(body: bytes, code: str) -> None:
    assert error_code(body) == code


@pytest.mark.parametrize(
    ("tokens", "text", "problem"),
    [
        ([" a", " b", " c", " d"], " a b c d", ""),
        ([" a", " b", " c", "<eos>"], " a b c", ""),
        ([" a", " b", " c", "\n\n", "<eos>"], " a b c", ""),
        ([" a", " b", " c", " d"], " a b", "silently cut: the text is shorter than its tokens"),
    ],
)
def test_a_text_that_lacks_tokens_was_cut(tokens: list[str], text: str, problem: str) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": len(tokens)}
    logprobs = {"tokens": tokens, "token_logprobs": [-1.0] * len(tokens)}
    body = {"choices": [{"text": text, "finish_reason": "stop", "logprobs": logprobs}], "usage": usage}
    came = Exchange(200, {}, json.dumps(body).encode(), "", 0.1)
    judged = judge({"max_tokens": 9, "prompt": "x"}, (9, 9), came)
    assert (judged.problem, judged.charged) == (problem, (1, len(tokens)))
