"""Builds the next state of an EVENTS folder in its staging folder, after what it held before."""

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import pyarrow.parquet as pq

from countermark import __version__
from countermark.capture import duplicates
from countermark.capture.accounts import AccountTable, earlier_rows
from countermark.capture.columns import Columns
from countermark.capture.costs import costs_of
from countermark.capture.formats.base import LogFormat
from countermark.capture.hashing import Hasher
from countermark.capture.hashkeys import HashKey
from countermark.capture.manifest import describe, event_facts, event_files
from countermark.capture.parts import PartWriter, digests_name, part_numbers
from countermark.capture.pipeline import Pipeline
from countermark.capture.prompts import Fingerprints
from countermark.capture.quarantine import Quarantine
from countermark.capture.reader import Opened
from countermark.errors import Error, ExitCode
from countermark.records.capture import (
    ACCOUNTS_FILE,
    QUARANTINE_FILE,
    SKETCHES_FILE,
    Capture,
    Counts,
    FormatUsed,
    Source,
)
from countermark.records.events import OPTIONAL_EVENT_COLUMNS, SKETCH_SCHEMA
from countermark.records.traits import TRAITS_VERSION
from countermark.store.database import Database

ACCOUNT_TABLE = "accounts"
"""What a source that is an account table has as its format."""
_WORK = "work"


@dataclass(frozen=True)
class Told:
    """How a log is read: its format, and what the user said about it."""

    used: FormatUsed
    mapping: Mapping[str, str]
    time_unit: str = ""


class EventsWriter:
    """Reads sources into a staging folder; a context, so that files are closed whatever happens."""

    def __init__(
        self, out: Path, staged: Path, before: Capture | None, key: HashKey, *, hash_accounts: bool
    ) -> None:
        """`out` is the folder as it is, `before` its manifest when this run appends to it."""
        self._out, self._staged, self._before, self._key = out, staged, before, key
        self._hash_accounts = hash_accounts
        self._hasher = Hasher(key.secret)
        self._fingerprints = Fingerprints(self._hasher)
        self._columns = Columns(self._hasher, self._fingerprints, hash_accounts=hash_accounts)
        self._kept = [file.name for file in before.files] if before else []
        self._first = max(part_numbers(self._kept), default=-1) + 1
        self._sources: list[Source] = []
        self._formats: dict[str, FormatUsed] = {}
        self._impossible = set(before.impossible_columns if before else OPTIONAL_EVENT_COLUMNS)
        self._accounts: list[Path] = []
        self._work = staged / _WORK

    def __enter__(self) -> "EventsWriter":
        self._work.mkdir()
        with ExitStack() as stack:
            earlier = self._out / QUARANTINE_FILE if self._before else None
            self.quarantine = stack.enter_context(Quarantine(self._staged, earlier))
            self._sketches = stack.enter_context(pq.ParquetWriter(self._work / SKETCHES_FILE, SKETCH_SCHEMA))
            self._parts = stack.enter_context(PartWriter(self._staged, self._first))
            self._open = stack.pop_all()
        self._pipeline = Pipeline(self._hasher, self._columns, self._parts, self.quarantine)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def read_log(
        self, source: Opened, name: str, made: LogFormat, told: Told, progress: Callable[[int], None]
    ) -> None:
        """Read one log file; `progress` gets the offset reached."""

        def after_batch(offset: int) -> None:
            for batch in self._fingerprints.take_sketches():
                self._sketches.write_batch(batch)
            progress(offset)

        bad = self.quarantine.total
        tally = self._pipeline.read(source, name, made, after_batch)
        bad = self.quarantine.total - bad
        self._sources.append(
            Source(
                name,
                source.sha256,
                source.size,
                told.used.name,
                tally.records,
                tally.requests,
                bad,
                dict(told.mapping),
                told.time_unit,
            )
        )
        self._formats[told.used.name] = told.used
        self._impossible &= made.impossible

    def read_accounts(self, source: Opened, mapping: Mapping[str, str]) -> None:
        """Read the provider's account table."""
        table = AccountTable(self._hasher, self._columns.account, mapping)
        bad = self.quarantine.total
        target = self._work / "account-rows.parquet"
        records = table.write(source, target, self.quarantine)
        self._accounts.append(target)
        bad = self.quarantine.total - bad
        self._sources.append(
            Source(source.path.name, source.sha256, source.size, ACCOUNT_TABLE, records, 0, bad)
        )

    def skip(self, source: Opened, name: str, reason: str) -> None:
        """Note a source that is not read."""
        self.quarantine.add(name, 0, 0, reason)
        self._sources.append(Source(name, source.sha256, source.size, "", 0, 0, 1))

    def finish(self, *, threads: int, memory: str) -> Capture:
        """Drop duplicates, write sketches and accounts, and give the manifest of the whole folder.

        Raises `Error` (exit code 3) when no request was captured.
        """
        self._open.close()
        requests = sum(source.requests for source in self._sources)
        if not requests:
            raise self._nothing()
        with Database(threads=threads, memory=memory) as database:
            dropped, conflicting, prompts, accounts = self._last_pass(database)
        shutil.rmtree(self._work)
        counts = self._counts(requests, dropped, conflicting, prompts, accounts)
        return self._manifest(counts)

    def _nothing(self) -> Error:
        names = ", ".join(source.name for source in self._sources[:3] if source.format != ACCOUNT_TABLE)
        reasons = "; ".join(f"{count}x {reason}" for reason, count in self.quarantine.reasons.most_common(3))
        hint = f"records that could not be read: {reasons}" if reasons else "the log is empty"
        return Error(f"no requests in {names}", hint=hint, exit_code=ExitCode.NO_INPUT)

    def _last_pass(self, database: Database) -> tuple[int, int, int, int]:
        new = part_numbers(path.name for path in self._staged.iterdir())
        old = [self._out / digests_name(number) for number in part_numbers(self._kept)]
        digests = [*old, *(self._staged / digests_name(number) for number in new)]
        dropped = duplicates.drop_duplicates(database, self._staged, new, digests)
        events = event_files(self._out, self._staged, self._kept)
        conflicting = duplicates.count_conflicting_ids(database, events)
        earlier = [self._out / SKETCHES_FILE] if self._before else []
        prompts = duplicates.write_sketches(
            database, events, [*earlier, self._work / SKETCHES_FILE], self._staged
        )
        tables = list(self._accounts)
        if self._before:
            tables.append(self._work / "earlier-rows.parquet")
            earlier_rows(self._out / ACCOUNTS_FILE, tables[-1])
        accounts = duplicates.write_accounts(database, tables, self._staged)
        return dropped, conflicting, prompts, accounts

    def _counts(self, requests: int, dropped: int, conflicting: int, prompts: int, accounts: int) -> Counts:
        before = self._before.counts if self._before else Counts()
        logs = [source for source in self._sources if source.format != ACCOUNT_TABLE]
        return Counts(
            records=before.records + sum(source.records for source in logs),
            requests=before.requests + requests,
            duplicates_dropped=before.duplicates_dropped + dropped,
            quarantined=before.quarantined + self.quarantine.total,
            purged=before.purged,
            conflicting_request_ids=conflicting,
            accounts=accounts,
            prompts=prompts,
            bad_addresses=before.bad_addresses + self._columns.counts.bad_addresses,
            hashed_names=before.hashed_names + self._columns.counts.hashed_names,
            cut_prompts=before.cut_prompts + self._fingerprints.cut,
        )

    def _manifest(self, counts: Counts) -> Capture:
        facts = event_facts(event_files(self._out, self._staged, self._kept))
        staged = {path.name: describe(path) for path in self._staged.iterdir()}
        kept = {file.name: file for file in self._before.files} if self._before else {}
        formats = {used.name: used for used in self._before.formats} if self._before else {}
        empty = facts["empty_columns"]
        return Capture(
            countermark_version=__version__,
            traits_version=TRAITS_VERSION,
            key_id=self._key.key_id,
            hash_accounts=self._hash_accounts,
            formats=list((formats | self._formats).values()),
            sources=[*(self._before.sources if self._before else []), *self._sources],
            files=[file for _, file in sorted((kept | staged).items())],
            counts=counts,
            impossible_columns=sorted(self._impossible.intersection(empty)),
            costs=costs_of(empty, counts.accounts),
            tombstones=self._before.tombstones if self._before else [],
            **facts,
        )
