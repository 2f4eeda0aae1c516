"""Which received indicators a member finds in its own identifiers. The answer stays with the member."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.item_values import ItemKind, Unfit, canonical
from countermark.share.rows import MAX_FILE_BYTES, MAX_LINE_BYTES

_ADDRESS = re.compile(r"\[(ipv4-addr|ipv6-addr):value = '([0-9a-f.:]{2,45})'\]")
_KINDS: tuple[ItemKind, ...] = ("ipv4-addr", "ipv6-addr", "proxy-exit")


@dataclass
class Match:
    """One indicator of an address that accounts here used too."""

    indicator_id: str
    accounts: set[str] = field(default_factory=set)
    first_day: date = date.max
    last_day: date = date.min


class _Row(msgspec.Struct):
    account_id: str
    kind: str
    value: str | int
    first_seen: str
    last_seen: str


def address_of(indicator: Mapping[str, Any]) -> str | None:
    """The address of a pattern that is one comparison with an address; None for any other."""
    found = _ADDRESS.fullmatch(str(indicator.get("pattern", "")))
    return None if found is None else found[2]


def matches_here(indicators: Iterable[Mapping[str, Any]], identifiers: Path) -> list[Match]:
    """Matches, those of most accounts first; a row that cannot be read matches nothing.

    `identifiers` has the form of `share review --identifiers`. Raises `Error` where it cannot be read.
    """
    wanted: dict[str, list[Match]] = {}
    for one in indicators:
        address = address_of(one)
        if address is not None:
            wanted.setdefault(address, []).append(Match(str(one["id"])))
    for row in _rows(identifiers):
        kind = next((one for one in _KINDS if one == row.kind), None)
        if kind is not None:
            _count(row, kind, wanted)
    found = [match for group in wanted.values() for match in group if match.accounts]
    return sorted(found, key=lambda match: (-len(match.accounts), match.indicator_id))


def _count(row: _Row, kind: ItemKind, wanted: Mapping[str, list[Match]]) -> None:
    try:
        group = wanted.get(canonical(kind, str(row.value)), [])
        first, last = date.fromisoformat(row.first_seen[:10]), date.fromisoformat(row.last_seen[:10])
    except (Unfit, ValueError):
        return
    for match in group:
        match.accounts.add(row.account_id)
        match.first_day, match.last_day = min(match.first_day, first), max(match.last_day, last)


def _rows(path: Path) -> Iterable[_Row]:
    decode = msgspec.json.Decoder(_Row).decode
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Error(f"{path} is over {MAX_FILE_BYTES >> 30} GiB", exit_code=ExitCode.NO_INPUT)
        with path.open("rb") as stream:
            while line := stream.readline(MAX_LINE_BYTES):
                try:
                    yield decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
