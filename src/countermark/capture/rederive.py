"""Capture held lines again, in memory, and compare every row of their accounts with what EVENTS says.

A row is compared as a whole: a 128-bit digest over all its columns, so that a million rows take 28 bytes
each. Only of rows that differ the columns are looked at, in a second pass over the same lines.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from countermark.capture.columns import Columns
from countermark.capture.formats.base import LogFormat
from countermark.capture.hashing import Hasher
from countermark.capture.hashkeys import HashKey, id_of_key, read_key
from countermark.capture.held_folder import HeldManifest, HeldSource, failed
from countermark.capture.held_lines import decode_records
from countermark.capture.hold import account_hash
from countermark.capture.pipeline import Pipeline
from countermark.capture.prompts import Fingerprints
from countermark.capture.reader import Record
from countermark.capture.recognise import Formats
from countermark.capture.row_digests import Difference, RowDigests, Rows, compare, describe, kept_rows
from countermark.errors import Error
from countermark.records.events import CAPTURE_VERSION
from countermark.records.traits import TRAITS_VERSION
from countermark.trust.agefiles import decrypted
from countermark.trust.keyfiles import Secret

ProgressCall = Callable[[float, float], None]
MOST_LISTED = 100
"""Differences that are told one by one; all are counted."""

Batches = Callable[[], Iterable[pa.RecordBatch]]
"""Rows of EVENT_SCHEMA, from their beginning at every call."""


@dataclass
class Comparison:
    """What came out of it."""

    lines: int = 0
    """Held lines that were captured again."""
    rows: int = 0
    """Rows of the accounts that are compared, as the table has them."""
    others: int = 0
    """Rows of the table that are not compared: of accounts that are not held, or of which it lacks rows."""
    accounts: int = 0
    unreadable: int = 0
    """Held lines that the format no longer reads."""
    changed: int = 0
    missing: int = 0
    """Rows that a held line gives and the table does not have."""
    additional: int = 0
    """Rows of the table that no held line gives."""
    not_held: int = 0
    """Rows of raw logs of which nothing was held."""
    lost: int = 0
    """Rows of raw logs that were not there when the hold was made: the manifest says so."""
    only_hashes: bool = False
    """Everything that differs are keyed hashes, in every row."""
    differences: list[Difference] = field(default_factory=list)
    """The first `MOST_LISTED`, by raw log and offset."""

    @property
    def equal(self) -> bool:
        """Whether every row is what its line gives."""
        return not (self.changed or self.missing or self.additional or self.not_held or self.unreadable)


def opened_key(path: Path, manifest: HeldManifest) -> HashKey:
    """The hash key that the lines were captured with; raises `Error(20)` where the file has another."""
    wanted = manifest.events.key_id
    key = read_key(path, wanted)
    if key is None:
        raise failed(f"the rows were hashed under key {wanted}, which {path.name} does not have")
    if id_of_key(key.secret) != wanted:
        raise failed(f"{path.name} calls another key {wanted}: a key's id follows from the key")
    return key


def check_versions(manifest: HeldManifest) -> list[str]:
    """What differs from the capture of then, in sentences; raises `Error(20)` where rows will differ."""
    said = manifest.events
    if said.capture_version != CAPTURE_VERSION:
        reason = f"captured by version {said.capture_version}, and this is version {CAPTURE_VERSION}"
        raise failed(f"{reason}: the same line gives other rows")
    notes = []
    if said.traits_version != TRAITS_VERSION:
        notes.append(
            f"prompt traits are of version {said.traits_version}, and this computes {TRAITS_VERSION}"
        )
    return notes


class HeldLines:
    """The held lines of one folder, to be captured again as often as asked."""

    def __init__(
        self, held: Path, manifest: HeldManifest, identities: Sequence[Secret], key: HashKey
    ) -> None:
        self._held, self._manifest, self._identities = held, manifest, identities
        self._hasher = Hasher(key.secret)
        self._held_hashes = {*manifest.accounts, *manifest.control.accounts}
        self._known: dict[str, bool] = {}
        self.number = {source.sha256: at for at, source in enumerate(manifest.sources)}
        """Of each raw log, by its digest."""
        self.notes: list[str] = []
        self._formats = {source.sha256: self._format(source) for source in manifest.sources}

    def is_held(self, account: str) -> bool:
        """Whether the lines of this account were frozen."""
        known = self._known.get(account)
        if known is None:
            known = self._known[account] = account_hash(self._hasher, account) in self._held_hashes
        return known

    def chosen(self, batch: pa.RecordBatch, scope: Callable[[str], bool]) -> pa.RecordBatch:
        """The rows of held accounts that are in scope."""
        names = pc.unique(batch.column("account_id"))
        mine = [name for name in names.to_pylist() if scope(name) and self.is_held(name)]
        return batch.filter(pc.is_in(batch.column("account_id"), value_set=pa.array(mine, pa.string())))

    def capture(
        self, take: Callable[[int, pa.RecordBatch], None], progress: ProgressCall = lambda _d, _t: None
    ) -> tuple[int, int]:
        """Give every row of every line to `take` with the number of its raw log; lines read, and not
        readable.

        Raises `Error(20)` for lines that are damaged, in another order, more or fewer than the manifest says.
        """
        total = sum(source.file_bytes for source in self._manifest.sources)
        lines = unreadable = done = 0
        for number, source in enumerate(self._manifest.sources):
            sink = _Sink(number, take)
            refused = _Count()
            fingerprints = Fingerprints(self._hasher)
            columns = Columns(self._hasher, fingerprints, hash_accounts=self._manifest.events.hash_accounts)
            pipeline = Pipeline(self._hasher, columns, sink, refused)
            with decrypted(self._held / source.file, self._identities) as stream:
                records = decode_records(stream, source.sha256, source.file)
                tally = pipeline.take(
                    _bounded(records, source),
                    source.sha256,
                    source.name,
                    self._formats[source.sha256],
                    partial(_drop_sketches, fingerprints),
                )
            if tally.records != source.lines:
                reason = (
                    f"{source.file} holds {tally.records:,} lines, and the manifest says {source.lines:,}"
                )
                raise failed(reason)
            lines += tally.records
            unreadable += refused.count
            done += source.file_bytes
            progress(done, total)
        return lines, unreadable

    def _format(self, source: HeldSource) -> LogFormat:
        try:
            made, used = Formats(source.format, source.mapping, source.time_unit or None).named()
        except Error as error:
            raise failed(f"{source.name} cannot be read as {source.format}: {error.message}") from None
        then = self._manifest.events.formats.get(source.format, "")
        note = f"the plug-in that reads {source.format} is not the one of the capture (another SHA-256)"
        if then and used.origin.get("sha256") != then and note not in self.notes:
            self.notes.append(note)
        return made


def _drop_sketches(fingerprints: Fingerprints, _offset: int) -> None:
    fingerprints.take_sketches()


class _Sink:
    def __init__(self, number: int, take: Callable[[int, pa.RecordBatch], None]) -> None:
        self._number, self._take = number, take

    def add(self, batch: pa.RecordBatch, digests: list[bytes]) -> None:  # noqa: ARG002 - a sink of `Pipeline`
        self._take(self._number, batch)


class _Count:
    def __init__(self) -> None:
        self.count = 0

    def add(self, file: str, line: int, offset: int, reason: str) -> None:  # noqa: ARG002 - as above
        self.count += 1


def _bounded(records: Iterator[Record], source: HeldSource) -> Iterator[Record]:
    for number, record in enumerate(records, 1):
        if number > source.lines:
            raise failed(f"{source.file} holds more lines than the {source.lines:,} that the manifest says")
        yield record


@dataclass(frozen=True)
class Table:
    """Rows that are compared with held lines."""

    batches: Batches
    scope: Callable[[str], bool]
    """Accounts of which the table has every row."""


def compare_tables(
    lines: HeldLines,
    manifest: HeldManifest,
    tables: Sequence[Table],
    progress: ProgressCall = lambda _done, _total: None,
) -> list[Comparison]:
    """Compare the rows of held accounts in each table with what the held lines give, captured once for all.

    Raises `Error(20)` for held lines that cannot be read, and for rows that are none.
    """
    lost = {one.sha256 for one in manifest.missing}
    outcomes, said = zip(*(_said(lines, table, lost) for table in tables), strict=True)
    given = [RowDigests() for _ in tables]

    def take(number: int, batch: pa.RecordBatch) -> None:
        for table, digests in zip(tables, given, strict=True):
            digests.add(number, lines.chosen(batch, table.scope))

    read, unreadable = lines.capture(take, progress)
    wanted = []
    for outcome, mine, theirs in zip(outcomes, said, given, strict=True):
        outcome.lines, outcome.unreadable = read, unreadable
        found = compare(mine, theirs)
        outcome.changed, outcome.missing, outcome.additional = found.changed, found.missing, found.additional
        outcome.only_hashes = found.equal == 0
        wanted.append(found.places[:MOST_LISTED])
    if any(wanted):
        _tell_differences(lines, manifest, tables, outcomes, wanted)
    for outcome in outcomes:
        hashes = bool(outcome.differences) and all(one.only_hashes for one in outcome.differences)
        outcome.only_hashes &= hashes
    return list(outcomes)


def _said(lines: HeldLines, table: Table, lost: set[str]) -> tuple[Comparison, RowDigests]:
    """What the table says of the held accounts."""
    outcome, said = Comparison(), RowDigests()
    accounts: set[str] = set()
    for batch in table.batches():
        mine = lines.chosen(batch, table.scope)
        accounts.update(pc.unique(mine.column("account_id")).to_pylist())
        outcome.rows += mine.num_rows
        outcome.others += batch.num_rows - mine.num_rows
        for sha256, part in by_source(mine):
            number = lines.number.get(sha256)
            if number is not None:
                said.add(number, part)
            elif sha256 in lost:
                outcome.lost += part.num_rows
            else:
                outcome.not_held += part.num_rows
    outcome.accounts = len(accounts)
    return outcome, said


def _tell_differences(
    lines: HeldLines,
    manifest: HeldManifest,
    tables: Sequence[Table],
    outcomes: Sequence[Comparison],
    wanted: Sequence[list[tuple[int, int]]],
) -> None:
    """Which columns differ, in a second pass over both sides."""
    places = [set(one) for one in wanted]
    said: list[Rows] = [{} for _ in tables]
    given: list[Rows] = [{} for _ in tables]
    for at, table in enumerate(tables):
        for batch in table.batches() if places[at] else ():
            for sha256, part in by_source(lines.chosen(batch, table.scope)):
                if sha256 in lines.number:
                    kept_rows(lines.number[sha256], part, places[at], said[at])

    def take(number: int, batch: pa.RecordBatch) -> None:
        for at, table in enumerate(tables):
            if places[at]:
                kept_rows(number, lines.chosen(batch, table.scope), places[at], given[at])

    lines.capture(take)
    names = [source.name for source in manifest.sources]
    for at, outcome in enumerate(outcomes):
        outcome.differences = [
            describe(
                names[source], offset, *(rows.get((source, offset), []) for rows in (said[at], given[at]))
            )
            for source, offset in wanted[at]
        ]


def by_source(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of a batch, by the digest of their raw log."""
    for sha256 in pc.unique(batch.column("source_digest")).to_pylist():
        yield sha256, batch.filter(pc.equal(batch.column("source_digest"), sha256))
