"""OTLP JSON with GenAI spans of three generations of the conventions."""

import json
from pathlib import Path
from typing import Any

import pytest

from countermark.capture.formats.base import BadRecord, Request
from countermark.capture.formats.otel import OpenTelemetry

LINE = (Path(__file__).parent / "samples" / "otel.jsonl").read_bytes()


def first_span(**fields: Any) -> bytes:
    envelope = json.loads(LINE)
    envelope["resourceSpans"][0]["scopeSpans"][0]["spans"][0].update(fields)
    return json.dumps(envelope).encode()


def test_a_line_holds_several_requests_and_skips_other_spans() -> None:
    assert [request.request_id[-2:] for request in OpenTelemetry().parse(LINE)] == ["b7", "b9", "ba"]


def test_current_conventions() -> None:
    current, _, _ = OpenTelemetry().parse(LINE)
    assert current == Request(
        ts=1_750_000_000_250_000,
        account_id="user-42",
        request_id="4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7",
        model="gpt-4",
        input_tokens=52,
        output_tokens=47,
        ip="203.0.113.7",
        country="DE",
        user_agent="agent/1.0",
        end_user="customer-5",
        session_id="conv_5j66",
        status="ok",
        access_path="chat",
        prompt="Weather in Paris?",
        system="You are a tutor.",
        tools=b'[{"name":"lookup","type":"function"}]',
        params=b'{"max_tokens":200,"response_format":"json","top_p":1.0}',
        response_format="json",
    )


def test_older_attributes_and_events() -> None:
    _, older, events = OpenTelemetry().parse(LINE)
    assert (older.prompt, older.system) == ("What is the capital of France?", "Be brief.")
    assert (older.input_tokens, older.output_tokens, older.status) == (5, 6, "error")
    assert older.account_id == "service:shop-assistant"
    assert (events.prompt, events.system, events.account_id) == ("Tell me a joke.", "Be kind.", "user-43")


@pytest.mark.parametrize(
    "record",
    [
        b"{}",
        b'{"resourceLogs": []}',
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": [1]}',
        first_span(startTimeUnixNano="1750000000"),
        first_span(attributes={"gen_ai.operation.name": "chat"}),
        first_span(events=[1]),
    ],
)
def test_what_is_not_otlp_is_refused(record: bytes) -> None:
    with pytest.raises(BadRecord):
        list(OpenTelemetry().parse(record))


def test_attributes_are_bounded_in_depth() -> None:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(40):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(BadRecord, match="too deep"):
        list(OpenTelemetry().parse(first_span(attributes=[{"key": "a", "value": value}])))


def test_an_empty_export_gives_nothing() -> None:
    assert list(OpenTelemetry().parse(b'{"resourceSpans": []}')) == []
