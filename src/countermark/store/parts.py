"""Results of batches as part files: a batch's tables, then a mark that says that it is done.

A table may be *dealt*: its rows lie in buckets by its first column, a row group each, so that all rows of one
bucket, over all batches, can be taken together however large the whole is. A run that was killed leaves
whole batches and left-overs that nobody reads.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from countermark.records.files import replacing, write_atomic

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4)."""
MAX_BUCKETS = 4096
DEALT = {b"countermark": b"dealt"}
"""Metadata of the schema of a table whose first column, an int64, decides the bucket."""


@dataclass(frozen=True)
class Parts:
    """A folder of part files; plain data, so that it travels to other processes."""

    folder: str
    buckets: int
    """A power of two; the same in all runs over a folder."""

    def is_done(self, key: str) -> bool:
        """Whether a batch was finished."""
        return self._mark(key).exists()

    def save(self, key: str, tables: Mapping[str, pa.Table], counts: Mapping[str, Any]) -> None:
        """Write the tables of a batch that have rows, and then its mark with `counts`."""
        for name, table in tables.items():
            if table.num_rows:
                dealt = (table.schema.metadata or {}).items() >= DEALT.items()
                with replacing(self._file(name, key)) as temporary:
                    if dealt:
                        self._write_dealt(temporary, table)
                    else:
                        pq.write_table(table, temporary, compression="zstd")
        write_atomic(self._mark(key), json.dumps(dict(counts)).encode())

    def _write_dealt(self, path: Path, table: pa.Table) -> None:
        """No dictionary and no compression: the columns are as good as random."""
        options: dict[str, Any] = {"compression": "none", "use_dictionary": False, "write_statistics": False}
        bucket = bucket_of(table.column(0).to_numpy(), self.buckets)
        order = np.argsort(bucket, kind="stable")
        ordered = table.take(pa.array(order)) if self.buckets > 1 else table
        ends = np.searchsorted(bucket[order], np.arange(self.buckets + 1))
        with pq.ParquetWriter(path, table.schema, **options) as writer:
            for start, stop in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
                writer.write_table(ordered.slice(start, stop - start), row_group_size=max(stop - start, 1))

    def counts(self) -> dict[str, dict[str, Any]]:
        """What each finished batch counted, by key, in order."""
        return {
            path.name.removesuffix(".done"): json.loads(path.read_bytes())
            for path in sorted(Path(self.folder).glob("*.done"))
        }

    def tables(self, name: str) -> Iterator[pa.Table]:
        """The tables of this name of all finished batches, in order."""
        for path in self._files(name):
            yield pq.read_table(path)

    def bucket(self, name: str, number: int) -> pa.Table | None:
        """All rows of one bucket; None where no batch has any."""
        parts = []
        for path in self._files(name):
            with pq.ParquetFile(path) as file:
                parts.append(file.read_row_group(number))
        found = [part for part in parts if part.num_rows]
        return pa.concat_tables(found) if found else None

    def _files(self, name: str) -> list[Path]:
        paths = sorted(Path(self.folder).glob(f"{name}.*.parquet"))
        return [path for path in paths if self.is_done(path.name.split(".")[1])]

    def _file(self, name: str, key: str) -> Path:
        return Path(self.folder) / f"{name}.{key}.parquet"

    def _mark(self, key: str) -> Path:
        return Path(self.folder) / f"{key}.done"


def bucket_of(values: "np.ndarray[Any, Any]", buckets: int) -> "np.ndarray[Any, Any]":
    """Bucket of each int64, shape (n,); `buckets` is a power of two up to MAX_BUCKETS."""
    if buckets == 1:
        return np.zeros(len(values), np.uint16)
    shift = np.uint64(64 - (buckets.bit_length() - 1))
    return ((values.view(np.uint64) * _MULTIPLIER) >> shift).astype(np.uint16)
