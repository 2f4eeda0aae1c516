"""Langfuse's observations, exported and from the API."""

import json
from pathlib import Path

import pytest

from countermark.capture.formats.base import BadRecord, Incomplete, Request
from countermark.capture.formats.langfuse import Langfuse

SAMPLES = Path(__file__).parent / "samples"
LINES = (SAMPLES / "langfuse.jsonl").read_bytes().splitlines()


def test_an_exported_generation() -> None:
    assert list(Langfuse().parse(LINES[0])) == [
        Request(
            ts=1_750_000_000_250_000,
            account_id="user-42",
            request_id="obs-1",
            model="gpt-4o",
            input_tokens=31,
            output_tokens=12,
            org_id="proj-1",
            session_id="sess-1",
            status="DEFAULT",
            prompt="Grade: Cats.",
            system="You grade essays.",
            tools=b'{"lookup":"{}"}',
            params=b'{"reasoning_effort":"low","response_format":{"type":"json_object"},"temperature":0.7}',
            response_format="json_object",
            reasoning_requested=True,
        )
    ]


def test_other_observations_are_no_exchanges() -> None:
    assert list(Langfuse().parse(LINES[1])) == []


def test_the_api_spelling() -> None:
    (request,) = Langfuse().parse(LINES[2])
    assert (request.ts, request.account_id, request.session_id) == (
        1_750_000_002_250_000,
        "user-43",
        "sess-2",
    )
    assert (request.prompt, request.tools, request.input_tokens) == ("Hi.", b'[{"type":"function"}]', 3)


def test_a_csv_row_gives_the_same_as_the_json_line() -> None:
    row = {key: v if isinstance(v, str) else json.dumps(v) for key, v in json.loads(LINES[0]).items()}
    assert list(Langfuse().parse(row)) == list(Langfuse().parse(LINES[0]))


def test_the_legacy_export_has_no_users() -> None:
    with pytest.raises(Incomplete, match="no account"):
        list(Langfuse().parse((SAMPLES / "langfuse_legacy.jsonl").read_bytes()))


def test_a_row_without_a_type() -> None:
    with pytest.raises(BadRecord, match="type"):
        list(Langfuse().parse({"id": "x"}))
