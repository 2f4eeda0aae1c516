"""A member's set from its file: of suspended accounts, once each, bad rows by their line, nothing shown."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countermark.errors import Error, ExitCode
from countermark.share import items as in_the_clear
from countermark.share.overlap import identifier_rows as module
from countermark.share.overlap.identifier_rows import NOT_SUSPENDED, read_members_items
from countermark.share.overlap.identifiers import canonical_identifier, rules

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SCHEMA = Path(__file__).parents[2] / "spec" / "identifiers.schema.json"
SECRET = "7d9c-secret"
Lines = Any


def row(**changes: Any) -> dict[str, Any]:
    """A row of a suspended account; a change to None leaves a field out."""
    content = {
        "account_id": "a1",
        "kind": "email",
        "value": "Jane.Doe@mail.example",
        "first_seen": "2026-03-01",
        "last_seen": "2026-03-02T23:59:59Z",
        "suspended": "2026-03-03T10:00:00+01:00",
    }
    return {name: value for name, value in {**content, **changes}.items() if value is not None}


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """Writes rows, or lines as they are."""

    def write(*rows: dict[str, Any] | bytes) -> Path:
        path = tmp_path / "identifiers.jsonl"
        path.write_bytes(
            b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in rows)
        )
        return path

    return write


def test_items_are_framed_distinct_and_counted_by_kind(file: Lines) -> None:
    rows = [
        row(),
        row(account_id="a2", value=" jane.doe@MAIL.example "),
        row(kind="ipv4-addr", value="192.0.2.1"),
        row(kind="ipv4", value="192.0.2.1"),
        row(kind="ipv6-addr", value="2001:db8::1"),
        row(kind="proxy-exit", value="2001:db8::ffff"),
        row(kind="phone", value="+1 212 555 0100"),
        row(kind="domain", value="b\u00fccher.example"),
        row(kind="par", value="5001ABCDEFGHIJKLMNOPQRSTUVWXY"),
        row(kind="template-skeleton", value="Write a <text>  please"),
    ]
    read = read_members_items(file(*rows), now=NOW)
    expected = {canonical_identifier(one["kind"], one["value"]) for one in rows}
    assert read.items == sorted(expected)
    assert read.counts == {
        **dict.fromkeys(("email", "phone", "ipv4", "ipv6", "domain", "par", "template-skeleton"), 1)
    }
    assert (read.rows, read.not_asked, read.quarantined) == (10, 0, [])


def test_the_order_of_rows_changes_nothing(file: Lines) -> None:
    rows = [row(kind="ipv4", value=f"198.51.100.{number}") for number in range(50)]
    once = read_members_items(file(*rows), now=NOW)
    random.Random(1).shuffle(rows)
    assert read_members_items(file(*rows), now=NOW) == once


def test_only_kinds_that_are_asked_for_are_read(file: Lines) -> None:
    path = file(row(), row(kind="phone", value=SECRET), row(kind="ipv4", value="192.0.2.1"))
    read = read_members_items(path, ("ipv4",), now=NOW)
    assert (read.counts, read.not_asked, read.reasons) == ({"ipv4": 1}, 2, {})
    with pytest.raises(Error) as wrong:
        read_members_items(path, ("ipv4", "payment"), now=NOW)
    assert wrong.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    "suspended", ["2026-11-28", "2026-11-28T12:00:00Z", "2026-11-28T13:59:00+02:00", "2020-02-29"]
)
def test_a_suspension_up_to_now_is_one(file: Lines, suspended: str) -> None:
    assert len(read_members_items(file(row(suspended=suspended)), now=NOW).items) == 1


NOT_TAKEN = [
    (None, NOT_SUSPENDED),
    ("", NOT_SUSPENDED),
    ("2026-11-29", "a suspension that lies in the future"),
    ("2026-11-28T12:00:01Z", "a suspension that lies in the future"),
    ("2026-11-28T12:00:00-00:01", "a suspension that lies in the future"),
    ("2026-11-28T11:00:00", "a time without a zone"),
    ("yes", "suspended is a day or an RFC 3339 time"),
    ("2026-02-30", "suspended is a day or an RFC 3339 time"),
    ("9999-12-31T23:59:59-23:59", "suspended is a day or an RFC 3339 time"),
]


@pytest.mark.parametrize(("suspended", "reason"), NOT_TAKEN)
def test_an_account_that_is_not_suspended_is_not_in_the_set(
    file: Lines, suspended: str | None, reason: str
) -> None:
    read = read_members_items(file(row(suspended=suspended), row()), now=NOW)
    assert len(read.items) == 1
    assert read.reasons == {reason: 1}
    assert [one.line for one in read.quarantined] == [1]


def test_bad_rows_are_named_by_their_line_and_never_shown(file: Lines) -> None:
    bad: list[dict[str, Any] | bytes] = [
        b"{",
        b"\xff\xfe" + SECRET.encode(),
        json.dumps(row(value="X")).encode().replace(b"X", b"\xff"),
        b"[" * 16_000,
        b'{"account_id":' * 1_000,
        b'{"value":' + b"9" * 10_000 + b"}",
        b'{"account_id":"' + b"x" * 20_000 + b'"}',
        b"\x00" * 100,
        json.dumps(row(value="\ud800@mail.example")).encode(),
        row(value=None),
        row(value=12_125_550_100),
        row(value=True),
        row(value=[SECRET]),
        row(value=SECRET),
        row(value=SECRET + "@mail.example\x00"),
        row(value="\u202e" + SECRET),
        row(value="j\u0430ne@mail.example"),
        row(value=SECRET * 1_000),
        row(kind="phone", value="+" + "9" * 10_000),
        row(kind="ipv4", value="9" * 10_000),
        row(kind="ipv6", value=":" * 10_000),
        row(kind="domain", value="a." * 5_000),
        row(kind="domain", value="\u00fc" * 5_000),
        row(kind="template-skeleton", value="<" * 10_000),
        row(kind=SECRET),
        row(kind="planted", value=SECRET),
        *(row(kind=kind, value=SECRET) for kind in ("payment", "account", "template", "email-domain", "asn")),
        row(prompt=SECRET),
        row(account_id=""),
        row(account_id=7),
        row(suspended=False),
        row(first_seen="2026-03-09"),
        row(first_seen="2026-03-01T00:00:00"),
        row(last_seen=SECRET),
        row(last_seen=None),
    ]
    read = read_members_items(file(row(), *bad, b"", b"  ", row(account_id="a2")), now=NOW)
    assert read.items == [canonical_identifier("email", "jane.doe@mail.example")]
    assert [one.line for one in read.quarantined] == list(range(2, 2 + len(bad)))
    assert sum(read.reasons.values()) == len(bad)
    assert not any(SECRET in one.reason or "jane" in one.reason for one in read.quarantined)
    assert next(reason for reason in read.reasons if "par" in reason)


def test_no_value_stands_in_a_repr(file: Lines) -> None:
    read = read_members_items(file(row(), b"{"), now=NOW)
    for text in (repr(read), f"{[read]}", str(read)):
        assert text.strip("[]") == "ItemSet(1 items, 1 rows quarantined)"


@pytest.mark.parametrize("bound", ["MAX_FILE_BYTES", "MAX_ITEMS"])
def test_bounds_end_the_reading(file: Lines, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(module, bound, 2)
    rows = [row(kind="ipv4", value=f"198.51.100.{number}") for number in range(3)]
    with pytest.raises(Error) as ended:
        read_members_items(file(*rows), now=NOW)
    assert "198.51" not in ended.value.message
    if bound == "MAX_ITEMS":
        assert len(read_members_items(file(*rows[:2], *rows[:2]), now=NOW).items) == 2


def test_a_long_quarantine_is_counted_to_its_end(file: Lines) -> None:
    read = read_members_items(file(*[b"{"] * 1_200), now=NOW)
    assert (len(read.quarantined), sum(read.reasons.values())) == (1_000, 1_200)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Error) as missing:
        read_members_items(tmp_path / "none")
    assert missing.value.exit_code == ExitCode.NO_INPUT


def test_the_same_file_serves_what_is_shared_in_the_clear(file: Lines) -> None:
    path = file(row(kind="ipv4-addr", value="192.0.2.1"), row())
    read = in_the_clear.read_identifiers(path, {"c": {"a1"}})
    assert [(one.kind, one.value) for one in read.items] == [("ipv4-addr", "192.0.2.1")]


def test_what_is_taken_is_valid_by_the_schema(file: Lines) -> None:
    schema = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    for good in (row(), row(kind="proxy-exit", value="192.0.2.1")):
        assert schema.is_valid(good)
        assert len(read_members_items(file(good), now=NOW).items) == 1
    for bad in (row(suspended=None), row(kind="payment"), row(prompt="x"), row(value=""), row(account_id="")):
        assert not schema.is_valid(bad)
        assert read_members_items(file(bad), now=NOW).items == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.binary(max_size=60) | st.text(max_size=40).map(str.encode), max_size=4))
def test_any_bytes_are_read_to_the_end(tmp_path: Path, lines: list[bytes]) -> None:
    path = tmp_path / "any.jsonl"
    path.write_bytes(b"\n".join([*lines, json.dumps(row()).encode()]))
    assert len(read_members_items(path, now=NOW).items) == 1


def test_the_rules_name_the_libraries() -> None:
    assert len(rules()) <= 200
