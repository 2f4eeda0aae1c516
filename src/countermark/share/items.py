"""What a member may share in the clear about accounts that it has named: `--identifiers FILE`, aggregated.

The file comes from the member's own systems, JSON lines of `account_id`, `kind`, `value`, `first_seen` and
`last_seen` (days or RFC 3339). Its raw values are held in memory only, account ids go no further than the
count, and a row that is quarantined is named by its line, never by what is in it.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date
from functools import lru_cache
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.item_values import ITEM_KINDS, TAGGED_KINDS, ItemKind, Unfit, canonical
from countermark.share.rows import (
    MAX_FILE_BYTES,
    MAX_QUARANTINED,
    Quarantine,
    Quarantined,
    day,
    lines,
    parsed,
)

MAX_ITEMS = 200_000
MAX_PAIRS = 5_000_000
"""Accounts counted over all items; above it the file is refused, so that memory stays bounded."""
_CACHED = 100_000


class Item(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One value that accounts of one campaign showed. Raw: it never goes into a log; its repr hides it."""

    campaign_id: str
    kind: ItemKind
    value: str
    """Canonical (`item_values`)."""
    accounts: int
    """Distinct accounts of the campaign that showed it."""
    first_day: date
    last_day: date
    """Days in UTC."""

    def __repr__(self) -> str:
        return f"Item({self.campaign_id}, {self.kind}, …)"


class Identifiers(msgspec.Struct, frozen=True, kw_only=True):
    """What was read."""

    items: Sequence[Item]
    """By campaign, kind and value."""
    quarantined: Sequence[Quarantined]
    """The first `MAX_QUARANTINED`."""
    reasons: Mapping[str, int]
    """All quarantined rows by reason."""
    not_named: int
    """Rows of accounts that no campaign names: not looked at further."""

    def counts(self) -> Iterator[tuple[str, str, int]]:
        """Kind (`address` for both kinds of it), value and accounts: for the floors of a sharing policy."""
        for one in self.items:
            yield "address" if one.kind.startswith("ipv") else one.kind, one.value, one.accounts


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    account_id: str
    kind: str
    value: str | int
    first_seen: str
    last_seen: str
    suspended: str | None = None
    """Of use in the private overlap only: one file serves both."""


class _Seen:
    """One value while it is counted."""

    __slots__ = ("accounts", "first", "last")

    def __init__(self, first: date, last: date) -> None:
        self.accounts: set[str] = set()
        self.first, self.last = first, last


def read_identifiers(path: Path, campaigns: Mapping[str, Set[str]]) -> Identifiers:
    """Read and aggregate; `campaigns` gives the named accounts by campaign id.

    Raises `Error` where the file cannot be read or is over a bound; a bad row is quarantined.
    """
    reading = _Reading(campaigns)
    try:
        with path.open("rb") as stream:
            hint = "give the rows of named accounts only"
            for number, line in lines(stream, path, hint=hint, max_file_bytes=MAX_FILE_BYTES):
                reading.take(number, line)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    return reading.result()


class _Reading:
    """The state of one reading."""

    def __init__(self, campaigns: Mapping[str, Set[str]]) -> None:
        self._named: dict[str, list[str]] = {}
        for campaign_id, accounts in campaigns.items():
            for account in accounts:
                self._named.setdefault(account, []).append(campaign_id)
        self._decode = msgspec.json.Decoder(_Row).decode
        # of this reading alone: raw values are not kept in memory beyond it
        self._value = lru_cache(maxsize=_CACHED)(canonical)
        self._day = lru_cache(maxsize=_CACHED)(day)
        self._seen: dict[tuple[str, ItemKind, str], _Seen] = {}
        self._pairs = 0
        self._not_named = 0
        self._quarantine = Quarantine(MAX_QUARANTINED)

    def take(self, number: int, line: bytes | None) -> None:
        """One line of the file."""
        if line is not None and not line.strip():
            return
        try:
            self._row(parsed(line, self._decode, "account_id, kind, value, first_seen and last_seen"))
        except Unfit as problem:
            self._quarantine.add(number, str(problem))

    def _row(self, row: _Row) -> None:
        campaigns = self._named.get(row.account_id)
        if campaigns is None:
            self._not_named += 1
            return
        if row.kind in TAGGED_KINDS:
            raise Unfit(f"{row.kind} leaves as a tag of the private overlap only, never in the clear")
        kind = next((one for one in ITEM_KINDS if one == row.kind), None)
        if kind is None:
            raise Unfit("an unknown kind")
        first, last = self._day(row.first_seen), self._day(row.last_seen)
        if last < first:
            raise Unfit("last_seen lies before first_seen")
        value = self._value(kind, str(row.value))
        for campaign_id in campaigns:
            self._count((campaign_id, kind, value), row.account_id, first, last)

    def _count(self, key: tuple[str, ItemKind, str], account: str, first: date, last: date) -> None:
        seen = self._seen.get(key)
        if seen is None:
            if len(self._seen) >= MAX_ITEMS:
                raise Error(
                    f"the identifiers hold over {MAX_ITEMS:,} values", hint="share fewer campaigns at once"
                )
            seen = self._seen[key] = _Seen(first, last)
        seen.first, seen.last = min(seen.first, first), max(seen.last, last)
        if account not in seen.accounts:
            seen.accounts.add(account)
            self._pairs += 1
            if self._pairs > MAX_PAIRS:
                raise Error(
                    f"the identifiers hold over {MAX_PAIRS:,} accounts and values", hint="share fewer at once"
                )

    def result(self) -> Identifiers:
        """Everything counted, in order."""
        items = [
            Item(
                campaign_id=campaign_id,
                kind=kind,
                value=value,
                accounts=len(seen.accounts),
                first_day=seen.first,
                last_day=seen.last,
            )
            for (campaign_id, kind, value), seen in self._seen.items()
        ]
        return Identifiers(
            items=sorted(items),
            quarantined=self._quarantine.listed,
            reasons=self._quarantine.reasons(),
            not_named=self._not_named,
        )
