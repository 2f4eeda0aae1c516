"""OpenAI's requests, responses and batch lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from countermark.capture.formats.base import BadRecord, Incomplete, Request
from countermark.capture.formats.openai import OpenAI

SAMPLES = Path(__file__).parent / "samples"
LINES = (SAMPLES / "openai.jsonl").read_bytes().splitlines()


def parse(record: bytes) -> Request:
    (request,) = OpenAI().parse(record)
    return request


def test_a_request_and_its_response() -> None:
    assert parse(LINES[0]) == Request(
        ts=1_750_000_000_000_000,
        account_id="user-42",
        request_id="resp_1",
        model="gpt-5",
        input_tokens=40,
        output_tokens=50,
        end_user="customer-5",
        session_id="conv_1",
        status="completed",
        access_path="response",
        prompt="Prove it.",
        system="You are a prover.\nBe exact.",
        tools=b'[{"name":"lookup","type":"function"}]',
        params=b'{"max_output_tokens":900,"reasoning":{"effort":"high","summary":"detailed"}}',
        response_format="json_schema",
        reasoning_requested=True,
    )


def test_a_batch_output_beside_its_request() -> None:
    request = parse(LINES[1])
    assert (request.ts, request.account_id, request.status) == (1_711_652_795_000_000, "user-44", "200")
    assert (request.prompt, request.input_tokens, request.output_tokens) == ("Hello world!", 22, 2)


def test_a_batch_input_has_no_time_and_a_batch_output_no_account() -> None:
    with pytest.raises(Incomplete, match="no timestamp") as caught:
        parse((SAMPLES / "openai_batch_input.jsonl").read_bytes())
    assert caught.value.request.prompt == "Hello world!"
    with pytest.raises(Incomplete, match="no account"):
        parse((SAMPLES / "openai_batch_output.jsonl").read_bytes())


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": "Say hi"},
        {"prompt": ["Say hi"]},
        {"input": "Say hi"},
        {"messages": [{"role": "user", "content": "Say hi"}]},
    ],
)
def test_a_bare_request_of_each_endpoint(asked: dict[str, Any]) -> None:
    line = {"model": "m", "user": "u", "created_at": 1_750_000_000, **asked}
    assert parse(json.dumps(line).encode()).prompt == "Say hi"


def test_a_bare_response() -> None:
    answered = {**json.loads(LINES[0])["response"], "safety_identifier": "u", "temperature": 1}
    request = parse(json.dumps(answered).encode())
    assert (request.account_id, request.params, request.model) == ("u", b'{"temperature":1}', "gpt-5-2025")


def test_a_failed_batch_line() -> None:
    line = {**json.loads(LINES[1]), "error": {"code": "batch_expired"}, "created_at": 1_750_000_000}
    line["response"] = None
    assert parse(json.dumps(line).encode()).status == "error"


def test_an_object_that_is_neither() -> None:
    with pytest.raises(BadRecord, match="no request"):
        parse(b'{"hello": 1}')
