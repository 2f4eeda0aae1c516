"""Scorers whose statistic is a sum of one score a pair, with a law that the number of pairs decides.

What such a scorer says of a union of disjoint bodies needs their sums and counts alone: so a scan can pool
more pairs than memory holds, and `locate` can judge thousands of spans from one running sum. A scheme whose
law needs more (which pairs share a seed, how often a state stands) has none of this, and is judged
on the marks themselves.
"""

from typing import Protocol, runtime_checkable

import numpy as np

from countermark.watermark.distinct import first_in_each
from countermark.watermark.schemes.base import Evidence, FloatArray, IntArray, Marks, Scorer


@runtime_checkable
class Additive(Protocol):
    """What such a scorer offers beside `Scorer`; for marks without weights."""

    null_mean: float
    """Mean score of a pair under the null."""

    def scores(self, marks: Marks) -> FloatArray:
        """Score of each mark, shape (n,); their sum is the statistic of `judge`."""
        ...

    def log_tails(self, sums: FloatArray, counts: IntArray) -> FloatArray:
        """Natural logs of the p-values of `judge` from sums of scores over so many distinct marks each."""
        ...

    def judge_sum(self, total: float, count: int) -> Evidence:
        """What `judge` says of `count` distinct marks whose scores sum to `total`."""
        ...


def judge_each(scorer: Scorer, marks: Marks, ends: IntArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """Scored pairs, statistic and natural log of p of each of many documents, each with its own distinct
    marks; `ends`, shape (documents + 1,), are the limits of the documents among the marks."""
    new = first_in_each(marks.fingerprints, ends)
    chosen = marks.at(new)
    limits = np.concatenate([np.zeros(1, np.int64), np.cumsum(new, dtype=np.int64)])[ends]
    if isinstance(scorer, Additive):
        counts = np.diff(limits).astype(np.int64)
        which = np.repeat(np.arange(len(counts)), counts)
        sums = np.bincount(which, scorer.scores(chosen), len(counts)).astype(np.float64)
        return counts, sums, scorer.log_tails(sums, counts)
    found = [
        scorer.judge(chosen.at(slice(start, stop)))
        for start, stop in zip(limits[:-1].tolist(), limits[1:].tolist(), strict=True)
    ]
    return (
        np.array([one.scored for one in found], np.int64),
        np.array([one.statistic for one in found], np.float64),
        np.array([one.log_p for one in found], np.float64),
    )
