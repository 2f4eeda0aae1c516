"""LiteLLM's payload lines and its SpendLogs rows."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from countermark.capture.formats.base import BadRecord, Incomplete, Request
from countermark.capture.formats.litellm import LiteLLM

SAMPLES = Path(__file__).parent / "samples"
LINES = (SAMPLES / "litellm.jsonl").read_bytes().splitlines()
with (SAMPLES / "litellm_spendlogs.csv").open(newline="") as stream:
    ROWS = list(csv.DictReader(stream))
KEY = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"


def parse(record: Any) -> Request:
    (request,) = LiteLLM().parse(record)
    return request


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(LINES[0]), **fields}).encode()


def test_a_payload() -> None:
    assert parse(LINES[0]) == Request(
        ts=1_750_000_000_250_000,
        account_id="user-42",
        request_id="chatcmpl-A1",
        model="gpt-4o",
        input_tokens=31,
        output_tokens=12,
        ip="203.0.113.7",
        user_agent="OpenAI/Python 1.99.1",
        api_key=KEY,
        org_id="org-7",
        end_user="customer-5",
        session_id="trace-9",
        status="success",
        access_path="/v1/chat/completions",
        prompt="Grade this essay:\nCats are fine.",
        system="You grade essays.\nAnswer in JSON.",
        tools=b'[{"function":{"name":"lookup","parameters":{"type":"object"}},"type":"function"}]',
        params=b'{"max_tokens":256,"reasoning_effort":"high","response_format":'
        b'{"json_schema":{"name":"grade"},"type":"json_schema"},"temperature":0.2}',
        response_format="json_schema",
        reasoning_requested=True,
    )


def test_the_placeholder_admin_gives_way_to_the_key_and_redacted_text_is_absent() -> None:
    request = parse(LINES[1])
    assert request.account_id == KEY
    assert (request.prompt, request.params, request.tools, request.status) == (None, None, None, "failure")


def test_loose_types_are_read() -> None:
    request = parse(LINES[2])
    assert request.ts == 1_750_000_001_000_000
    assert (request.account_id, request.prompt, request.input_tokens) == (
        "customer-5",
        "a bare prompt",
        31,
    )


@pytest.mark.parametrize(
    ("messages", "turns"),
    [
        ({}, (None, None)),
        (None, (None, None)),
        ("{}", (None, None)),
        ([], (None, None)),
        ("[not json", ("[not json", None)),
        ('[{"role":"user","content":"x"}]', ("x", None)),
        ({"messages": [{"role": "system", "content": "s"}]}, (None, "s")),
        (
            [{"role": "user", "content": "x"}, {"role": "user", "content": [{"type": "tool_result"}]}],
            ("x", None),
        ),
        ([{"role": "user", "content": None}, 5, "plain"], ("plain", None)),
        ([{"role": ["user"], "content": "x"}], (None, None)),
        ("nul\0 inside", ("nul\ufffd inside", None)),
    ],
)
def test_every_shape_of_messages(messages: Any, turns: tuple[str | None, str | None]) -> None:
    request = parse(changed(messages=messages))
    assert (request.prompt, request.system) == turns


def test_a_spendlogs_row_takes_the_prompt_from_the_stored_request() -> None:
    request = parse(ROWS[0])
    assert (request.account_id, request.request_id, request.ts) == (
        "user-42",
        "chatcmpl-B1",
        1_750_000_000_250_000,
    )
    assert (request.prompt, request.system) == ("Grade this: Dogs are fine.", "You grade essays.")
    assert (request.params, request.tools) == (
        b'{"temperature":0.2}',
        b'[{"function":{"name":"lookup"},"type":"function"}]',
    )
    assert (request.api_key, request.session_id, request.org_id) == ("88dc28d0", "trace-9", "org-7")


def test_a_spendlogs_row_without_stored_prompts() -> None:
    request = parse(ROWS[1])
    assert (request.account_id, request.org_id, request.end_user) == ("88dc28d0", "team-3", None)
    assert request.prompt is None


def test_a_row_and_its_json_line_give_the_same() -> None:
    assert parse(ROWS[0]) == parse(json.dumps(ROWS[0]).encode())


@pytest.mark.parametrize(
    "fields",
    [
        {"startTime": "soon"},
        {"startTime": 5},
        {"startTime": []},
        {"prompt_tokens": "many"},
        {"prompt_tokens": -1},
        {"model": {"name": "x"}},
        {"metadata": []},
        {"metadata": {"user_api_key_user_id": "a\0b"}},
        {"metadata": {"user_api_key_user_id": ["a"]}},
    ],
)
def test_wrong_types_of_what_matters_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        parse(changed(**fields))


@pytest.mark.parametrize("fields", [{"startTime": None}, {"metadata": None, "end_user": ""}])
def test_what_only_lacks_its_account_or_time_says_so(fields: dict[str, Any]) -> None:
    with pytest.raises(Incomplete):
        parse(changed(**fields))


def test_parameters_hash_alike_whatever_their_order_and_the_clients_ids() -> None:
    one = changed(model_parameters={"temperature": 0.2, "top_p": 1, "user": "a", "seed": 1})
    other = changed(model_parameters={"top_p": 1, "temperature": 0.2, "user": "b", "seed": 2})
    assert parse(one).params == parse(other).params == b'{"temperature":0.2,"top_p":1}'


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"response_cost": 0.0002', b'"response_cost": NaN'), (b"Cats are fine", rb"Cats are \udc41 fine")],
)
def test_what_pythons_json_writes_beyond_the_standard_is_read(old: bytes, new: bytes) -> None:
    assert old in LINES[0]
    request = parse(LINES[0].replace(old, new))
    assert request.account_id == "user-42"
    assert request.prompt
    request.prompt.encode()


def test_a_lone_surrogate_in_a_row_is_replaced() -> None:
    request = parse({**ROWS[0], "end_user": "a\udc41", "messages": "b\udc41"})
    assert (request.end_user, request.prompt) == ("a?", "b?")
