"""Several keys on one student: what the others' marks explain does not count as lift for this one.

The expectation of a pair is raised by what the other keys' scores predict: pairs are put into `BINS` bins of
equal probability of another key's score, and the ratio of counts to expectations in a bin, over the ratio of
the whole body, is that key's lift L there. With several others the lifts add: E (1 + Σ (L - 1)).

A weight for key A so depends on the text, the reference and the *other* keys. Under A's null A is independent
of all of these, so the test of A is as exact as without.
"""

from collections.abc import Sequence

import numpy as np

from countermark.attribute.keyed import Key
from countermark.errors import Error, ExitCode
from countermark.watermark.schemes.base import FloatArray, IntArray

BINS = 20
LEAST_COMPARED = 400
MOST_RELATED = 0.3
"""Correlation of two keys' scores; of independent ones it is within 0.2 on so many windows."""
LEAST = 0.1
"""No expectation is brought below this share of itself."""


def explained(
    own: Key, seen: FloatArray, expected: FloatArray, windows: IntArray, others: Sequence[Key]
) -> FloatArray:
    """Expectations with the marks of the other keys in them, shape (n,).

    Raises `Error` where another key's scores go with this one's: of related keys the others would tell of
    this one, and the null would no longer hold.
    """
    factor = np.ones(len(seen))
    mine = own.scores(windows)
    for key in others:
        if key.length > windows.shape[1]:
            continue  # its context is longer than this pair's, and says nothing of the pair as such
        scores = key.scores(np.ascontiguousarray(windows[:, -key.length :]))
        if scores is not None:
            _check_unrelated(own, mine, key, scores)
            factor += lift(seen, expected, scores) - 1
    return expected * np.maximum(factor, LEAST)


def _check_unrelated(own: Key, mine: FloatArray | None, other: Key, scores: FloatArray) -> None:
    both = np.isfinite(scores) if mine is None else np.isfinite(scores) & np.isfinite(mine)
    if mine is None or both.sum() < LEAST_COMPARED or not min(mine[both].std(), scores[both].std()):
        return
    if np.corrcoef(mine[both], scores[both])[0, 1] > MOST_RELATED:
        raise Error(
            f"the keys {own.name} and {other.name} are related, and cannot be asked for jointly",
            hint="ask for them one at a time; keys of several providers are drawn independently",
            exit_code=ExitCode.USAGE,
        )


def lift(seen: FloatArray, expected: FloatArray, scores: FloatArray) -> FloatArray:
    """Lift of each pair by another key's score, shape (n,); 1 where there is no score."""
    result, known = np.ones(len(seen)), np.isfinite(scores)
    if known.sum() < 2 * BINS:
        return result
    edges = np.quantile(scores[known], np.arange(1, BINS) / BINS)
    which = np.searchsorted(edges, scores[known], side="right")
    counts = np.bincount(which, seen[known], BINS) + 1.0
    masses = np.bincount(which, expected[known], BINS) + 1.0
    ratio = counts / masses
    result[known] = (ratio / (counts.sum() / masses.sum()))[which]
    return result
