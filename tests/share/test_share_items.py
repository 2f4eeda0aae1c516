"""Identifiers of named accounts: canonical, counted by distinct account, bad rows named by line alone."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import Error, ExitCode
from countermark.share import items as module
from countermark.share.item_values import ITEM_KINDS, Unfit, canonical
from countermark.share.items import Item, read_identifiers

CAMPAIGNS = {"c1": {"a1", "a2", "a3"}, "c2": {"a3"}}


def row(**changes: Any) -> dict[str, Any]:
    """A row of account a1."""
    content = {
        "account_id": "a1",
        "kind": "ipv4-addr",
        "value": "198.51.100.3",
        "first_seen": "2026-03-01",
        "last_seen": "2026-03-02T23:59:59Z",
    }
    return {**content, **changes}


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


def test_a_value_is_counted_once_an_account_over_all_its_days(file: Any) -> None:
    read = read_identifiers(
        file(
            row(),
            row(first_seen="2026-02-27", last_seen="2026-02-28"),
            row(account_id="a2", last_seen="2026-03-09T01:00:00+02:00"),
            row(account_id="a3"),
            row(account_id="somebody else"),
        ),
        CAMPAIGNS,
    )
    given = {"kind": "ipv4-addr", "value": "198.51.100.3"}
    assert read.items == [
        Item(campaign_id="c1", accounts=3, first_day=date(2026, 2, 27), last_day=date(2026, 3, 8), **given),
        Item(campaign_id="c2", accounts=1, first_day=date(2026, 3, 1), last_day=date(2026, 3, 2), **given),
    ]
    assert (read.not_named, read.quarantined, read.reasons) == (1, [], {})
    assert next(iter(read.counts())) == ("address", "198.51.100.3", 3)


CANONICAL = [
    ("ipv6-addr", "2001:DB8:0:0::1", "2001:db8::1"),
    ("proxy-exit", " 8.8.8.8 ", "8.8.8.8"),
    ("asn", "as64500", "64500"),
    ("asn", "0064500", "64500"),
    ("email-domain", "MAIL.Example.", "mail.example"),
    ("email-domain", "bücher.example", "xn--bcher-kva.example"),
    (
        "http-fingerprint",
        "po20nn12enus_9ed1ff1f7b03_000000000000_cd8dafe26982",
        "po20nn12enus_9ed1ff1f7b03_000000000000",
    ),
    ("template-skeleton", "  write\ta <text>\nplease ", "write a <text> please"),
]


@pytest.mark.parametrize(("kind", "written", "expected"), CANONICAL)
def test_a_value_has_one_spelling(kind: Any, written: str, expected: str) -> None:
    assert canonical(kind, written) == expected
    assert canonical(kind, expected) == expected


UNFIT = [
    *(("ipv4-addr", value) for value in ("198.51.100.0/24", "010.1.1.1", "1.2.3", "2001:db8::1", "10.0.0.1")),
    *(("ipv4-addr", value) for value in ("127.0.0.1", "100.64.0.1", "224.0.0.1", "0.0.0.0", "169.254.1.1")),
    *(("ipv6-addr", value) for value in ("::ffff:8.8.8.8", "fe80::1%eth0", "fc00::1", "ff02::1", "::")),
    *(("asn", value) for value in ("0", "23456", "65535", "4294967296", "AS", "-1", "64500.5", "٣")),
    *(
        ("ja4", value)
        for value in ("t13d1516h2_8daaf6152771", "T13d1516h2_8daaf6152771_e5627efa2ab1", "' OR 1=1")
    ),
    *(("http-fingerprint", value) for value in ("Mozilla/5.0", "po20nn120000_9ed1ff1f7b03")),
    *(
        ("email-domain", value)
        for value in ("ann@mail.example", "localhost", "1.2.3.4", "a..b", "-a.example")
    ),
    *(("email-domain", value) for value in ("a_b.example", "xn--zzzz.example", "x" * 300 + ".example")),
    *(("template-skeleton", value) for value in ("ask ann@mail.example", "see https://x", "call 555 0100")),
    *(("template-skeleton", value) for value in ("key " + "A" * 40, "<text\u202e>", "x" * 2000, "  ")),
]


@pytest.mark.parametrize(("kind", "value"), UNFIT)
def test_what_is_none_of_its_kind_is_refused_without_being_repeated(kind: Any, value: str) -> None:
    with pytest.raises(Unfit) as refused:
        canonical(kind, value)
    assert value.strip() == "" or value not in str(refused.value)


@given(st.sampled_from(ITEM_KINDS), st.text())
def test_any_text_is_canonical_or_unfit(kind: Any, value: str) -> None:
    try:
        once = canonical(kind, value)
    except Unfit:
        return
    assert canonical(kind, once) == once


def test_bad_rows_are_named_by_their_line_and_never_shown(file: Any) -> None:
    secret = "7d9c-secret"
    bad: list[dict[str, Any] | bytes] = [
        b"{",
        b"\xff\xfe",
        b"[" * 20_000,
        b'{"account_id":"' + b"x" * 20_000 + b'"}',
        row(value=secret),
        row(prompt=secret),
        row(kind=secret),
        row(last_seen="2026-02-01"),
        row(first_seen="2026-03-01T00:00:00"),
        row(first_seen="0001-01-01T00:00:00+14:00"),
        row(value=None),
        *(row(kind=kind, value=secret) for kind in ("email", "phone", "payment", "account", "template")),
    ]
    read = read_identifiers(file(row(), *bad, b"", row(account_id="a2")), CAMPAIGNS)
    assert [one.accounts for one in read.items] == [2]
    assert [one.line for one in read.quarantined] == list(range(2, 2 + len(bad)))
    assert sum(read.reasons.values()) == len(bad)
    assert secret not in repr(read)
    assert "payment leaves as a tag of the private overlap only, never in the clear" in read.reasons


def test_no_value_stands_in_a_repr() -> None:
    one = Item(
        campaign_id="c1",
        kind="ipv4-addr",
        value="198.51.100.3",
        accounts=1,
        first_day=date.min,
        last_day=date.min,
    )
    assert "198.51" not in repr(one)
    assert "198.51" not in f"{[one]}"


@pytest.mark.parametrize("bound", ["MAX_FILE_BYTES", "MAX_ITEMS", "MAX_PAIRS"])
def test_bounds_end_the_reading(file: Any, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(module, bound, 2)
    rows = [row(account_id=f"a{number % 3 + 1}", value=f"198.51.100.{number}") for number in range(5)]
    with pytest.raises(Error):
        read_identifiers(file(*rows), CAMPAIGNS)


def test_a_long_quarantine_is_counted_to_its_end(file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_QUARANTINED", 2)
    read = read_identifiers(file(*[b"{"] * 5), CAMPAIGNS)
    assert (len(read.quarantined), sum(read.reasons.values())) == (2, 5)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Error) as missing:
        read_identifiers(tmp_path / "none", CAMPAIGNS)
    assert missing.value.exit_code == ExitCode.NO_INPUT
