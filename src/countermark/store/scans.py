"""The files of a SCAN folder, and the working folder behind them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from countermark.errors import Error, ExitCode
from countermark.records.canonical import file_sha256
from countermark.records.files import replacing, write_atomic
from countermark.records.scans import SCAN_SCHEMA_ID
from countermark.store.corpus_files import CorpusFile, estimated_rows, plan_splits
from countermark.store.engines import Item, run
from countermark.store.map_batches import (
    BatchFunction,
    BucketFunction,
    ProgressCall,
    map_batches,
    reduce_buckets,
)
from countermark.store.parts import MAX_BUCKETS, Parts

SCAN_JSON = "scan.json"
SCORES_FILE, LEFT_OUT_FILE, QUARANTINE_FILE = "scores.parquet", "left-out.parquet", "quarantine.jsonl"
SCAN_FILES = (SCORES_FILE, LEFT_OUT_FILE, QUARANTINE_FILE, SCAN_JSON)
BUCKET_ROWS = 1 << 24
"""About so many pairs are taken together."""
_BYTES_A_TOKEN = 4
_GROUP_ROWS = 1 << 16


@dataclass(frozen=True)
class Work:
    """Passes over one corpus; each keeps its part files in a folder of its own."""

    folder: Path
    files: Sequence[CorpusFile]
    engine: str
    threads: int
    progress: ProgressCall | None = None

    def map(self, name: str, function: BatchFunction) -> None:
        """A pass over all batches."""
        splits = plan_splits(self.files)
        map_batches(splits, function, self._parts(name), self.engine, self.threads, self.progress)

    def reduce(self, name: str, table: str, function: BucketFunction) -> list[dict[str, Any]]:
        """Over the buckets of a table of a pass; what it counted of each."""
        into = self._parts(f"{name}-reduced")
        return reduce_buckets(table, function, self._parts(name), into, self.engine, self.threads)

    def tables(self, name: str, table: str) -> Iterator[pa.Table]:
        """Tables of a pass or of what was made of its buckets, in order."""
        yield from self._parts(name).tables(table)
        yield from self._parts(f"{name}-reduced").tables(table)

    def totals(self, name: str) -> dict[str, int]:
        """Sums of what the batches of a pass counted."""
        sums: dict[str, int] = {}
        for counts in self._parts(name).counts().values():
            for key, value in counts.items():
                sums[key] = sums.get(key, 0) + value
        return sums

    def digests(self) -> list[dict[str, Any]]:
        """Name, SHA-256 and size of each file of the corpus; an `Error` if one has changed since."""
        items = [{"at": at, "path": file.path} for at, file in enumerate(self.files)]
        found = {int(item["at"]): item for item in run(_digest, items, self.engine, self.threads)}
        for at, file in enumerate(self.files):
            if (found[at]["size"], found[at]["modified_ns"]) != (file.size, file.modified_ns):
                raise Error(f"{file.path} has changed during the scan", hint="scan it anew in another folder")
        return [
            {"name": file.name, "sha256": found[at]["sha256"], "size": file.size}
            for at, file in enumerate(self.files)
        ]

    def _parts(self, name: str) -> Parts:
        wanted = estimated_rows(self.files, _BYTES_A_TOKEN) // BUCKET_ROWS
        (self.folder / name).mkdir(exist_ok=True)
        return Parts(str(self.folder / name), min(1 << wanted.bit_length(), MAX_BUCKETS))


def _digest(item: Item) -> Item:
    path = Path(item["path"])
    digest, status = file_sha256(path), path.stat()
    return {**item, "sha256": digest, "size": status.st_size, "modified_ns": status.st_mtime_ns}


def write_parquet(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write tables one after the other, atomically."""
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table.replace_schema_metadata(None), row_group_size=_GROUP_ROWS)


def write_lines(path: Path, tables: Iterable[pa.Table]) -> int:
    """Write rows as JSON lines, atomically; gives how many there are."""
    count = 0
    with replacing(path) as temporary, temporary.open("x", encoding="utf-8") as stream:
        for table in tables:
            count += table.num_rows
            stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in table.to_pylist())
    return count


def write_scan(out: Path, content: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Write `scan.json`, the last file, and give it."""
    files = {name: file_sha256(out / name) for name in SCAN_FILES if name != SCAN_JSON}
    document = {"schema": SCAN_SCHEMA_ID, **content, "sources": list(sources), "files": files}
    write_atomic(out / SCAN_JSON, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    return document


def read_scan(out: Path) -> dict[str, Any]:
    """`scan.json` of a SCAN folder."""
    try:
        document = json.loads((out / SCAN_JSON).read_bytes())
    except (OSError, ValueError):
        raise Error(f"{out} is no SCAN folder", exit_code=ExitCode.NO_INPUT) from None
    if not isinstance(document, dict) or document.get("schema") != SCAN_SCHEMA_ID:
        raise Error(f"{out} is not of {SCAN_SCHEMA_ID}", exit_code=ExitCode.NO_INPUT)
    return document
