"""What a scan does with each batch of a corpus, and with each bucket of its pairs.

Two passes at most. `CountWindows` and `FrequentWindows` find the windows (context and token) that stand in
many unrelated documents: a template that a thousand documents share would make one lucky or unlucky draw of
the key into a thousand. They are told apart under a key that anybody knows, so the choice is independent of
the key that is asked about, and the null law of what is left stays what it was. `ScoreBatch` scores every
document and hands on its distinct pairs; `PoolPairs` counts each pair once over the whole corpus.

All of them travel to other processes: they hold paths, never a key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from countermark.watermark.additive import Additive, judge_each
from countermark.watermark.corpus_rows import Rows, read_rows
from countermark.watermark.corpus_task import CorpusTask, Opened
from countermark.watermark.distinct import first_in_each, first_occurrences
from countermark.watermark.prf.siphash import domain_word, hash_windows, key_words, pack_windows
from countermark.watermark.schemes.base import IntArray, Marks, UIntArray
from countermark.watermark.scoring import LN10, Detector, joined

Output = tuple[Mapping[str, pa.Table], Mapping[str, Any]]
DEALT = {"countermark": "dealt"}
SCORES, QUARANTINE, WINDOWS, FREQUENT, LEFT_OUT = "scores", "quarantine", "windows", "frequent", "left_out"
DISTINCT = "distinct"
SCORE_SCHEMA = pa.schema(
    [
        pa.field("file", pa.string()),
        pa.field("row", pa.int64()),
        pa.field("id", pa.string()),
        pa.field("key", pa.string()),
        pa.field("scored_tokens", pa.int64()),
        pa.field("statistic", pa.float64()),
        pa.field("log10_p_value", pa.float64()),
        pa.field("problem", pa.string()),
    ]
)
"""A row a document and key; `key` is empty where there is one key, `problem` where there is none."""
LEFT_OUT_SCHEMA = pa.schema([("window", pa.int64()), ("token_ids", pa.list_(pa.int64()))])
_BEFORE = (1 << 32) - 1
"""Stands for what is before the first token of a document."""


def windows_of(ids: IntArray, width: int) -> UIntArray:
    """Fingerprint of each token with the `width` ids before it, under a key that all know; shape (n,)."""
    padded = np.concatenate([np.full(width, _BEFORE, np.int64), ids]).astype(np.uint64)
    hashes: UIntArray = hash_windows(pack_windows(padded, width), *key_words(bytes(16)), domain_word(width))
    return hashes


@dataclass(frozen=True)
class CountWindows:
    """Batch to the table WINDOWS: each window of a document with the document's group."""

    task: CorpusTask

    @property
    def columns(self) -> Sequence[str]:
        """Columns that are read of a Parquet file."""
        return self.task.columns

    def __call__(self, file: str, batch: pa.RecordBatch) -> Output:
        """Bad rows are left to `ScoreBatch`."""
        opened = self.task.opened()
        rows = read_rows(file, batch, self.task.fields, opened.tokens)
        found = [windows_of(ids, opened.profile.context_width) for ids in rows.ids]
        windows = np.concatenate([np.empty(0, np.uint64), *found])
        sizes = [len(one) for one in found]
        new = first_in_each(windows, _limits(sizes))
        groups = np.repeat(np.array(rows.groups, np.int64), sizes)
        return {WINDOWS: _dealt(window=windows[new], group=groups[new])}, {}


@dataclass(frozen=True)
class FrequentWindows:
    """Bucket of WINDOWS to the table FREQUENT: windows of more than `most` groups, and of how many."""

    most: int

    def __call__(self, table: pa.Table) -> Output:
        """Exact counts, but for collisions of 64-bit hashes."""
        windows, groups = table.column(0).to_numpy(), table.column(1).to_numpy()
        order = np.lexsort((groups, windows))
        windows, groups = windows[order], groups[order]
        fresh = np.ones(len(windows), np.bool_)
        fresh[1:] = (windows[1:] != windows[:-1]) | (groups[1:] != groups[:-1])
        found, documents = np.unique(windows[fresh], return_counts=True)
        many = documents > self.most
        return {FREQUENT: pa.table({"window": found[many], "documents": documents[many]})}, {}


@dataclass(frozen=True)
class ScoreBatch:
    """Batch to SCORES, the pairs of each key (`pairs_name`), LEFT_OUT and QUARANTINE."""

    task: CorpusTask
    left_out: str | None = None
    """Path of the sorted windows (int64, .npy) that do not count; None if all do."""

    @property
    def columns(self) -> Sequence[str]:
        """Columns that are read of a Parquet file."""
        return self.task.columns

    def __call__(self, file: str, batch: pa.RecordBatch) -> Output:
        """Counts: documents, tokens, quarantined, skipped (nothing to score), left_out (pairs)."""
        opened = self.task.opened()
        rows = read_rows(file, batch, self.task.fields, opened.tokens)
        counts = {
            "documents": len(rows.names),
            "tokens": sum(len(ids) for ids in rows.ids),
            "quarantined": len(rows.bad),
            "skipped": sum(bool(problem) for problem in rows.problems),
            "left_out": 0,
        }
        tables = {QUARANTINE: _quarantine(file, rows)}
        frequent = None if self.left_out is None else self._frequent(opened, rows)
        if frequent is not None:
            counts["left_out"] = int(np.concatenate(frequent).sum()) if frequent else 0
            tables[LEFT_OUT] = _left_out(rows, frequent, opened.profile.context_width)
        scored = []
        for key, (name, detector) in enumerate(zip(opened.names, opened.detectors, strict=True)):
            table, tables[pairs_name(key)] = _score(file, rows, name, detector, frequent)
            scored.append(table)
        tables[SCORES] = pa.concat_tables(scored)
        return tables, counts

    def _frequent(self, opened: Opened, rows: Rows) -> "list[np.ndarray[Any, Any]]":
        """Of each token of each document, whether its window does not count."""
        known = _sorted_windows(str(self.left_out))
        width = opened.profile.context_width
        return [_among(windows_of(ids, width).view(np.int64), known) for ids in rows.ids]


def pairs_name(key: int) -> str:
    """Table of the pairs under the key of this number."""
    return f"pairs{key}"


@lru_cache(maxsize=1)
def _sorted_windows(path: str) -> IntArray:
    windows: IntArray = np.load(path, mmap_mode="r", allow_pickle=False)
    return windows


def _among(values: IntArray, known: IntArray) -> "np.ndarray[Any, Any]":
    if not len(known):
        return np.zeros(len(values), np.bool_)
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.asarray(known[at] == values)


def _score(
    file: str, rows: Rows, name: str, detector: Detector, frequent: "list[np.ndarray[Any, Any]] | None"
) -> tuple[pa.Table, pa.Table]:
    """Scores of the documents of a batch under one key, and their distinct pairs."""
    parts = [detector.scorer.marks(ids) for ids in rows.ids]
    if frequent is not None:
        parts = [marks.at(~bad[marks.positions]) for marks, bad in zip(parts, frequent, strict=True)]
    marks = joined(parts)
    scored, statistics, log_p = judge_each(detector.scorer, marks, _limits([len(part) for part in parts]))
    count = len(rows.names)
    columns: list[Any] = [
        pa.array([file] * count, pa.string()),
        pa.array(rows.numbers, pa.int64()),
        pa.array(rows.names, pa.string()),
        pa.array([name] * count, pa.string()),
        scored,
        statistics,
        log_p / LN10 + 0.0,
        pa.array(rows.problems, pa.string()),
    ]
    return pa.table(columns, schema=SCORE_SCHEMA), _pairs(marks)


def _pairs(marks: Marks) -> pa.Table:
    """Distinct pairs, for the pooled body; without `value` where it is the fingerprint itself."""
    marks = marks.at(first_occurrences(marks.fingerprints))
    if marks.values is marks.fingerprints or np.array_equal(marks.values, marks.fingerprints):
        return _dealt(fingerprint=marks.fingerprints)
    return _dealt(fingerprint=marks.fingerprints, value=marks.values)


def _marks(table: pa.Table) -> Marks:
    fingerprints = table.column("fingerprint").to_numpy().view(np.uint64)
    values = (
        table.column("value").to_numpy().view(np.uint64) if "value" in table.schema.names else fingerprints
    )
    return Marks(fingerprints, values, np.zeros(len(fingerprints), np.int64))


@dataclass(frozen=True)
class PoolPairs:
    """Bucket of pairs to what the pooled score of one key needs of it.

    Counts: `pairs` and, for a scorer that is `Additive`, `total`. For another one the distinct pairs
    themselves come as the table DISTINCT and the number of the key.
    """

    task: CorpusTask
    key: int

    def __call__(self, table: pa.Table) -> Output:
        """Every fingerprint of the bucket once."""
        marks = _marks(table)
        marks = marks.at(first_occurrences(marks.fingerprints))
        scorer = self.task.opened().detectors[self.key].scorer
        if isinstance(scorer, Additive):
            return {}, {"pairs": len(marks), "total": float(scorer.scores(marks).sum())}
        columns = {"fingerprint": marks.fingerprints.view(np.int64), "value": marks.values.view(np.int64)}
        return {f"{DISTINCT}{self.key}": pa.table(columns)}, {"pairs": len(marks)}


def pooled_marks(tables: Sequence[pa.Table]) -> Marks:
    """The marks of tables DISTINCT, for `Scorer.judge`."""
    return joined([_marks(table) for table in tables])


def _left_out(rows: Rows, frequent: "list[np.ndarray[Any, Any]]", width: int) -> pa.Table:
    """Windows of the batch that do not count, each once, with their ids."""
    known: dict[int, list[int]] = {}
    for ids, bad in zip(rows.ids, frequent, strict=True):
        at = np.flatnonzero(bad)
        for place, window in zip(
            at.tolist(), windows_of(ids, width).view(np.int64)[at].tolist(), strict=True
        ):
            if window not in known:
                known[window] = ids[max(place - width, 0) : place + 1].tolist()
    columns = [pa.array(known.keys(), pa.int64()), pa.array(known.values(), pa.list_(pa.int64()))]
    return pa.table(columns, schema=LEFT_OUT_SCHEMA)


def _quarantine(file: str, rows: Rows) -> pa.Table:
    numbers, reasons = [number for number, _ in rows.bad], [reason for _, reason in rows.bad]
    columns = [
        pa.array([file] * len(numbers), pa.string()),
        pa.array(numbers, pa.int64()),
        pa.array(reasons, pa.string()),
    ]
    return pa.table(columns, names=["file", "row", "reason"])


def _dealt(**columns: "np.ndarray[Any, Any]") -> pa.Table:
    return pa.table(
        {name: column.view(np.int64) for name, column in columns.items()}
    ).replace_schema_metadata(DEALT)


def _limits(sizes: Sequence[int]) -> IntArray:
    return np.concatenate([[0], np.cumsum(np.array(sizes, np.int64))]).astype(np.int64)
