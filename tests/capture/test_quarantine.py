"""What cannot be read, or fits no column: set aside with file, line and reason, and never in the way."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest_rows import all_bytes, events, litellm_row, quarantine

from countermark.capture.quarantine import Quarantine
from countermark.records.capture import Capture

Run = Callable[..., Capture]

BAD_LINES = {
    "10 MB line": json.dumps(litellm_row(1, id="x" * 10_000_000)).encode(),
    "line over the limit": b'{"id": "' + b"y" * 17_000_000 + b'"}',
    "invalid UTF-8": json.dumps(litellm_row(1)).encode().replace(b"request-1", b"\xff\xfe"),
    "NUL bytes": b"\0\0\0{",
    "not JSON": b"GET / HTTP/1.1",
    "wrong type": json.dumps(litellm_row(1, prompt_tokens={"a": 1})).encode(),
    "missing account": json.dumps(
        litellm_row(1, metadata=dict.fromkeys(litellm_row(1)["metadata"]))
    ).encode(),
    "missing time": json.dumps(litellm_row(1, startTime=None)).encode(),
    "time far off": json.dumps(litellm_row(1, startTime=1e30)).encode(),
    "number too large": json.dumps(litellm_row(1, prompt_tokens=2**70)).encode(),
    "nested deep": b'{"messages": ' + b"[" * 100_000 + b"}",
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_quarantined_and_the_others_are_kept(run: Run, tmp_path: Path, name: str) -> None:
    good = [json.dumps(litellm_row(number)).encode() for number in (5, 6)]
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"\n".join([good[0], BAD_LINES[name], good[1], b""]))
    manifest = run(log, format="litellm")
    kept = events(tmp_path / "events")
    if name == "10 MB line":  # read, its overlong id is hashed
        assert kept.num_rows == 3
        assert manifest.counts.hashed_names == 1
        return
    assert kept["request_id"].to_pylist() == ["request-5", "request-6"]
    assert manifest.counts.quarantined == manifest.sources[0].quarantined == 1
    entry = quarantine(tmp_path / "events")[0]
    assert (entry["file"], entry["line"], entry["offset"]) == ("log.jsonl", 2, len(good[0]) + 1)
    assert entry["reason"]


class _Clumsy:
    """A foreign format that promises what it does not keep."""

    name = "clumsy"
    documentation = "none"
    impossible: frozenset[str] = frozenset()

    def __init__(self, requests: list[Any]) -> None:
        self._requests = iter(requests)

    def parse(self, record: Any) -> Any:
        request = next(self._requests)
        if isinstance(request, Exception):
            raise request
        return [request]


def test_a_foreign_formats_failures_are_quarantined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    from countermark.capture.formats.base import Request

    good = Request(ts=1_767_225_600_000_000, account_id="a", request_id="r")
    fields: dict[str, Any] = {"ts": 1_767_225_600_000_000, "account_id": "a", "request_id": "r"}
    bad = [
        KeyError("secret content"),
        Request(**fields | {"account_id": 7}),
        Request(**fields | {"account_id": ""}),
        Request(**fields | {"ts": 5}),
        Request(**fields | {"ts": "now"}),
        Request(**fields | {"input_tokens": "many"}),
        Request(**fields | {"input_tokens": 2**63}),
        Request(**fields | {"ip": 3}),
        Request(**fields | {"prompt": 3}),
        Request(**fields | {"model": "\ud800"}),
        "no request",
    ]
    clumsy = _Clumsy([good, *bad, good])
    monkeypatch.setattr("countermark.plugins.load", lambda door, name: _Plugin(lambda: clumsy))
    (tmp_path / "log").write_text("".join(f'{{"n": {n}}}\n' for n in range(len(bad) + 2)))
    manifest = run(tmp_path / "log", format="clumsy")
    assert manifest.counts.requests == 2
    assert [entry["line"] for entry in quarantine(tmp_path / "events")] == list(range(2, len(bad) + 2))
    assert b"secret content" not in all_bytes(tmp_path / "events")


class _Plugin:
    def __init__(self, factory: Any) -> None:
        from countermark.plugins import Origin

        self.factory = factory
        self.origin = Origin("clumsy", "test", "0", "0" * 64)


def test_the_quarantine_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("countermark.capture.quarantine.MAX_LINES", 10)
    with Quarantine(tmp_path) as entries:
        for number in range(25):
            entries.add("f", number, number, "why" * 500)
    assert entries.total == 25
    assert len(quarantine(tmp_path)) == 10
    assert (tmp_path / "quarantine.jsonl").stat().st_size < 10 * 300
