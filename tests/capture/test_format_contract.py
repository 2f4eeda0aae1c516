"""What every built-in log format promises, checked over all of them."""

import csv
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countermark import plugins
from countermark.capture.formats.base import BadRecord, LogFormat, Request
from countermark.capture.formats.table import FIELDS
from countermark.records.events import EVENT_SCHEMA, OPTIONAL_EVENT_COLUMNS

SAMPLES = Path(__file__).parent / "samples"
NAMES = ("litellm", "envoy", "otel", "openai", "langfuse", "table")

# Columns that capture derives from a raw field of `Request`.
RAW = {
    "ip_hash": "ip",
    "ip_prefix_hash": "ip",
    "api_key_hash": "api_key",
    "system_hash": "system",
    "prompt_hash": "prompt",
    "template_hash": "prompt",
    "opening_hash": "prompt",
    "closing_hash": "prompt",
    "prompt_lang": "prompt",
    "prompt_traits": "prompt",
    "object_hash": "object",
    "params_hash": "params",
    "tools_hash": "tools",
}


def make(name: str) -> LogFormat:
    factory: type[LogFormat] = plugins.load(plugins.LOG_FORMATS, name).factory
    return factory()


def records(path: Path) -> Iterable[bytes | Mapping[str, Any]]:
    if path.suffix == ".csv":
        with path.open(newline="") as stream:
            yield from csv.DictReader(stream)
    else:
        yield from path.read_bytes().splitlines()


def good_requests(name: str) -> list[Request]:
    form, found = make(name), []
    for path in SAMPLES.glob(f"{name}*"):
        for record in records(path):
            try:
                found += form.parse(record)
            except BadRecord:
                continue
    return found


def filled(requests: list[Request], column: str) -> bool:
    return any(getattr(request, RAW.get(column, column)) is not None for request in requests)


@pytest.mark.parametrize("name", NAMES)
def test_impossible_names_columns_of_the_contract(name: str) -> None:
    assert make(name).impossible <= set(OPTIONAL_EVENT_COLUMNS)


@pytest.mark.parametrize("name", NAMES[:-1])
def test_a_column_is_impossible_exactly_when_no_sample_fills_it(name: str) -> None:
    requests = good_requests(name)
    assert requests
    empty = {column for column in OPTIONAL_EVENT_COLUMNS if not filled(requests, column)}
    assert empty == make(name).impossible


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_the_first_record_of_a_file_is_recognised_by_its_own_format_only(path: Path) -> None:
    first = next(iter(records(path)))
    scores = {name: make(name).recognises(first) for name in NAMES}
    best = max(scores, key=lambda name: scores[name])
    assert path.name.startswith(best)
    assert scores[best] >= 0.7
    assert all(score < 0.5 for name, score in scores.items() if name != best)


def test_columns_exist_in_the_schema() -> None:
    assert set(RAW) <= set(EVENT_SCHEMA.names)


def section(name: str) -> str:
    page = Path(__file__).parents[2].joinpath("docs", "formats.md").read_text()
    return page.split(f"\n## {name}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("name", NAMES[:-1])
def test_the_documentation_names_what_is_impossible(name: str) -> None:
    stated = section(name).rpartition("Impossible:")[2]
    assert set(re.findall(r"`(\w+)`", stated)) == make(name).impossible


def test_the_documentation_lists_every_field_that_map_takes() -> None:
    kinds = section("table").partition("| Kind | Fields |")[2]
    assert set(re.findall(r"`(\w+)`", kinds)) == set(FIELDS)


def attempt(form: LogFormat, record: bytes | Mapping[str, Any]) -> None:
    """Parsing gives sound requests or `BadRecord`, and nothing else; recognising gives a share."""
    assert 0 <= form.recognises(record) <= 1
    try:
        requests = list(form.parse(record))
    except BadRecord:
        return
    for request in requests:
        assert request.account_id
        assert 946_684_800_000_000 <= request.ts < 4_102_444_800_000_000
        for name in Request.__struct_fields__:
            value = getattr(request, name)
            if isinstance(value, str):
                assert "\0" not in value
                value.encode()


def names_in_samples() -> list[str]:
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                found.add(key)
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    for path in SAMPLES.iterdir():
        for record in records(path):
            walk(json.loads(record) if isinstance(record, bytes) else record)
    return sorted(found)


SPECIAL = ["", " ", "\0", "user", "GENERATION", "[1", '{"a":1}', "1750000000", "2025-06-15T15:06:40Z"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([*SPECIAL, 1750000000.5, 1750000000250000000])
)
KEYS = st.sampled_from(names_in_samples())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=8)
FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@pytest.mark.parametrize("name", NAMES)
class TestRobustness:
    @FEW
    @given(record=st.binary(max_size=200))
    def test_any_bytes(self, name: str, record: bytes) -> None:
        attempt(make(name), record)

    @FEW
    @given(record=OBJECTS)
    def test_any_json_and_any_row(self, name: str, record: dict[str, Any]) -> None:
        attempt(make(name), json.dumps(record).encode())
        attempt(make(name), record)

    @FEW
    @given(data=st.data())
    def test_a_sample_with_any_value_in_any_place(self, name: str, data: st.DataObject) -> None:
        paths = [path for path in SAMPLES.glob(f"{name}*") if path.suffix == ".jsonl"]
        if not paths:
            paths = [SAMPLES / "litellm.jsonl"]
        lines = data.draw(st.sampled_from(paths)).read_bytes().splitlines()
        record = json.loads(data.draw(st.sampled_from(lines)))
        holder: Any = record
        while True:
            places = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            place = data.draw(st.sampled_from(places))
            inner = holder[place]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
                holder[place] = data.draw(VALUES)
                break
            holder = inner
        attempt(make(name), json.dumps(record).encode())
        attempt(make(name), record)

    @pytest.mark.parametrize("opening", [b"[", b'{"messages":', b'{"metadata":', b'{"resourceSpans":[{"a":'])
    def test_deep_nesting(self, name: str, opening: bytes) -> None:
        with pytest.raises(BadRecord):
            list(make(name).parse(opening * 100_000))

    @pytest.mark.parametrize(
        ("record", "reason"),
        [
            (b"", "not valid JSON"),
            (b'{"a": 1', "not valid JSON"),
            (b'{"messages": "secret\xff"}', "not valid UTF-8"),
            (b'{"messages": \0"secret"}', "NUL byte"),
            (b'["secret"]', "not the JSON object that this format has, or a field of the wrong type"),
        ],
    )
    def test_reasons_are_plain_and_quote_nothing(self, name: str, record: bytes, reason: str) -> None:
        with pytest.raises(BadRecord) as caught:
            list(make(name).parse(record))
        if b"messages" not in record or name in ("litellm", "table"):
            assert str(caught.value) == reason
        assert "secret" not in str(caught.value)
