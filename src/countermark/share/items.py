"""What a member may share in the clear about accounts that it has named: `--identifiers FILE`, aggregated.

The file comes from the member's own systems, JSON lines of `account_id`, `kind`, `value`, `first_seen` and
`last_seen` (days or RFC 3339). Its raw values are held in memory only, account ids go no further than the
count, and a row that is quarantined is named by its line, never by what is in it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.item_values import ITEM_KINDS, TAGGED_KINDS, ItemKind, Unfit, canonical

MAX_FILE_BYTES = 2 << 30
MAX_LINE_BYTES = 16 << 10
MAX_ITEMS = 200_000
MAX_PAIRS = 5_000_000
"""Accounts counted over all items; above it the file is refused, so that memory stays bounded."""
_CACHED = 100_000
MAX_QUARANTINED = 1_000
"""So many rows are listed with their line; what comes after is only counted."""


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


class Quarantined(msgspec.Struct, frozen=True):
    """A row that was not taken."""

    line: int
    """From 1."""
    reason: str


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
            for number, line in _lines(stream, path):
                reading.take(number, line)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    return reading.result()


def _lines(stream: BinaryIO, path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers; None for one that is too long, of which the rest is passed over."""
    number, size, continued = 0, 0, False
    while chunk := stream.readline(MAX_LINE_BYTES + 1):
        size += len(chunk)
        if size > MAX_FILE_BYTES:
            hint = "give the rows of named accounts only"
            raise Error(f"{path} is over {MAX_FILE_BYTES >> 30} GiB", hint=hint)
        if not continued:
            number += 1
            yield number, chunk if len(chunk) <= MAX_LINE_BYTES else None
        continued = not chunk.endswith(b"\n")


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
        self._day = lru_cache(maxsize=_CACHED)(_day)
        self._seen: dict[tuple[str, ItemKind, str], _Seen] = {}
        self._pairs = 0
        self._not_named = 0
        self._quarantined: list[Quarantined] = []
        self._reasons: Counter[str] = Counter()

    def take(self, number: int, line: bytes | None) -> None:
        """One line of the file."""
        if line is not None and not line.strip():
            return
        try:
            self._row(self._parsed(line))
        except Unfit as problem:
            self._reasons[str(problem)] += 1
            if len(self._quarantined) < MAX_QUARANTINED:
                self._quarantined.append(Quarantined(number, str(problem)))

    def _parsed(self, line: bytes | None) -> _Row:
        if line is None:
            raise Unfit(f"a line of over {MAX_LINE_BYTES >> 10} KiB")
        try:
            return self._decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unfit("no row of account_id, kind, value, first_seen and last_seen") from None

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
            quarantined=self._quarantined,
            reasons=dict(sorted(self._reasons.items())),
            not_named=self._not_named,
        )


def _day(text: str) -> date:
    """The UTC day of a day or a time; a time without a zone is refused, since it has no UTC day."""
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise Unfit("a time without a zone")
        return moment.astimezone(UTC).date()
    except (ValueError, OverflowError) as error:
        if isinstance(error, Unfit):
            raise
        raise Unfit("first_seen and last_seen are days or RFC 3339 times") from None
