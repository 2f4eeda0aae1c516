"""Whose lines a hold freezes: the named accounts, a random control sample, and where their lines stand."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from countermark.capture.columns import Columns
from countermark.capture.hashing import Hasher
from countermark.capture.hashkeys import HashKey
from countermark.capture.holds import HoldEntry
from countermark.capture.prompts import Fingerprints
from countermark.errors import Error, ExitCode
from countermark.store.database import Database
from countermark.store.events import EventsFolder

RULE = (
    "the accounts with rows that were not named, by SHA-256 over the 16 bytes of the seed and the id as"
    " EVENTS has it, the smallest first"
)
_IDS = "SELECT DISTINCT account_id FROM events ORDER BY account_id"
_LINES = """
SELECT DISTINCT source_digest, source_offset FROM events
WHERE account_id IN (SELECT account_id FROM held) ORDER BY source_digest, source_offset
"""
_ROWS = """
SELECT source_digest, count(*) AS rows, count(*) FILTER (WHERE ts < $day) AS earlier FROM events
WHERE account_id IN (SELECT account_id FROM held) GROUP BY source_digest ORDER BY source_digest
"""


@dataclass(frozen=True)
class Chosen:
    """The named accounts in the words of EVENTS, and the others."""

    hasher: Hasher
    named: list[str]
    """Sorted, each once, with rows or not."""
    present: list[str]
    """Those of them with rows."""
    others: list[str]
    """Accounts with rows that were not named, sorted."""

    def draw(self, count: int, seed: int | None) -> tuple[int, list[str]]:
        """The seed, and the control sample it gives: `count` accounts, or all others where they are fewer."""
        seed = secrets.randbits(128) if seed is None else seed
        return seed, sample(self.others, count, seed)


def sample(accounts: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` of the accounts by `RULE`, sorted: the order in which they are given does not matter."""
    start = hashlib.sha256(seed.to_bytes(16, "big"))

    def rank(account: str) -> bytes:
        digest = start.copy()
        digest.update(account.encode())
        return digest.digest()

    return sorted(sorted(accounts, key=rank)[:count])


@dataclass(frozen=True)
class Wanted:
    """Where the held lines stand."""

    offsets: dict[str, NDArray[np.int64]]
    """By digest of the raw log: `source_offset` of each line, ascending, each once."""
    rows: dict[str, int]
    rows_before: int
    rows_since: int


def choose(database: Database, events: EventsFolder, key: HashKey, names: Sequence[str]) -> Chosen:
    """Find the named accounts in EVENTS, by their own ids or as EVENTS calls them.

    Raises `Error` (exit code 3) where it has rows of none of them.
    """
    database.attach("events", events.event_files)
    there: list[str] = database.query(_IDS).column("account_id").to_pylist() if events.event_files else []
    known = set(there)
    hasher = Hasher(key.secret)
    columns = Columns(hasher, Fingerprints(hasher), hash_accounts=events.manifest.hash_accounts)
    named = sorted({name if name in known else columns.account(name) for name in names})
    present = [name for name in named if name in known]
    if not present:
        hint = "ids as in the raw log, or as in EVENTS, one a line"
        reason = f"{events.folder} has no row of the {len(named):,} named accounts"
        raise Error(reason, hint=hint, exit_code=ExitCode.NO_INPUT)
    left = known.difference(named)
    return Chosen(hasher, named, present, [name for name in there if name in left])


def wanted_lines(database: Database, entry: HoldEntry, day: str) -> Wanted:
    """The lines of the accounts of a hold; `choose` has attached the events."""
    database.register("held", pa.table({"account_id": pa.array(entry.held(), pa.string())}))
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
    counted = database.query(_ROWS, {"day": moment}).to_pylist()
    table = database.query(_LINES)
    digests = table.column("source_digest").combine_chunks()
    places = table.column("source_offset").to_numpy()
    runs = pa.compute.run_end_encode(digests, run_end_type=pa.int64())
    ends = [int(end) for end in runs.run_ends.to_pylist()]
    starts = [0, *ends[:-1]] if ends else []
    offsets = {
        digest: places[start:end]
        for digest, start, end in zip(runs.values.to_pylist(), starts, ends, strict=True)
    }
    earlier = sum(row["earlier"] for row in counted)
    rows = {row["source_digest"]: row["rows"] for row in counted}
    return Wanted(offsets, rows, earlier, sum(rows.values()) - earlier)
