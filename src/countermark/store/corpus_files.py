"""A corpus of any size as record batches: JSON lines (plain, gzip, zstd) or Parquet, a file or a folder.

A corpus is cut into splits of about 16 MiB, always in the same places, so that a resumed run finds its
batches again, and any engine gives the same ones. A compressed file cannot be entered in its middle: it is
one split with many batches.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from countermark.errors import Error, ExitCode

SPLIT_BYTES = 16 << 20
MAX_LINE_BYTES = 256 << 20
MAX_ROW_GROUP_BYTES = 4 << 30
PARQUET, LINES, GZIP, ZSTD = "parquet", "lines", "gzip", "zstd"
RAW_SCHEMA = pa.schema([("row", pa.int64()), ("raw", pa.large_binary())])
"""Batches of JSON lines: line number from 1, and the line; null where it is too long."""
_NAMES = (".jsonl", ".ndjson", ".json", ".parquet")
_DAMAGE = (OSError, EOFError, zlib.error, pa.ArrowException)


class CorpusFile(msgspec.Struct, frozen=True):
    """One file, as it was when the scan began."""

    path: str
    """Absolute."""
    name: str
    """Relative to the corpus; stands in answers."""
    kind: str
    size: int
    modified_ns: int


class Split(msgspec.Struct, frozen=True):
    """A part of a file that one process reads: bytes of lines, row groups of Parquet, or all of it."""

    number: int
    path: str
    name: str
    kind: str
    start: int
    stop: int
    first_row: int
    """Number of its first row in the file, from 1."""
    size: int
    """Bytes, for progress."""


def find_files(source: Path) -> list[CorpusFile]:
    """Files of a corpus, in a fixed order.

    In a folder those named .jsonl, .ndjson, .json, .parquet, also with .gz or .zst. Raises `Error` (exit code
    3) where there is none.
    """
    if "://" in str(source) or ":/" in str(source):
        raise Error(
            "nothing is read over a network",
            hint="copy the corpus to this machine first",
            exit_code=ExitCode.USAGE,
        )
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*") if _is_corpus(path, source))
    else:
        paths = [source] if source.is_file() else []
    if not paths:
        raise Error(
            f"no corpus at {source}",
            hint="JSON lines (also .gz, .zst) or Parquet, a file or a folder",
            exit_code=ExitCode.NO_INPUT,
        )
    top = source if source.is_dir() else source.parent
    return [_file(path, str(path.relative_to(top))) for path in paths]


def _is_corpus(path: Path, top: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(top).parts)
    plain = path.name.removesuffix(".gz").removesuffix(".zst")
    return not hidden and plain.endswith(_NAMES) and path.is_file()


def _file(path: Path, name: str) -> CorpusFile:
    try:
        status = path.stat()
        with path.open("rb") as stream:
            magic = stream.read(4)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    if magic == b"PAR1":
        kind = PARQUET
    elif magic[:2] == b"\x1f\x8b":
        kind = GZIP
    else:
        kind = ZSTD if magic == b"\x28\xb5\x2f\xfd" else LINES
    return CorpusFile(str(path.absolute()), name, kind, status.st_size, status.st_mtime_ns)


def plan_splits(files: Sequence[CorpusFile]) -> list[Split]:
    """Cut the files; plain lines are read once for their ends, and Parquet's footers."""
    splits: list[Split] = []
    for file in files:
        for start, stop, first_row, size in _cuts(file):
            splits.append(
                Split(len(splits), file.path, file.name, file.kind, start, stop, first_row, max(size, 1))
            )
    return splits


def _cuts(file: CorpusFile) -> Iterator[tuple[int, int, int, int]]:
    """Start, stop, first row and bytes of each split."""
    if file.kind == LINES:
        yield from _line_cuts(file)
    elif file.kind == PARQUET:
        yield from _group_cuts(file)
    else:
        yield 0, file.size, 1, file.size


def _line_cuts(file: CorpusFile) -> Iterator[tuple[int, int, int, int]]:
    """Whole lines of about SPLIT_BYTES; a line that is longer is a split of its own."""
    start, row = 0, 1
    with Path(file.path).open("rb") as stream:
        while start < file.size:
            stream.seek(start)
            chunk = stream.read(min(SPLIT_BYTES, file.size - start))
            size = chunk.rfind(b"\n") + 1 if start + len(chunk) < file.size else len(chunk)
            lines = chunk.count(b"\n", 0, size)
            if not size:
                size, lines = len(chunk), 1
                while piece := stream.readline(SPLIT_BYTES):
                    size += len(piece)
                    if piece.endswith(b"\n"):
                        break
            yield start, start + size, row, size
            start, row = start + size, row + lines


def _group_cuts(file: CorpusFile) -> Iterator[tuple[int, int, int, int]]:
    try:
        metadata = pq.read_metadata(file.path)
    except _DAMAGE:
        yield 0, 0, 1, file.size
        return
    start, row, rows, size = 0, 1, 0, 0
    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        size += _decoded_bytes(metadata.row_group(group))
        if size >= SPLIT_BYTES or group + 1 == metadata.num_row_groups:
            yield start, group + 1, row, size
            start, row, rows, size = group + 1, row + rows, 0, 0


def _decoded_bytes(group: Any) -> int:
    """About what a row group takes in memory: a dictionary or runs may hold ids in far fewer bytes."""
    values: int = sum(group.column(number).num_values for number in range(group.num_columns))
    return max(int(group.total_byte_size), 8 * values)


class Damage(Exception):
    """The rest of a split cannot be read; says after which row, and why."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row, self.reason = row, reason


def read_split(
    split: Split, columns: Sequence[str], wanted: Callable[[int], bool]
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches of a split with their numbers in it, those that are `wanted`.

    JSON lines come in RAW_SCHEMA; Parquet with `row` and those of `columns` that there are. Raises `Damage`
    behind the last batch that could be read.
    """
    row = split.first_row
    try:
        batches = _parquet_batches(split, columns) if split.kind == PARQUET else _line_batches(split)
        for number, (after, batch) in enumerate(batches):
            row = after
            if wanted(number):
                yield number, batch
    except _DAMAGE as error:
        raise Damage(row, f"the file cannot be read further: {type(error).__name__}") from None


def _parquet_batches(split: Split, columns: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    with pq.ParquetFile(split.path) as file:
        groups = list(range(split.start, split.stop))
        if any(file.metadata.row_group(group).total_byte_size > MAX_ROW_GROUP_BYTES for group in groups):
            raise OSError
        rows = sum(file.metadata.row_group(group).num_rows for group in groups)
        size = max(1, rows * SPLIT_BYTES // max(split.size, SPLIT_BYTES))
        row = split.first_row
        known = [name for name in columns if name in file.schema_arrow.names]
        for batch in file.iter_batches(batch_size=size, row_groups=groups, columns=known):
            numbers = pa.array(range(row, row + batch.num_rows), pa.int64())
            row += batch.num_rows
            yield row, batch.append_column("row", numbers)


def _line_batches(split: Split) -> Iterator[tuple[int, pa.RecordBatch]]:
    row = split.first_row
    with Path(split.path).open("rb") as stored:
        if split.kind == GZIP:
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=stored))
        elif split.kind == ZSTD:
            stream = pa.CompressedInputStream(pa.PythonFile(stored, mode="r"), "zstd")
        else:
            stored.seek(split.start)
            stream = cast(BinaryIO, _Range(stored, split.stop - split.start))
        for lines in _whole_lines(stream):
            numbers = pa.array(range(row, row + len(lines)), pa.int64())
            row += len(lines)
            yield (
                row,
                pa.RecordBatch.from_arrays([numbers, pa.array(lines, pa.large_binary())], schema=RAW_SCHEMA),
            )


class _Range:
    """So many bytes of a stream; what is added to the file later is not read."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


def _whole_lines(stream: BinaryIO) -> Iterator[list[bytes | None]]:
    """Lines in lists of about SPLIT_BYTES; None for one over MAX_LINE_BYTES, which is skipped in pieces."""
    held, too_long = b"", False
    while chunk := stream.read(SPLIT_BYTES):
        begin, end = chunk.find(b"\n") + 1, chunk.rfind(b"\n") + 1
        lines: list[bytes | None] = []
        if too_long:
            if not begin:
                continue
            lines, chunk, end, too_long = [None], chunk[begin:], end - begin, False
        if end:
            lines += (held + chunk[: end - 1]).split(b"\n")
            held = chunk[end:]
        else:
            held += chunk
            if len(held) > MAX_LINE_BYTES:
                held, too_long = b"", True
        if lines:
            yield lines
    if held or too_long:
        yield [None if too_long else held]


def count_rows(files: Sequence[CorpusFile]) -> int:
    """Rows of a corpus, good and bad, at most; what is damaged counts as far as it can be read."""
    rows = 0
    for split in plan_splits(files):
        try:
            if split.kind == PARQUET:
                metadata = pq.read_metadata(split.path)
                rows += sum(metadata.row_group(one).num_rows for one in range(split.start, split.stop))
            else:
                rows += sum(batch.num_rows for _, batch in _line_batches(split))
        except _DAMAGE:
            continue
    return rows


def total_bytes(splits: Sequence[Split]) -> int:
    """Of all splits, for progress."""
    return sum(split.size for split in splits)


def estimated_rows(files: Sequence[CorpusFile], bytes_each: int) -> int:
    """A rough number of what takes `bytes_each` when it is not compressed."""
    grown = {GZIP: 4, ZSTD: 4, PARQUET: 2, LINES: 1}
    return sum(file.size * grown[file.kind] for file in files) // bytes_each
