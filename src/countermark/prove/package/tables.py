"""Tables of a package as JSON lines, written from the Parquet files of the stages.

One canonical object (RFC 8785) a line, without the columns that are null in it: `null` stands for what was
taken out. Times are RFC 3339 in UTC with microseconds, integers beyond 2^53 - 1 decimal strings. Column by
column over Arrow batches, so that a million rows take seconds and memory is that of a batch.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json

MEMBERS = "data/tables/members.jsonl"
ACCOUNTS = "data/tables/accounts.jsonl"
REQUESTS = "data/tables/requests.jsonl"
ACCEPTANCES = "data/tables/acceptances.jsonl"
_ROWS = 1 << 15
_SAFE = 2**53 - 1
_ESCAPED = '[\\x00-\\x1f"\\\\]'
"""Characters that RFC 8785 escapes in a text."""


def write_members(members: Path, target: BinaryIO) -> pa.Array:
    """All rows of `members.parquet`; gives the distinct account ids, in their first order."""
    found = []
    for batch in _batches([members]):
        if "account_id" not in batch.schema.names:
            raise _unreadable(members, "it has no column account_id")
        _write(batch, target)
        found.append(pc.cast(batch.column("account_id"), pa.string()))
    return pc.unique(pa.chunked_array(found, pa.string()))


def write_rows_of(accounts: pa.Array, files: Sequence[Path], target: BinaryIO) -> int:
    """The rows of these files whose `account_id` is among `accounts`, in their order; how many they are."""
    count = 0
    for batch in _batches(files):
        chosen = batch.filter(pc.is_in(batch.column("account_id"), value_set=accounts))
        if chosen.num_rows:
            _write(chosen, target)
            count += chosen.num_rows
    return count


def _batches(files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for file in files:
        try:
            with pq.ParquetFile(file) as parquet:
                yield from parquet.iter_batches(batch_size=_ROWS)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(file, str(error).partition("\n")[0]) from error


def _unreadable(file: Path, why: str) -> Error:
    return Error(f"{file} is no Parquet file that can be read: {why}", exit_code=ExitCode.NO_INPUT)


def _write(batch: pa.RecordBatch, target: BinaryIO) -> None:
    if not batch.num_rows:
        return
    fields = [_field(name, batch.column(name)) for name in sorted(batch.schema.names)]
    # columns that are null in a row are skipped there, with their comma
    joined = pc.binary_join_element_wise(*fields, ",", null_handling="skip")
    lines = pc.binary_join_element_wise("{", joined, "}\n", "")
    for line in lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]:
        target.write(_bytes_of(line))


def _bytes_of(texts: pa.Array) -> memoryview:
    """All texts of an array, one behind the other, as they lie in memory."""
    texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    ends = memoryview(offsets).cast("q")
    return memoryview(data)[ends[texts.offset] : ends[texts.offset + len(texts)]]


def _field(name: str, column: pa.Array) -> pa.Array:
    key = canonical_json(name).decode() + ":"
    return pc.binary_join_element_wise(key, _value(column), "")


def _value(column: pa.Array) -> pa.Array:
    """Every value as RFC 8785 writes it; null stays null."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _value(column.dictionary_decode())
    if pa.types.is_boolean(kind):
        return column.cast(pa.string())
    if pa.types.is_integer(kind):
        return _integers(column)
    if pa.types.is_timestamp(kind):
        plain = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))
        return pc.binary_join_element_wise('"', pc.strftime(plain, "%Y-%m-%dT%H:%M:%SZ"), '"', "")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(column.cast(pa.string()))
    return pa.array([None if one is None else _other(one) for one in column.to_pylist()], pa.string())


def _integers(column: pa.Array) -> pa.Array:
    texts = column.cast(pa.string())
    wide = column.cast(pa.int64())
    large = pc.or_(pc.greater(wide, _SAFE), pc.less(wide, -_SAFE))
    if not pc.any(large).as_py():
        return texts
    return pc.if_else(large, pc.binary_join_element_wise('"', texts, '"', ""), texts)


def _texts(column: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(column, _ESCAPED)).as_py():
        return pa.array([None if one is None else _other(one) for one in column.to_pylist()], pa.string())
    return pc.binary_join_element_wise('"', column, '"', "")


def _other(value: Any) -> str:
    return canonical_json(value).decode()
