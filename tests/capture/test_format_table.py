"""Plain tables and `--map`, on tables and over JSON formats."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from countermark.capture.formats.base import BadRecord, Incomplete, Request
from countermark.capture.formats.envoy import Envoy
from countermark.capture.formats.langfuse import Langfuse
from countermark.capture.formats.litellm import LiteLLM
from countermark.capture.formats.openai import OpenAI
from countermark.capture.formats.otel import OpenTelemetry
from countermark.capture.formats.overrides import Overridden
from countermark.capture.formats.table import Table
from countermark.errors import Error, ExitCode

SAMPLES = Path(__file__).parent / "samples"
TIMES = {"ts": "when", "account_id": "who"}


def parse(form: Any, record: Any) -> Request:
    (request,) = form.parse(record)
    assert isinstance(request, Request)
    return request


def test_columns_by_mapping() -> None:
    row = {"when": "1629589836", "who": "fb_1", "link": "https://example.org", "kind": "t-7", "n": "12"}
    mapping = {**TIMES, "object": "link", "template_hash": "kind", "input_tokens": "n"}
    assert parse(Table(mapping), row) == Request(
        ts=1_629_589_836_000_000,
        account_id="fb_1",
        request_id="",
        object="https://example.org",
        template_id_value="t-7",
        input_tokens=12,
    )


@pytest.mark.parametrize(
    ("field", "target"),
    [
        ("prompt", "prompt"),
        ("prompt_hash", "prompt_id_value"),
        ("system_hash", "system_id_value"),
        ("object_hash", "object_id_value"),
        ("ip_hash", "ip_id_value"),
        ("ip_prefix_hash", "ip_prefix_id_value"),
        ("params_hash", "params_id_value"),
        ("tools_hash", "tools_id_value"),
        ("api_key_hash", "api_key_id_value"),
    ],
)
def test_text_is_hashed_later_and_an_identifier_is_only_keyed(field: str, target: str) -> None:
    row = {"when": 1_629_589_836, "who": 7, "c": "v"}
    request = parse(Table({**TIMES, field: "c"}), row)
    assert getattr(request, target) == "v"
    assert request.account_id == "7"


def test_columns_by_the_contracts_own_names() -> None:
    row = {
        "ts": datetime(2025, 6, 15, 15, 6, 40),
        "account_id": "a",
        "prompt": "Hi",
        "asn": 3320,
        "other": b"x",
    }
    request = parse(Table(), row)
    assert (request.ts, request.prompt, request.asn) == (1_750_000_000_000_000, "Hi", 3320)


def test_nested_json_by_path() -> None:
    line = json.dumps({"t": {"at": 1_750_000_000}, "who": "a", "a.b": {"c.d": "x"}}).encode()
    request = parse(Table({"ts": "t.at", "account_id": "who", "model": "a.b.c.d"}), line)
    assert (request.ts, request.model) == (1_750_000_000_000_000, "x")


def test_time_units() -> None:
    assert parse(Table(TIMES, "ms"), {"when": "1750000000250", "who": "a"}).ts == 1_750_000_000_250_000
    with pytest.raises(BadRecord, match="outside"):
        parse(Table(TIMES, "us"), {"when": 1_750_000_000_250, "who": "a"})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"who": "a"}, "no timestamp"),
        ({"when": "", "who": "a"}, "no timestamp"),
        ({"when": 1_750_000_000}, "no account"),
        ({"when": 1_750_000_000, "who": ""}, "no account"),
        ({"when": 1_750_000_000, "who": "a\0"}, "NUL in account_id"),
        ({"when": 1_750_000_000, "who": ["a"]}, "account_id is not text"),
        ({"when": 1_750_000_000, "who": "a", "n": "twelve"}, "input_tokens is not a whole number"),
        ({"when": 1_750_000_000, "who": "a", "n": 1.5}, "input_tokens is not a whole number"),
        ({"when": b"1750000000", "who": "a"}, "timestamp of the wrong type"),
    ],
)
def test_bad_rows(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRecord, match=f"^{reason}$"):
        parse(Table({**TIMES, "input_tokens": "n"}), row)


@pytest.mark.parametrize(
    ("mapping", "unit"),
    [
        ({**TIMES, "nonsense": "c"}, None),
        ({"ts": "when"}, None),
        ({**TIMES, "model": ""}, None),
        (TIMES, "hours"),
    ],
)
def test_a_mapping_that_cannot_work_is_a_usage_error(mapping: dict[str, str], unit: str | None) -> None:
    with pytest.raises(Error) as caught:
        Table(mapping, unit)
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_table_is_recognised_faintly() -> None:
    assert 0 < Table().recognises({"ts": "", "account_id": ""}) < 0.3
    assert Table().recognises({"when": "", "who": ""}) == 0
    assert Table(TIMES).recognises({"when": "", "who": ""}) > 0


class TestOverrides:
    def test_an_account_of_the_operators_choice(self) -> None:
        line = (SAMPLES / "litellm.jsonl").read_bytes().splitlines()[0]
        plain = parse(LiteLLM(), line)
        request = parse(Overridden(LiteLLM(), {"account_id": "metadata.user_api_key_team_id"}), line)
        assert request.account_id == "team-3"
        plain.account_id = "team-3"
        assert request == plain

    def test_what_a_format_lacks_is_supplied(self) -> None:
        line = (SAMPLES / "langfuse_legacy.jsonl").read_bytes()
        assert parse(Overridden(Langfuse(), {"account_id": "metadata.account"}), line).account_id == "acct-1"
        batch = (SAMPLES / "openai_batch_input.jsonl").read_bytes()
        assert parse(Overridden(OpenAI(), {"ts": "submitted_at"}, "s"), batch).ts == 1_711_652_000_000_000

    def test_keys_with_dots(self) -> None:
        line = (SAMPLES / "envoy.jsonl").read_bytes().splitlines()[0]
        assert parse(Overridden(Envoy(), {"account_id": "session.id"}), line).account_id == "sess-1"

    def test_a_path_that_is_not_there_changes_nothing(self) -> None:
        line = (SAMPLES / "envoy.jsonl").read_bytes().splitlines()[0]
        form = Overridden(Envoy(), {"account_id": "no.such", "ja4": "x"})
        assert parse(form, line) == parse(Envoy(), line)
        assert form.impossible == Envoy.impossible - {"ja4"}

    def test_what_stays_incomplete_is_refused(self) -> None:
        line = (SAMPLES / "langfuse_legacy.jsonl").read_bytes()
        with pytest.raises(Incomplete, match="no account"):
            parse(Overridden(Langfuse(), {"account_id": "metadata.nobody"}), line)

    def test_records_with_several_requests_are_refused(self) -> None:
        line = (SAMPLES / "otel.jsonl").read_bytes()
        with pytest.raises(BadRecord, match="apart"):
            list(Overridden(OpenTelemetry(), {"account_id": "x"}).parse(line))

    def test_records_with_nothing_stay_nothing(self) -> None:
        line = (SAMPLES / "langfuse.jsonl").read_bytes().splitlines()[1]
        assert list(Overridden(Langfuse(), {"account_id": "name"}).parse(line)) == []

    def test_an_unknown_field_is_a_usage_error(self) -> None:
        with pytest.raises(Error, match="nonsense"):
            Overridden(LiteLLM(), {"nonsense": "x"})
