"""A member's set for a private overlap, from `--identifiers FILE`: of suspended accounts, in memory only.

JSON lines of `account_id`, `kind`, `value`, `first_seen`, `last_seen` and `suspended` (spec/identifiers.md).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.item_values import Unfit
from countermark.share.overlap.identifiers import (
    IDENTIFIER_KINDS,
    IdentifierKind,
    canonical_value,
    framed,
    kind_of,
)
from countermark.share.rows import MAX_FILE_BYTES, Quarantine, Quarantined, day, lines, parsed

MAX_ITEMS = 2_000_000
_CACHED = 100_000
_LONGEST_CACHED = 256
NOT_SUSPENDED = "an account that is not suspended"


class ItemSet(msgspec.Struct, frozen=True, kw_only=True):
    """What a member may blind. Raw: it never goes into a log; its repr hides the items."""

    items: Sequence[bytes]
    """Framed, distinct, in order of their bytes."""
    counts: Mapping[str, int]
    """Items by kind."""
    rows: int
    """Rows taken; several may be of one item."""
    not_asked: int
    """Rows of kinds that were not asked for."""
    quarantined: Sequence[Quarantined]
    """The first `MAX_QUARANTINED`."""
    reasons: Mapping[str, int]
    """All quarantined rows by reason."""

    def __repr__(self) -> str:
        return f"ItemSet({len(self.items)} items, {sum(self.reasons.values())} rows quarantined)"


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    account_id: str
    kind: str
    value: str
    first_seen: str
    last_seen: str
    suspended: str | None = None


def read_members_items(
    path: Path, kinds: Collection[str] = IDENTIFIER_KINDS, *, now: datetime | None = None
) -> ItemSet:
    """Read a file of identifiers; `now` is the time that no suspension may lie after.

    Raises `Error` where a kind cannot be matched, the file cannot be read or is over a bound; a bad row is
    quarantined.
    """
    if unknown := sorted(set(kinds) - set(IDENTIFIER_KINDS)):
        raise Error(
            f"no kind of identifier: {', '.join(unknown)}",
            hint=f"kinds are {', '.join(IDENTIFIER_KINDS)}",
            exit_code=ExitCode.USAGE,
        )
    reading = _Reading(frozenset(kinds), now or datetime.now(UTC))
    try:
        with path.open("rb") as stream:
            hint = "give the rows of suspended accounts only"
            for number, line in lines(stream, path, hint=hint, max_file_bytes=MAX_FILE_BYTES):
                reading.take(number, line)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    return reading.result()


class _Reading:
    """The state of one reading; its caches hold raw values and end with it."""

    def __init__(self, kinds: Collection[str], now: datetime) -> None:
        self._kinds = kinds
        self._now = now.astimezone(UTC)
        self._decode = msgspec.json.Decoder(_Row).decode
        self._day = lru_cache(maxsize=_CACHED)(day)
        self._suspension = lru_cache(maxsize=_CACHED)(self._checked_suspension)
        self._slow = lru_cache(maxsize=_CACHED)(canonical_value)
        self._items: set[bytes] = set()
        self._counts: Counter[str] = Counter()
        self._rows = 0
        self._not_asked = 0
        self._quarantine = Quarantine()

    def take(self, number: int, line: bytes | None) -> None:
        """One line of the file."""
        if line is not None and not line.strip():
            return
        try:
            self._row(
                parsed(line, self._decode, "account_id, kind, value, first_seen, last_seen and suspended")
            )
        except Unfit as problem:
            self._quarantine.add(number, str(problem))

    def _row(self, row: _Row) -> None:
        kind = kind_of(row.kind, row.value)
        if kind not in self._kinds:
            self._not_asked += 1
            return
        if not row.account_id:
            raise Unfit("a row without an account")
        if not row.suspended:
            raise Unfit(NOT_SUSPENDED)
        self._suspension(row.suspended)
        if self._day(row.last_seen) < self._day(row.first_seen):
            raise Unfit("last_seen lies before first_seen")
        self._count(kind, framed(kind, self._value(kind, row.value)))

    def _value(self, kind: IdentifierKind, value: str) -> str:
        # e-mail and IPv4 take less time than a cache of them costs, and there are most of them
        quick = kind == "ipv4" or (kind == "email" and value.isascii())
        spell = canonical_value if quick or len(value) > _LONGEST_CACHED else self._slow
        return spell(kind, value)

    def _checked_suspension(self, text: str) -> date:
        when = day(text, "suspended is a day or an RFC 3339 time")
        later = when > self._now.date() if len(text) == 10 else datetime.fromisoformat(text) > self._now
        if later:
            raise Unfit("a suspension that lies in the future")
        return when

    def _count(self, kind: IdentifierKind, item: bytes) -> None:
        self._rows += 1
        if item in self._items:
            return
        if len(self._items) >= MAX_ITEMS:
            raise Error(f"the identifiers hold over {MAX_ITEMS:,} items", hint="ask for fewer kinds")
        self._items.add(item)
        self._counts[kind] += 1

    def result(self) -> ItemSet:
        """Everything read, in order."""
        return ItemSet(
            items=sorted(self._items),
            counts=dict(sorted(self._counts.items())),
            rows=self._rows,
            not_asked=self._not_asked,
            quarantined=self._quarantine.listed,
            reasons=self._quarantine.reasons(),
        )
