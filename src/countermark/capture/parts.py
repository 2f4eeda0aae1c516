"""Parquet parts of the event table, each with the digests of its raw records beside it."""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from countermark.records.events import EVENT_SCHEMA
from countermark.records.files import replacing

GROUP_ROWS = 65_536
PART_ROWS = 4 * GROUP_ROWS
DIGEST_SCHEMA = pa.schema(
    [
        pa.field(
            "position", pa.int64(), nullable=False
        ),  # number of the part * 2**32 + row in it, as first written
        pa.field("digest_high", pa.int64(), nullable=False),
        pa.field("digest_low", pa.int64(), nullable=False),
    ]
)
"""Keyed 128-bit digest of the raw record behind each row; finds duplicates, also when appending."""
_NUMBER = re.compile(r"events-([0-9]+)\.parquet")


def events_name(number: int) -> str:
    """File name of an event part."""
    return f"events-{number:05d}.parquet"


def digests_name(number: int) -> str:
    """File name of the digests of an event part."""
    return f"digests-{number:05d}.parquet"


def part_numbers(names: Iterable[str]) -> list[int]:
    """Numbers of the event parts among file names, sorted."""
    return sorted(int(match[1]) for name in names if (match := _NUMBER.fullmatch(name)))


def write_table(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> int:
    """Write batches to a Parquet file atomically, in row groups of GROUP_ROWS; gives the number of rows."""
    rows = 0
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema), row_group_size=GROUP_ROWS)
            rows += batch.num_rows
    return rows


def filter_part(source: Path, target: Path, keep: NDArray[np.bool_]) -> int:
    """Copy the rows of a Parquet file that `keep` (one value a row) marks; gives how many they are."""

    def kept() -> Iterator[pa.RecordBatch]:
        at = 0
        for batch in file.iter_batches(batch_size=GROUP_ROWS):
            mask = keep[at : at + batch.num_rows]
            at += batch.num_rows
            if mask.any():
                yield batch.filter(pa.array(mask))

    with pq.ParquetFile(source) as file:
        return write_table(target, kept(), file.schema_arrow)


class PartWriter:
    """Appends rows to parts in a folder, `first` being the number of the first."""

    def __init__(self, folder: Path, first: int) -> None:
        self._folder = folder
        self._number = first
        self._rows = 0
        self._waiting: list[pa.RecordBatch] = []
        self._digests: list[bytes] = []
        self._open: ExitStack | None = None
        self._writers: tuple[pq.ParquetWriter, pq.ParquetWriter] | None = None

    def add(self, batch: pa.RecordBatch, digests: list[bytes]) -> None:
        """Rows of EVENT_SCHEMA, with the 16-byte digest of each."""
        self._waiting.append(batch)
        self._digests += digests
        if len(self._digests) >= GROUP_ROWS:
            self._write_group()

    def __enter__(self) -> "PartWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the last part; after an error, throw it away."""
        if kind is None and self._digests:
            self._write_group()
        if self._open is not None:
            self._open.__exit__(kind, error, trace)

    def _write_group(self) -> None:
        events, digests = self._writers or self._start_part()
        table = pa.Table.from_batches(self._waiting, EVENT_SCHEMA)
        events.write_table(table, row_group_size=table.num_rows)
        halves = np.frombuffer(b"".join(self._digests), "<i8").reshape(-1, 2)
        positions = (self._number << 32) + self._rows + np.arange(len(halves))
        columns = [pa.array(positions), pa.array(halves[:, 0].copy()), pa.array(halves[:, 1].copy())]
        digests.write_table(pa.Table.from_arrays(columns, schema=DIGEST_SCHEMA))
        self._rows += table.num_rows
        self._waiting, self._digests = [], []
        if self._rows >= PART_ROWS:
            self._finish_part()

    def _start_part(self) -> tuple[pq.ParquetWriter, pq.ParquetWriter]:
        self._open = ExitStack()
        files = (
            self._open.enter_context(replacing(self._folder / events_name(self._number))),
            self._open.enter_context(replacing(self._folder / digests_name(self._number))),
        )
        self._writers = (
            self._open.enter_context(pq.ParquetWriter(files[0], EVENT_SCHEMA, compression="zstd")),
            self._open.enter_context(pq.ParquetWriter(files[1], DIGEST_SCHEMA, compression="none")),
        )
        return self._writers

    def _finish_part(self) -> None:
        if self._open is None:
            return
        self._open.close()
        self._open, self._writers = None, None
        self._number += 1
        self._rows = 0
