"""Custody records: what is read, what is refused, and what stands after a field was taken out."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from countermark.errors import Error, ExitCode
from countermark.prove.custody.custody import (
    Acquisition,
    Action,
    Clock,
    Custody,
    Item,
    decode_custody,
    encode_custody,
    merge,
    read_custody,
    time_of,
    write_custody,
)

ACQUISITION = Acquisition(
    id="acq-1",
    what="log",
    by="Ann",
    role="analyst",
    source="gateway",
    method="copy",
    purpose="routine",
    started="2026-06-15T08:00:00Z",
    ended="2026-06-15T08:10:00Z",
    clock=Clock("ntp", 0.02),
    items=[Item("gateway.jsonl", "a" * 64, 3)],
)
ACTION = Action(at="2026-06-16T08:00:00Z", by="Ann", action="stored", what="log", sha256=[], to="")
CUSTODY = Custody(acquisitions=[ACQUISITION], actions=[ACTION])


def changed(path: str, value: Any) -> bytes:
    """The records with another value at a place such as `acquisitions/0/clock/offset_seconds`."""
    document = json.loads(encode_custody(CUSTODY))
    inner, parts = document, path.split("/")
    for part in parts[:-1]:
        inner = inner[int(part)] if part.isdigit() else inner[part]
    inner[parts[-1]] = value
    return json.dumps(document).encode()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_custody(tmp_path / "custody.json", CUSTODY)
    assert read_custody(tmp_path / "custody.json") == CUSTODY
    assert encode_custody(CUSTODY) == (tmp_path / "custody.json").read_bytes()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", "countermark/custody/v2"),
        ("acquisitions/0/started", "2026-06-15T08:00:00+00:00"),
        ("acquisitions/0/started", "2026-6-15T08:00:00Z"),
        ("acquisitions/0/started", "2026-02-30T08:00:00Z"),
        ("acquisitions/0/ended", "2026-06-15T07:59:59Z"),
        ("acquisitions/0/clock/offset_seconds", "0.02"),
        ("acquisitions/0/clock/offset_seconds", float("1e400")),
        ("acquisitions/0/purpose", "litigation"),
        ("acquisitions/0/colour", "blue"),
        ("acquisitions/0/by", None),
        ("acquisitions/0/items/0/sha256", "A" * 64),
        ("acquisitions/0/items/0/bytes", -1),
        ("acquisitions", [msgspec.to_builtins(ACQUISITION)] * 2),
        ("actions/0/action", "lost"),
        ("actions/0/at", ""),
        ("holds", None),
    ],
)
def test_what_cannot_be_is_refused(path: str, value: Any) -> None:
    with pytest.raises(Error) as raised:
        decode_custody(changed(path, value).replace(b"Infinity", b"1e400"))
    assert raised.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_a_key_that_stands_twice_is_refused() -> None:
    data = encode_custody(CUSTODY).replace(b'"by":"Ann"', b'"by":"Bo","by":"Ann"', 1)
    with pytest.raises(Error):
        decode_custody(data)


@pytest.mark.parametrize("path", ["acquisitions/0/started", "acquisitions/0/id", "actions/0/action", "holds"])
def test_nulls_stand_only_where_something_was_taken_out(path: str) -> None:
    data = changed(path, None)
    with pytest.raises(Error):
        decode_custody(data)
    custody = decode_custody(data, redacted=True)
    assert custody.holds == []
    assert custody.acquisitions[0].items == ACQUISITION.items


def test_merge_keeps_all_and_orders_actions() -> None:
    earlier = msgspec.structs.replace(ACTION, at="2026-06-14T08:00:00Z")
    second = msgspec.structs.replace(ACQUISITION, id="acq-2")
    merged = merge(CUSTODY, Custody(acquisitions=[ACQUISITION, second], actions=[earlier, ACTION]))
    assert [one.id for one in merged.acquisitions] == ["acq-1", "acq-2"]
    assert merged.actions == [earlier, ACTION]
    with pytest.raises(Error, match="another acquisition acq-1"):
        merge(CUSTODY, Custody(acquisitions=[msgspec.structs.replace(ACQUISITION, by="Bo")]))


def test_the_digest_is_of_the_record() -> None:
    again = decode_custody(encode_custody(CUSTODY)).acquisitions[0]
    assert again.digest == ACQUISITION.digest
    assert msgspec.structs.replace(ACQUISITION, by="Bo").digest != ACQUISITION.digest


def test_times_have_one_spelling() -> None:
    assert time_of("2026-06-15T08:00:00Z").isoformat() == "2026-06-15T08:00:00+00:00"
    for text in ("2026-06-15T08:00:00.0Z", "2026-06-15 08:00:00Z", "2026-06-15T8:00:00Z", ""):
        with pytest.raises(ValueError, match=r"2026|time data"):
            time_of(text)


def test_files_that_cannot_be_read_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(Error) as raised:
        read_custody(tmp_path / "missing.json")
    assert raised.value.exit_code == ExitCode.NO_INPUT
    surrogate = encode_custody(CUSTODY).replace(b"gateway.jsonl", b"gate\\ud800.jsonl")
    for data in (b"[" * 100_000, surrogate, b"\xff"):
        (tmp_path / "bad.json").write_bytes(data)
        with pytest.raises(Error) as raised:
            read_custody(tmp_path / "bad.json")
        assert raised.value.exit_code == ExitCode.NO_INPUT
