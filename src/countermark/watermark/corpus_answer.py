"""The answer of a scan: one family over all documents and the pooled body, under every key."""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from countermark.errors import Error
from countermark.records.files import replacing
from countermark.stats.multiplicity import holm
from countermark.watermark.additive import Additive
from countermark.watermark.corpus import LEFT_OUT_SCHEMA, pooled_marks
from countermark.watermark.corpus_task import CorpusTask
from countermark.watermark.decisions import Decision
from countermark.watermark.schemes.base import Evidence
from countermark.watermark.scoring import LN10, Score, p_value

MOST_LISTED = 100
MOST_HELD = 1 << 28
"""Pairs that are held at once where the law of a scheme needs it: 4 GiB, and as much to judge them."""


@dataclass
class Candidates:
    """The scores that can pass at all, p <= alpha: Holm needs of the others only how many there are."""

    alpha: float
    scores: int = 0
    """All of them."""
    log10_p: list[np.ndarray[Any, Any]] = field(default_factory=list)
    best: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    """The MOST_LISTED smallest, as a heap of (-log10 p, -number, row)."""

    def through(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Pass tables of SCORE_SCHEMA on, and take note of what is in them."""
        for table in tables:
            values = table.column("log10_p_value").to_numpy()
            found = np.flatnonzero(values * LN10 <= math.log(self.alpha))
            self.log10_p.append(values[found])
            for index in found[np.argsort(values[found], kind="stable")][:MOST_LISTED].tolist():
                self._note(float(values[index]), self.scores + index, table, index)
            self.scores += len(values)
            yield table

    def _note(self, log10_p: float, number: int, table: pa.Table, index: int) -> None:
        if len(self.best) == MOST_LISTED and (-log10_p, -number) <= self.best[0][:2]:
            return
        row = table.slice(index, 1).to_pylist()[0]
        push = heapq.heappush if len(self.best) < MOST_LISTED else heapq.heapreplace
        push(self.best, (-log10_p, -number, row))

    def listed(self) -> list[dict[str, Any]]:
        """The smallest first; ties in the order of the corpus."""
        return [row for _, _, row in sorted(self.best, reverse=True)]


def answer(
    candidates: Candidates, pooled: Sequence[tuple[str, Score]], alpha: float, family: int
) -> dict[str, Any]:
    """Fields of `scan.json` that say what was found: Holm over `family`, of which these are the smallest.

    `pooled` has the name of each key and the score of the whole corpus under it.
    """
    documents = np.concatenate([np.empty(0), *candidates.log10_p]) * LN10
    log_p = np.concatenate([documents, [score.evidence.log_p for _, score in pooled]])
    adjusted = holm(log_p, family)
    passed = adjusted <= math.log(alpha)
    of_documents = passed[: len(documents)]
    order = np.argsort(log_p, kind="stable")

    def decision(one: float) -> Decision:
        at = min(int(np.searchsorted(log_p[order], one, side="right")), len(order)) - 1
        value = float(adjusted[order[at]])
        return Decision(value, value <= math.log(alpha), family)

    listed = [(row, decision(row["log10_p_value"] * LN10)) for row in candidates.listed()]
    return {
        "family": family,
        "alpha": alpha,
        "pooled": [_pooled(name, score, decision(score.evidence.log_p)) for name, score in pooled],
        "documents_passing": int(of_documents.sum()),
        "threshold_log10_p_value": _finite(float(documents[of_documents].max()) / LN10)
        if of_documents.any()
        else None,
        "passing": [_listed(row, one) for row, one in listed if one.passes],
    }


def _pooled(name: str, score: Score, decision: Decision) -> dict[str, Any]:
    fields = {key: value for key, value in score.to_dict().items() if not key.startswith("engine_")}
    return ({"key": name} if name else {}) | fields | decision.to_dict()


def _listed(row: Mapping[str, Any], decision: Decision) -> dict[str, Any]:
    log10_p = float(row["log10_p_value"])
    fields = {name: row[name] for name in ("file", "row", "id", "key", "scored_tokens") if row[name] != ""}
    measured = {
        "statistic": row["statistic"],
        "p_value": p_value(log10_p * LN10),
        "log10_p_value": _finite(log10_p),
    }
    return fields | measured | decision.to_dict()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def frequent_windows(tables: Iterable[pa.Table], path: Path) -> pa.Table:
    """All FREQUENT tables as one, sorted; the windows go to a .npy file that every process maps."""
    empty = pa.table({"window": pa.array([], pa.int64()), "documents": pa.array([], pa.int64())})
    table = pa.concat_tables([empty, *tables]).sort_by("window").combine_chunks()
    with replacing(path) as temporary, temporary.open("xb") as stream:
        np.save(stream, table.column("window").to_numpy(), allow_pickle=False)
    return table


def left_out_table(tables: Iterable[pa.Table], frequent: pa.Table | None) -> pa.Table:
    """Each window that did not count: its ids, and in how many unrelated documents it stands."""
    table = pa.concat_tables([LEFT_OUT_SCHEMA.empty_table(), *tables]).combine_chunks()
    windows, first = np.unique(table.column("window").to_numpy(), return_index=True)
    known = windows[:0] if frequent is None else frequent.column("window").to_numpy()
    documents = windows[:0] if frequent is None else frequent.column("documents").to_numpy()
    ids = table.column("token_ids").take(pa.array(first))
    return pa.table({"token_ids": ids, "documents": documents[np.searchsorted(known, windows)]})


def pooled_score(
    task: CorpusTask, key: int, counts: Sequence[Mapping[str, Any]], distinct: Iterable[pa.Table]
) -> Score:
    """The score of the whole corpus under one key, from what `PoolPairs` made of each bucket."""
    detector = task.opened().detectors[key]
    pairs = sum(one["pairs"] for one in counts)
    if not pairs:
        evidence = Evidence(0, 0.0, 0.0, "no pair to score", exact=True)
    elif isinstance(detector.scorer, Additive):
        evidence = detector.scorer.judge_sum(math.fsum(one["total"] for one in counts), pairs)
    elif pairs > MOST_HELD:
        raise Error(
            f"scheme {detector.profile.scheme} judges all pairs at once, and the corpus has {pairs:,}",
            hint=f"at most {MOST_HELD:,}; scan the corpus in pieces",
        )
    else:
        evidence = detector.scorer.judge(pooled_marks(list(distinct)))
    return Score(detector.profile.profile_id, evidence, None, detector.weak)
