"""Rows of the event table by digest, and what differs between two tables of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from countermark.records.events import EVENT_SCHEMA

_COLUMNS = [name for name in EVENT_SCHEMA.names if name not in ("source_digest", "source_offset")]
_ORDER = ("source", "offset", "high", "low")
_KEY = np.dtype([("source", "<i4"), ("offset", "<i8"), ("high", "<u8"), ("low", "<u8")])
Keys = NDArray[np.void]


class RowDigests:
    """Where each row stands (number of the raw log, offset) and a 128-bit digest of its other columns."""

    def __init__(self) -> None:
        self._parts: list[Keys] = []

    def add(self, source: int, batch: pa.RecordBatch) -> None:
        """Rows of EVENT_SCHEMA of one raw log."""
        if not batch.num_rows:
            return
        columns = [_plain(batch.column(name)) for name in _COLUMNS]
        digests = [
            blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            for row in zip(*columns, strict=True)
        ]
        keys = np.empty(batch.num_rows, _KEY)
        keys["source"] = source
        keys["offset"] = batch.column("source_offset").to_numpy()
        halves = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
        keys["high"], keys["low"] = halves[:, 0], halves[:, 1]
        self._parts.append(keys)

    def all(self) -> Keys:
        """All of them, as they came."""
        return np.concatenate(self._parts) if self._parts else np.empty(0, _KEY)


@dataclass(frozen=True)
class Found:
    """How two tables differ, in rows."""

    equal: int
    changed: int
    missing: int
    additional: int
    places: list[tuple[int, int]] = field(default_factory=list)
    """Where something differs: raw log and offset, ascending."""


def compare(said: RowDigests, given: RowDigests) -> Found:
    """What one table says that the other does not give, and the other way round; repeated rows count."""
    mine, theirs = said.all(), given.all()
    both = np.concatenate([mine, theirs])
    if not both.size:
        return Found(0, 0, 0, 0)
    side = np.concatenate([np.ones(mine.size, np.int64), -np.ones(theirs.size, np.int64)])
    order = np.lexsort([both[name] for name in reversed(_ORDER)])
    both, side = both[order], side[order]
    new_row = np.ones(both.size, bool)
    new_row[1:] = both[1:] != both[:-1]
    starts = np.flatnonzero(new_row)
    surplus = np.add.reduceat(side, starts)
    counts = np.diff(np.append(starts, both.size))
    equal = int(((counts - np.abs(surplus)) // 2).sum())
    rows, surplus = both[starts][surplus != 0], surplus[surplus != 0]
    if not rows.size:
        return Found(equal, 0, 0, 0)
    new_place = np.ones(rows.size, bool)
    new_place[1:] = (rows["source"][1:] != rows["source"][:-1]) | (rows["offset"][1:] != rows["offset"][:-1])
    at = np.flatnonzero(new_place)
    more = np.add.reduceat(np.maximum(surplus, 0), at)
    fewer = np.add.reduceat(np.maximum(-surplus, 0), at)
    changed = np.minimum(more, fewer)
    places = list(zip(rows["source"][at].tolist(), rows["offset"][at].tolist(), strict=True))
    return Found(equal, int(changed.sum()), int((fewer - changed).sum()), int((more - changed).sum()), places)


@dataclass(frozen=True)
class Difference:
    """One line, and how its rows differ."""

    source: str
    """Name of the raw log."""
    offset: int
    kind: str
    """`changed`, `missing` or `additional`."""
    columns: tuple[str, ...] = ()

    @property
    def only_hashes(self) -> bool:
        """Whether nothing but keyed hashes differs."""
        return self.kind == "changed" and all(name.endswith("_hash") for name in self.columns)

    @property
    def sentence(self) -> str:
        """In words; never a value."""
        where = f"{self.source}, offset {self.offset:,}"
        if self.kind == "changed":
            return f"{where}: the line gives another {', '.join(self.columns)}"
        if self.kind == "missing":
            return f"{where}: the line gives a row that the table does not have"
        return f"{where}: the table has a row that no held line gives"


Rows = dict[tuple[int, int], list[Mapping[str, object]]]


def kept_rows(source: int, batch: pa.RecordBatch, places: set[tuple[int, int]], found: Rows) -> None:
    """Keep the rows of a batch that stand at one of the places."""
    for number, offset in enumerate(batch.column("source_offset").to_pylist()):
        if (source, offset) in places:
            row = batch.slice(number, 1)
            found.setdefault((source, offset), []).append(
                {name: _plain(row.column(name))[0] for name in _COLUMNS}
            )


def describe(
    source: str, offset: int, said: Sequence[Mapping[str, object]], given: Sequence[Mapping[str, object]]
) -> Difference:
    """How the rows of one line differ."""
    left = [row for row in said if row not in given]
    right = [row for row in given if row not in said]
    if left and right:
        columns = {
            name
            for one, other in zip(left, right, strict=False)
            for name in _COLUMNS
            if one[name] != other[name]
        }
        return Difference(source, offset, "changed", tuple(sorted(columns)))
    return Difference(source, offset, "missing" if len(given) > len(said) else "additional")


def _plain(column: pa.Array) -> list[object]:
    """Values of a column, times as microseconds."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    values: list[object] = column.to_pylist()
    return values
