"""Destroy rows of EVENTS, leaving a tombstone: by age, or all of one account. A legal hold stands above."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from countermark.capture import duplicates
from countermark.capture.costs import costs_of
from countermark.capture.hashing import Hasher, is_raw_identifier
from countermark.capture.hashkeys import default_path, read_key
from countermark.capture.holds import HoldEntry, in_force
from countermark.capture.manifest import describe, event_facts, event_files, write_manifest
from countermark.capture.parts import digests_name, events_name, filter_part, part_numbers, write_table
from countermark.capture.staging import commit, staging
from countermark.errors import Error, ExitCode
from countermark.records.capture import ACCOUNTS_FILE, SKETCHES_FILE, Capture, Tombstone
from countermark.records.events import ACCOUNT_SCHEMA
from countermark.store.database import Database
from countermark.store.events import EventsFolder, open_events

Mask = NDArray[np.bool_]
_KEPT_ACCOUNTS = """
SELECT * FROM accounts
WHERE account_id NOT IN (SELECT account_id FROM named)
  AND (account_id IN (SELECT account_id FROM kept) OR account_id NOT IN (SELECT account_id FROM earlier))
ORDER BY account_id
"""


@dataclass(frozen=True)
class _Target:
    """What is to go, and what the tombstone says of it."""

    tombstone: Tombstone
    before: datetime | None = None
    names: tuple[str, ...] = ()
    """The account's name as it may stand in EVENTS: readable, or hashed."""
    held: pa.Array | None = None
    """Accounts under legal hold, as EVENTS calls them."""

    def keep(self, rows: pa.RecordBatch) -> tuple[Mask, int]:
        """Which rows stay, and how many of them only because they are held."""
        stay = self._retained(rows)
        if self.held is None:
            return stay, 0
        held: Mask = pc.is_in(rows.column("account_id"), self.held).to_numpy(zero_copy_only=False)
        return stay | held, int((held & ~stay).sum())

    def _retained(self, rows: pa.RecordBatch) -> Mask:
        if self.before is not None:
            bound = pa.scalar(self.before, pa.timestamp("us", tz="UTC"))
            stay = pc.greater_equal(rows.column("ts"), bound)
        else:
            stay = pc.invert(pc.is_in(rows.column("account_id"), pa.array(self.names)))
        mask: Mask = stay.to_numpy(zero_copy_only=False)
        return mask


def purge_before(
    folder: Path, before: datetime, *, say: Callable[[str], None] = lambda _: None
) -> Tombstone | None:
    """Destroy the rows older than `before`, and accounts and sketches that only they referred to.

    Rows of accounts under legal hold stay, which `say` is told. Gives the tombstone, None when there was
    nothing to destroy. Raises `Error` when the folder is not whole.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    tombstone = Tombstone(at=now, kind="before", before=before.astimezone(UTC).isoformat())
    return _purge(folder, lambda _: _Target(tombstone, before=before), say)


def purge_account(
    folder: Path,
    account: str,
    *,
    hash_key: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Tombstone | None:
    """Destroy the rows of one account, by its own id; the tombstone keeps a keyed digest of the id.

    Of an account under legal hold nothing goes, which `say` is told.
    Without the folder's key (destroyed, or another key file) a hashed id cannot be found: an `Error` then.
    """

    def target(events: EventsFolder) -> _Target:
        path = hash_key or default_path()
        key = read_key(path, events.manifest.key_id) if path.exists() else None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if key is not None:
            hasher = Hasher(key.secret)
            digest = hasher.pseudonym("purged", account).removeprefix("h:")
            names = (account, hasher.pseudonym("account_id", account), hasher.pseudonym("name", account))
            return _Target(Tombstone(at=now, kind="account", account_digest=digest), names=names)
        if events.manifest.hash_accounts or is_raw_identifier(account):
            hint = f"give --hash-key the file with key {events.manifest.key_id}, or the id as EVENTS has it"
            raise Error("this account's id is hashed, and its key is not there", hint=hint)
        return _Target(Tombstone(at=now, kind="account"), names=(account,))

    return _purge(folder, target, say)


def note_destroyed_keys(folder: Path, key_ids: list[str]) -> Tombstone | None:
    """Leave a tombstone in EVENTS whose hash key was destroyed."""
    with staging(folder) as staged:
        events = open_events(folder)
        if events.manifest.key_id not in key_ids:
            return None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        tombstone = Tombstone(at=now, kind="hash_key", key_ids=[events.manifest.key_id])
        manifest = msgspec.structs.replace(
            events.manifest, tombstones=[*events.manifest.tombstones, tombstone]
        )
        write_manifest(staged, manifest)
        commit(folder)
    return tombstone


def _purge(
    folder: Path, target_of: Callable[[EventsFolder], _Target], say: Callable[[str], None]
) -> Tombstone | None:
    if not folder.is_dir():
        raise Error(f"no such folder: {folder}", exit_code=ExitCode.NO_INPUT)
    with staging(folder) as staged:
        events = open_events(folder)
        holds = in_force(folder)
        target = _under_hold(target_of(events), holds)
        counts = [_filter(folder, staged, number, target) for number in _numbers(events)]
        rows, held = (sum(count[place] for count in counts) for place in (0, 1))
        if held:
            names = ", ".join(one.hold_id for one in holds)
            say(f"{held:,} rows stay: their accounts are under legal hold ({names})")
        accounts = _filter_accounts(events, staged, target)
        if not rows and not accounts:
            return None
        tombstone = msgspec.structs.replace(target.tombstone, rows=rows, accounts=accounts, held_rows=held)
        manifest = _manifest(events, staged, tombstone)
        write_manifest(staged, manifest)
        commit(folder)
    return manifest.tombstones[-1]


def _under_hold(target: _Target, holds: list[HoldEntry]) -> _Target:
    """The target less the accounts that a hold keeps."""
    held = sorted({name for one in holds for name in one.held()})
    if not held:
        return target
    return replace(target, held=pa.array(held, pa.string()))


def _numbers(events: EventsFolder) -> list[int]:
    return part_numbers(path.name for path in events.event_files)


def _filter(folder: Path, staged: Path, number: int, target: _Target) -> tuple[int, int]:
    """Stage the part without the target's rows, if it has any; gives how many went, and how many are held."""
    with pq.ParquetFile(folder / events_name(number)) as file:
        kept = [target.keep(batch) for batch in file.iter_batches(columns=["ts", "account_id"])]
    keep = np.concatenate([mask for mask, _ in kept]) if kept else np.ones(0, np.bool_)
    held = sum(count for _, count in kept)
    if keep.all():
        return 0, held
    for name in (events_name(number), digests_name(number)):
        filter_part(folder / name, staged / name, keep)
    return int(len(keep) - keep.sum()), held


def _filter_accounts(events: EventsFolder, staged: Path, target: _Target) -> int:
    """Stage the account table without the target and without accounts that lost their last row."""
    kept = event_files(events.folder, staged, [path.name for path in events.event_files])
    with Database() as database:
        database.attach("earlier", events.event_files)
        database.attach("kept", kept)
        database.attach("accounts", [events.accounts_file])
        named = pa.array(target.names, pa.string())
        if target.held is not None:
            named = named.filter(pc.invert(pc.is_in(named, target.held)))
        database.register("named", pa.table({"account_id": named}))
        left = write_table(staged / ACCOUNTS_FILE, database.batches(_KEPT_ACCOUNTS), ACCOUNT_SCHEMA)
        duplicates.write_sketches(database, kept, [events.sketches_file], staged)
    return int(pq.read_metadata(events.accounts_file).num_rows - left)


def _manifest(events: EventsFolder, staged: Path, tombstone: Tombstone) -> Capture:
    before = events.manifest
    files = {file.name: file for file in before.files} | {
        path.name: describe(path) for path in staged.iterdir()
    }
    sketches = files[SKETCHES_FILE].rows
    tombstone = msgspec.structs.replace(tombstone, sketches=before.counts.prompts - sketches)
    counts = msgspec.structs.replace(
        before.counts,
        purged=before.counts.purged + tombstone.rows,
        accounts=files[ACCOUNTS_FILE].rows,
        prompts=sketches,
    )
    facts = event_facts(event_files(events.folder, staged, files))
    return msgspec.structs.replace(
        before,
        files=[file for _, file in sorted(files.items())],
        counts=counts,
        impossible_columns=sorted({*before.impossible_columns}.intersection(facts["empty_columns"])),
        costs=costs_of(facts["empty_columns"], counts.accounts),
        tombstones=[*before.tombstones, tombstone],
        **facts,
    )
