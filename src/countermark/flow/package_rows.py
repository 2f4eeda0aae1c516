"""Rows of the tables in a package, as Arrow batches, and its events as files."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from countermark.prove.package.layout import CHUNK, EVENTS, Contents, Member, failed
from countermark.records.events import EVENT_SCHEMA

MAX_LINE_BYTES = 1 << 20
_ROWS = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_decode = msgspec.json.Decoder(dict[str, Any] | None).decode


def table_lines(member: Member, name: str) -> Iterator[dict[str, Any] | None]:
    """The lines of a table, None for one that was taken out; raises `Error(20)` for one that is neither."""
    number = 0
    with member.open() as stream:
        while line := stream.readline(MAX_LINE_BYTES + 2):
            number += 1
            try:
                if len(line) > MAX_LINE_BYTES + 1 or not line.endswith(b"\n"):
                    raise ValueError
                row = _decode(line)
            except (ValueError, RecursionError):
                raise failed(f"line {number:,} of {name} is no row") from None
            yield row


def account_ids(member: Member, name: str = "data/tables/members.jsonl") -> set[str]:
    """The accounts of a table, those that were taken out left out."""
    found = (row.get("account_id") for row in table_lines(member, name) if row)
    return {account for account in found if isinstance(account, str)}


class RequestRows:
    """`requests.jsonl` as rows of EVENT_SCHEMA."""

    def __init__(self, member: Member, name: str = "data/tables/requests.jsonl") -> None:
        self._member, self._name = member, name
        self.taken_out = 0
        """Rows that were taken out, once the table was read."""

    def accounts(self) -> set[str]:
        """Every account with a row."""
        return account_ids(self._member, self._name)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, in their order; raises `Error(20)` for one that is none of an event table."""
        self.taken_out = 0
        lines = table_lines(self._member, self._name)
        while taken := list(islice(lines, _ROWS)):
            rows = [row for row in taken if row is not None]
            self.taken_out += len(taken) - len(rows)
            yield self._batch(rows)

    def _batch(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        known = set(EVENT_SCHEMA.names)
        try:
            if any(not known.issuperset(row) for row in rows):
                raise ValueError
            arrays = [_array([row.get(field.name) for row in rows], field) for field in EVENT_SCHEMA]
            return pa.RecordBatch.from_arrays(arrays, schema=EVENT_SCHEMA)
        except (ValueError, TypeError, OverflowError, pa.ArrowException):
            raise failed(f"{self._name} has a row that is none of an event table") from None


def _array(values: list[Any], field: pa.Field) -> pa.Array:
    if pa.types.is_timestamp(field.type):
        return pa.array([_micros(value) for value in values], pa.int64()).cast(field.type)
    if pa.types.is_integer(field.type):
        return pa.array([int(value) if isinstance(value, str) else value for value in values], field.type)
    if not field.nullable and None in values:
        raise ValueError
    return pa.array(values, field.type)


def _micros(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 time in UTC, exactly."""
    away = datetime.fromisoformat(text) - _EPOCH
    return (away.days * 86_400 + away.seconds) * 10**6 + away.microseconds


def event_parts(capture: dict[str, Any]) -> list[str]:
    """Names of the event parts that a `capture.json` lists, in the order in which they were captured."""
    listed = capture.get("files")
    names = [str(one.get("name")) for one in listed or [] if isinstance(one, dict)]
    return sorted((name for name in names if name.startswith("events-")), key=lambda name: (len(name), name))


def unpacked_events(contents: Contents, capture: dict[str, Any], work: Path) -> list[Path]:
    """The event parts of a package as files, copied into `work` where the package is a zip; none if not in
    it.

    Raises `Error(20)` for one whose columns are not those of an event table.
    """
    names = event_parts(capture)
    if any(EVENTS + name not in contents for name in names):
        return []
    return [_checked(as_file(contents[EVENTS + name], name, work)) for name in names]


def as_file(member: Member, name: str, work: Path) -> Path:
    """A member as a file of its own: itself in a folder, a copy where it stands in a zip."""
    if member.source is not None and member.crc32 is None:
        return member.source
    target = work / name
    with member.open() as stream, target.open("xb") as copy:
        while chunk := stream.read(CHUNK):
            copy.write(chunk)
    return target


def _checked(path: Path) -> Path:
    try:
        if pq.read_schema(path).equals(EVENT_SCHEMA):
            return path
    except (OSError, ValueError):
        pass
    raise failed(f"data/events/{path.name} is no event table")
