"""`map_batches`: a function over the record batches of a corpus, on this machine or on Spark, resumable.

The function turns a batch into tables and counts. They are written as part files as soon as a batch is done;
what is done already is not done again. `reduce_buckets` then takes the dealt tables bucket by bucket.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from countermark.store.corpus_files import Damage, Split, read_split, total_bytes
from countermark.store.engines import Item, run
from countermark.store.parts import Parts

QUARANTINE = "quarantine"
"""Name of the table of rows that could not be used."""
QUARANTINE_SCHEMA = pa.schema([("file", pa.string()), ("row", pa.int64()), ("reason", pa.string())])

Output = tuple[Mapping[str, pa.Table], Mapping[str, Any]]
"""Tables by name, and counts that JSON can hold."""
ProgressCall = Callable[[float, float], None]


class BatchFunction(Protocol):
    """What is done with a batch; travels to other processes, so it holds paths and no secret."""

    @property
    def columns(self) -> Sequence[str]:
        """Columns that it wants of a Parquet file."""
        ...

    def __call__(self, file: str, batch: pa.RecordBatch) -> Output:
        """Tables and counts of a batch of `file`; the batch has the schema that `read_split` says."""
        ...


class BucketFunction(Protocol):
    """What is done with all rows of a bucket; travels likewise."""

    def __call__(self, table: pa.Table) -> Output:
        """Tables and counts of a bucket."""
        ...


def map_batches(
    source: Sequence[Split],
    function: BatchFunction,
    parts: Parts,
    engine: str = "local",
    threads: int = 0,
    progress: ProgressCall | None = None,
) -> None:
    """Apply `function` to every batch of the splits and keep what it gives in `parts`.

    The same part files whichever engine, number of threads or number of interruptions. Errors: whatever
    `function` raises; a damaged file is a row of the table QUARANTINE, not an error.
    """
    total, done = total_bytes(source), 0
    left = [split for split in source if not parts.is_done(_split_key(split.number))]
    done = total - total_bytes(left)
    for result in run(
        _MapSplit(function, parts), [msgspec.to_builtins(split) for split in left], engine, threads
    ):
        done += result["size"]
        if progress:
            progress(done, total)


@dataclass(frozen=True)
class _MapSplit:
    function: BatchFunction
    parts: Parts

    def __call__(self, item: Item) -> Item:
        split = msgspec.convert(item, Split)
        tables: Mapping[str, pa.Table] = {}
        try:
            for number, batch in read_split(split, self.function.columns, lambda n: not self._done(split, n)):
                found, counts = self.function(split.name, batch)
                self.parts.save(batch_key(split.number, number), found, counts)
        except Damage as damage:
            row = {"file": [split.name], "row": [damage.row], "reason": [damage.reason]}
            tables = {QUARANTINE: pa.Table.from_pydict(row, QUARANTINE_SCHEMA)}
        self.parts.save(_split_key(split.number), tables, {"quarantined": len(tables)})
        return {"size": split.size}

    def _done(self, split: Split, number: int) -> bool:
        return self.parts.is_done(batch_key(split.number, number))


def batch_key(split: int, number: int) -> str:
    """Key of a batch; keys sort in the order of the corpus."""
    return f"{split:07d}-{number:06d}"


def _split_key(split: int) -> str:
    """Sorts behind the batches of the split."""
    return f"{split:07d}-end"


def reduce_buckets(
    name: str,
    function: BucketFunction,
    parts: Parts,
    into: Parts,
    engine: str = "local",
    threads: int = 0,
    progress: ProgressCall | None = None,
) -> list[dict[str, Any]]:
    """Apply `function` to every bucket of the dealt table `name`; its tables go to `into`.

    Gives the counts of the buckets that hold anything, in order.
    """
    items = [{"bucket": number} for number in range(parts.buckets)]
    left = [item for item in items if not into.is_done(_bucket_key(name, item["bucket"]))]
    for done, _ in enumerate(run(_ReduceBucket(name, function, parts, into), left, engine, threads), start=1):
        if progress:
            progress(len(items) - len(left) + done, len(items))
    known = into.counts()
    found = [known[_bucket_key(name, item["bucket"])] for item in items]
    return [counts for counts in found if counts]


def _bucket_key(name: str, bucket: int) -> str:
    return f"{name}-{bucket:05d}"


@dataclass(frozen=True)
class _ReduceBucket:
    name: str
    function: BucketFunction
    parts: Parts
    into: Parts

    def __call__(self, item: Item) -> Item:
        number = int(item["bucket"])
        table = self.parts.bucket(self.name, number)
        tables, counts = ({}, {}) if table is None else self.function(table)
        self.into.save(_bucket_key(self.name, number), tables, counts)
        return {}
