"""Tables of the exchange, on SQLite (embedded) or PostgreSQL (by URL)."""

from countermark.store.exchange.checks import Asked, Begun, Entry, Kept
from countermark.store.exchange.connect import ExchangeStore
from countermark.store.exchange.members import ACTIONS
from countermark.store.exchange.overdue import Overdue
from countermark.store.exchange.overlap_turns import EXPIRED, VOID, OverlapRun, OverlapSide, Pair, Turn
from countermark.store.exchange.pools import REGISTERED, Pool, Unregistrable, voided_entry
from countermark.store.exchange.quotas import Over, Quota
from countermark.store.exchange.recent import Joined, Part
from countermark.store.exchange.refusals import Counted, Refusal
from countermark.store.exchange.releases import Release
from countermark.store.exchange.samples import Suspended, Under, Use
from countermark.store.exchange.scanning import Row, Version, misplaced
from countermark.store.exchange.shapes import (
    ALL,
    FIRST,
    LAST,
    SPEC_VERSIONS,
    Filters,
    Outcome,
    Page,
    Prepared,
    Status,
    media_type,
    steps_of,
)
from countermark.store.exchange.times import microseconds, rfc3339

__all__ = [
    "ACTIONS",
    "ALL",
    "EXPIRED",
    "FIRST",
    "LAST",
    "REGISTERED",
    "SPEC_VERSIONS",
    "VOID",
    "Asked",
    "Begun",
    "Counted",
    "Entry",
    "ExchangeStore",
    "Filters",
    "Joined",
    "Kept",
    "Outcome",
    "Over",
    "Overdue",
    "OverlapRun",
    "OverlapSide",
    "Page",
    "Pair",
    "Part",
    "Pool",
    "Prepared",
    "Quota",
    "Refusal",
    "Release",
    "Row",
    "Status",
    "Suspended",
    "Turn",
    "Under",
    "Unregistrable",
    "Use",
    "Version",
    "media_type",
    "microseconds",
    "misplaced",
    "rfc3339",
    "steps_of",
    "voided_entry",
]
