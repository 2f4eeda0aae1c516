"""Records of a source to rows of the event table, in batches of bounded size; nothing bad stops it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from countermark.capture.columns import Columns
from countermark.capture.formats.base import BadRecord, LogFormat, Request
from countermark.capture.formats.times import HIGH_S, LOW_S
from countermark.capture.hashing import Hasher
from countermark.capture.reader import Opened, Raw, Record, read_records

BATCH_ROWS = 2_048
BATCH_BYTES = 16 << 20
_UNUSABLE = (pa.ArrowException, TypeError, ValueError, AttributeError, OverflowError)


@dataclass
class _Batch:
    """Requests of one source that wait to become rows."""

    requests: list[Request] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    """The record that each request comes from, without its raw bytes."""
    digests: list[bytes] = field(default_factory=list)
    held: int = 0


@dataclass
class Tally:
    """What was read of one source."""

    records: int = 0
    requests: int = 0


class Rows(Protocol):
    """Where rows go."""

    def add(self, batch: pa.RecordBatch, digests: list[bytes]) -> None:
        """Rows of EVENT_SCHEMA, with the 16-byte keyed digest of the raw record behind each."""
        ...


class Refused(Protocol):
    """Where it is noted which records could not be read."""

    def add(self, file: str, line: int, offset: int, reason: str) -> None:
        """One record; `line` counts from 1, `offset` as in `source_offset`."""
        ...


class Pipeline:
    """Turns the records of sources into rows."""

    def __init__(self, hasher: Hasher, columns: Columns, parts: Rows, quarantine: Refused) -> None:
        self._hasher = hasher
        self._columns = columns
        self._parts = parts
        self._quarantine = quarantine

    def read(
        self, source: Opened, name: str, log_format: LogFormat, after_batch: Callable[[int], None]
    ) -> Tally:
        """Read one source to its end; `after_batch` is called with the offset after each batch."""
        tally = self.take(read_records(source), source.sha256, name, log_format, after_batch)
        after_batch(source.size)
        return tally

    def take(
        self,
        records: Iterable[Record],
        sha256: str,
        name: str,
        log_format: LogFormat,
        after_batch: Callable[[int], None],
    ) -> Tally:
        """Turn records of the source with this digest into rows, wherever they come from."""
        tally, batch = Tally(), _Batch()
        for record in records:
            tally.records += 1
            if record.raw is None:
                self._quarantine.add(name, record.line, record.offset, record.problem)
                continue
            self._parse(record, record.raw, name, log_format, batch)
            if len(batch.requests) >= BATCH_ROWS or batch.held >= BATCH_BYTES:
                tally.requests += self._write(batch, sha256, name)
                after_batch(record.offset)
                batch = _Batch()
        tally.requests += self._write(batch, sha256, name)
        return tally

    def _parse(self, record: Record, raw: Raw, name: str, log_format: LogFormat, batch: _Batch) -> None:
        try:
            requests = list(log_format.parse(raw))
            encoded = raw if isinstance(raw, bytes) else _encode_row(raw)
        except BadRecord as error:
            self._quarantine.add(name, record.line, record.offset, str(error))
            return
        except (
            Exception
        ) as error:  # foreign code: any failure is this record's, and its text may quote the content
            self._quarantine.add(
                name, record.line, record.offset, f"the format failed: {type(error).__name__}"
            )
            return
        place = Record(record.offset, record.line, None)
        digest = self._hasher.record_digest(encoded)
        for number, request in enumerate(requests):
            batch.requests.append(request)
            batch.records.append(place)
            batch.digests.append(
                digest if not number else self._hasher.record_digest(digest + b"%d" % number)
            )
        batch.held += len(encoded)

    def _write(self, batch: _Batch, digest: str, name: str) -> int:
        """Write a batch; where a value fits no column, row by row. Gives the number of rows written."""
        if not batch.requests:
            return 0
        counts = replace(self._columns.counts)
        try:
            rows = self._rows(batch.requests, digest, batch.records)
        except _UNUSABLE:
            self._columns.counts = counts
            return self._write_singly(batch, digest, name)
        self._parts.add(rows, batch.digests)
        return len(batch.requests)

    def _write_singly(self, batch: _Batch, digest: str, name: str) -> int:
        written = 0
        for request, record, record_digest in zip(batch.requests, batch.records, batch.digests, strict=True):
            try:
                rows = self._rows([request], digest, [record])
            except _UNUSABLE:
                self._quarantine.add(
                    name, record.line, record.offset, "a field of the wrong type or out of range"
                )
                continue
            self._parts.add(rows, [record_digest])
            written += 1
        return written

    def _rows(self, requests: list[Request], digest: str, records: list[Record]) -> pa.RecordBatch:
        times = [request.ts for request in requests]
        if (
            min(times) < LOW_S * 10**6
            or max(times) >= HIGH_S * 10**6
            or not all(r.account_id for r in requests)
        ):
            raise ValueError("no account, or a time outside 2000 to 2100")
        return self._columns.batch(requests, digest, [record.offset for record in records])


_encoder = msgspec.json.Encoder(enc_hook=repr)


def _encode_row(row: Mapping[str, Any]) -> bytes:
    return _encoder.encode(row)
