"""Which received indicators a member finds in its own identifiers: a plain match of addresses."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from countermark.errors import Error
from countermark.flow.local_matches import address_of, matches_here

ONE, TWO = "2001:db8:7::1", "198.51.100.7"


def indicator(number: int, pattern: str) -> dict[str, Any]:
    return {"id": f"indicator--{number}", "pattern": pattern}


def identifiers(folder: Path, *rows: tuple[str, str, str] | bytes) -> Path:
    lines = []
    for row in rows:
        if isinstance(row, bytes):
            lines.append(row)
            continue
        account, kind, value = row
        days = {"first_seen": "2026-11-02", "last_seen": "2026-11-03T04:05:06Z"}
        lines.append(json.dumps({"account_id": account, "kind": kind, "value": value, **days}).encode())
    path = folder / "identifiers.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_accounts_are_counted_once_and_addresses_compared_in_one_spelling(tmp_path: Path) -> None:
    path = identifiers(
        tmp_path,
        ("a", "ipv6-addr", "2001:DB8:7:0::1"),
        ("a", "proxy-exit", ONE),
        ("b", "ipv6-addr", ONE),
        ("c", "ipv4-addr", TWO),
        ("d", "email-domain", TWO),
    )
    told = [
        indicator(1, f"[ipv4-addr:value = '{TWO}']"),
        indicator(2, f"[ipv6-addr:value = '{ONE}']"),
        indicator(3, "[ipv4-addr:value = '203.0.113.9']"),
    ]
    found = matches_here(told, path)
    assert [(one.indicator_id, len(one.accounts)) for one in found] == [
        ("indicator--2", 2),
        ("indicator--1", 1),
    ]
    assert (found[0].first_day, found[0].last_day) == (date(2026, 11, 2), date(2026, 11, 3))


@pytest.mark.parametrize(
    "pattern",
    [
        f"[ipv4-addr:value = '{TWO}'] AND [ipv4-addr:value = '{TWO}']",
        f"[ipv4-addr:value != '{TWO}']",
        "[domain-name:value = 'a.example']",
        "",
    ],
)
def test_only_one_comparison_with_an_address_is_looked_for(pattern: str) -> None:
    assert address_of(indicator(1, pattern)) is None


def test_rows_that_cannot_be_read_match_nothing(tmp_path: Path) -> None:
    rows = [b"", b"{", b'{"account_id": "a"}', b"\xff", b"[" * 40_000, ("a", "ipv4-addr", "no address")]
    path = identifiers(tmp_path, *rows, ("b", "ipv4-addr", TWO))
    (found,) = matches_here([indicator(1, f"[ipv4-addr:value = '{TWO}']")], path)
    assert found.accounts == {"b"}
    with pytest.raises(Error, match="cannot be read"):
        matches_here([], tmp_path / "none")
