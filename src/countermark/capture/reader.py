"""Raw records of one source file, streamed: JSON lines, a JSON document, CSV, Parquet; plain, gzip or zstd.

Told apart by content, not by name (a `.csv` or `.tsv` name helps where the content could be either).
"""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from countermark.errors import Error, ExitCode

MAX_LINE_BYTES = 16 << 20
MAX_DOCUMENT_BYTES = 256 << 20
MAX_ROW_GROUP_BYTES = 4 << 30
_BUFFER = 1 << 20
_HEAD = 1 << 16
_PARQUET_ROWS = 1_024
_DELIMITERS = ",\t;|"
_DAMAGE = (OSError, EOFError, zlib.error, pa.ArrowException, ValueError)

Raw = bytes | Mapping[str, Any]


class Record(NamedTuple):
    """One raw record; `raw` is None where it could not be read, and `problem` says why."""

    offset: int
    """Byte offset of a line (of the decompressed stream); number from 0 of a row or element."""
    line: int
    """Line number from 1; of a row or element its number from 1."""
    raw: Raw | None
    problem: str = ""


@dataclass(frozen=True)
class Opened:
    """A source file, digested."""

    path: Path
    sha256: str
    size: int
    """Bytes that were digested; what is added to the file later is not read."""


def digest_file(path: Path) -> Opened:
    """SHA-256 and size of the file as stored."""
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_BUFFER):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    return Opened(path, digest.hexdigest(), size)


def read_records(source: Opened, *, max_line: int = MAX_LINE_BYTES) -> Iterator[Record]:
    """Every raw record of the file, in order; damage to the file is a record with a problem, the last one."""
    with source.path.open("rb") as stored:
        if stored.read(4) == b"PAR1":
            yield from _parquet_rows(source.path)
            return
        stored.seek(0)
        stream = _decompressed(stored, source.size)
        offset, line = 0, 0
        try:
            for record in _text_records(stream, source.path.name, max_line):
                offset, line = record.offset, record.line
                yield record
        except _DAMAGE as error:
            yield Record(offset, line + 1, None, f"the file cannot be read further: {type(error).__name__}")


class _Prefix(io.RawIOBase):
    """The first `size` bytes of a file: a log that grows while it is read is read as it was digested."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: self._left]
        count = cast(io.BufferedReader, self._stream).readinto(view)
        self._left -= count
        return count


def _buffered(raw: Any) -> io.BufferedReader:
    return io.BufferedReader(raw, _BUFFER)


def _decompressed(stored: BinaryIO, size: int) -> io.BufferedReader:
    stream = _buffered(_Prefix(stored, size))
    magic = stream.peek(4)[:4]
    if magic[:2] == b"\x1f\x8b":
        return _buffered(gzip.GzipFile(fileobj=stream))
    if magic == b"\x28\xb5\x2f\xfd":
        return _buffered(pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd"))
    return stream


def _text_records(stream: io.BufferedReader, name: str, max_line: int) -> Iterator[Record]:
    head = stream.read(_HEAD)
    if head.startswith(b"PAR1"):
        yield Record(0, 1, None, "a compressed Parquet file; decompress it first")
        return
    skip = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    text = head[skip:].lstrip()
    stream = _buffered(_Rejoined(head[skip:], stream))
    if text.startswith(b"[") or (text.startswith(b"{") and not _is_lines(text)):
        yield from _document(stream)
    elif _is_csv(text, name):
        yield from _csv_rows(stream, text, max_line)
    else:
        yield from _lines(stream, skip, max_line)


class _Rejoined(io.RawIOBase):
    """A stream with bytes put back in front of it."""

    def __init__(self, head: bytes, rest: io.BufferedReader) -> None:
        self._head, self._rest = memoryview(head), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._head:
            count = min(len(buffer), len(self._head))
            buffer[:count] = self._head[:count]
            self._head = self._head[count:]
            return count
        return self._rest.readinto(buffer)


def _is_lines(text: bytes) -> bool:
    """Whether text that begins with an object is one object a line (and not one object over many lines)."""
    first, newline, rest = text.partition(b"\n")
    if not newline or rest.startswith(b"{") or b"\n{" in rest:
        return True
    try:
        msgspec.json.decode(first, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True


def _is_csv(text: bytes, name: str) -> bool:
    suffix = Path(name.removesuffix(".gz").removesuffix(".zst")).suffix.lower()
    if suffix in (".csv", ".tsv"):
        return True
    if suffix in (".json", ".jsonl", ".ndjson") or b"\n{" in text or text.startswith(b"{"):
        return False
    first = text.partition(b"\n")[0]
    return any(delimiter.encode() in first for delimiter in _DELIMITERS) and b"\0" not in first


def _bounded_lines(
    stream: io.BufferedReader, offset: int, max_line: int
) -> Iterator[tuple[int, int, bytes | None]]:
    """Offset, number and bytes of each line; None for one that is too long, which is skipped in pieces."""
    number = 0
    while line := stream.readline(max_line + 1):
        number += 1
        start = offset
        offset += len(line)
        if len(line) > max_line and not line.endswith(b"\n"):
            while piece := stream.readline(_BUFFER):
                offset += len(piece)
                if piece.endswith(b"\n"):
                    break
            yield start, number, None
            continue
        yield start, number, line


def _too_long(offset: int, number: int, max_line: int) -> Record:
    return Record(offset, number, None, f"line longer than {max_line:,} bytes")


def _lines(stream: io.BufferedReader, offset: int, max_line: int) -> Iterator[Record]:
    for start, number, line in _bounded_lines(stream, offset, max_line):
        if line is None:
            yield _too_long(start, number, max_line)
        elif raw := line.strip():
            yield Record(start, number, raw)


def _document(stream: io.BufferedReader) -> Iterator[Record]:
    """The elements of a JSON array, or the one object."""
    data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        limit = MAX_DOCUMENT_BYTES >> 20
        yield Record(0, 1, None, f"a JSON document over {limit} MiB; make it JSON lines (jq -c '.[]')")
        return
    if data.lstrip().startswith(b"{"):
        yield Record(0, 1, data)
        return
    try:
        elements = msgspec.json.decode(data, type=list[msgspec.Raw])
    except (ValueError, RecursionError):
        yield Record(0, 1, None, "not a valid JSON document")
        return
    for number, element in enumerate(elements):
        yield Record(number, number + 1, bytes(element))


def _csv_rows(stream: io.BufferedReader, head: bytes, max_line: int) -> Iterator[Record]:
    first = head.partition(b"\n")[0].decode("utf-8", "replace")
    delimiter = max(_DELIMITERS, key=first.count)
    csv.field_size_limit(max_line)
    too_long: list[int] = []

    def decoded() -> Iterator[str]:
        for _, number, line in _bounded_lines(stream, 0, max_line):
            if line is None:
                too_long.append(number)
            else:
                yield line.decode("utf-8", "surrogateescape")

    rows = csv.reader(decoded(), delimiter=delimiter)
    try:
        header = [name.strip() for name in next(rows, [])]
    except csv.Error:
        header = []
    if not header or too_long or len(set(header)) < len(header):
        yield Record(0, 1, None, "no header, or one that names a column twice")
        return
    number = -1
    while True:
        number += 1
        try:
            row = next(rows, None)
        except csv.Error:
            yield Record(number, rows.line_num, None, "not valid CSV")
            continue
        for line in too_long:
            yield _too_long(number, line, max_line)
        too_long.clear()
        if row is None:
            return
        if row:
            yield _csv_record(number, rows.line_num, header, row)


def _csv_record(number: int, line: int, header: list[str], row: list[str]) -> Record:
    if len(row) != len(header):
        return Record(number, line, None, f"{len(row)} fields where the header has {len(header)}")
    try:
        "".join(row).encode()
    except UnicodeEncodeError:  # surrogateescape marked a byte that is no UTF-8
        return Record(number, line, None, "not valid UTF-8")
    return Record(number, line, dict(zip(header, row, strict=True)))


def _parquet_rows(path: Path) -> Iterator[Record]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(group) for group in range(file.num_row_groups)]
            if any(group.total_byte_size > MAX_ROW_GROUP_BYTES for group in groups):
                yield Record(0, 1, None, f"a row group over {MAX_ROW_GROUP_BYTES >> 30} GiB")
                return
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                for row in batch.to_pylist():
                    yield Record(number, number + 1, row)
                    number += 1
    except _DAMAGE as error:
        yield Record(number, number + 1, None, f"the file cannot be read further: {type(error).__name__}")
