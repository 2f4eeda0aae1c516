"""A body of answers as its distinct windows: which count, how often each stood there, and how often an
unmarked reference model would have put it there. No key enters.

**Which count.** A window of a prompt says nothing about the suspect, and one that stood earlier in the same
answer may only repeat it. So whatever stands in any prompt of the body is left out everywhere, and each
distinct window counts once over the whole body. What is left has not been seen by the suspect in this
examination: if it knows of our key only what prompts showed it, the keyed values of the windows left are
fresh but for one thing: where a prompt holds a marked choice after a context, the tokens *not* chosen there
have smaller values than fresh ones (Gumbel-max: E_t / p_t is above the chosen one's, and exponentials have
no memory). So scores of such contexts are at most what the law says: it is exact where no context stands in
a prompt, a bound otherwise, and a low value is held in the mark's favour only where the context stands in
no prompt.

**Quotations.** An innocent model that mends what a marked prompt had wrong (a typo, a broken line) writes
marked windows that stand in no prompt. `RUN` ids in a row that stand in a prompt are a quotation, and with
them the `RUN` ids before and after, and up to `MEND` ids between two. Windows that have an id of a quotation
are left out there, those with an id between two everywhere, and no lack counts in the contexts of either. All
of this is decided by prompts and answers, never by the key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from countermark.errors import Error, ExitCode
from countermark.watermark.schemes.base import FloatArray, IntArray, UIntArray
from countermark.watermark.windows import fingerprints

RUN = 4
"""So many ids of an answer in a row that stand in a prompt are a quotation; fewer stand there by chance."""
MEND = 16
"""Ids between two quotations up to which all is one."""
MAX_TOKENS = 50_000_000
"""Of all answers together."""


@dataclass(frozen=True)
class Row:
    """One answer, with the ids before it where they are known."""

    answer: IntArray
    prompt: IntArray | None = None


@dataclass(frozen=True)
class Pairs:
    """Distinct windows, those of one context beside each other; arrays of one length n unless said."""

    windows: IntArray
    """Shape (n, length): context and token."""
    seen: FloatArray
    """Times that each stood in the body, once an answer; 0 of one that was only asked about."""
    first: IntArray
    """Windows of the body before its first occurrence, or that of its context where it has none."""
    limits: IntArray
    """Shape (contexts + 1,): where each context's windows begin."""
    touched: NDArray[np.bool_]
    """Whether the context stands in a prompt, or in what was left out beside a quotation."""
    names: UIntArray
    """Public fingerprints."""
    contexts: UIntArray
    """Fingerprints of the contexts, ascending, shape (contexts,)."""
    tokens: int
    """Whole windows in the body, repeats and prompts' windows included."""
    in_prompts: int
    """Of these, how many stand in a prompt or were left out beside a quotation."""

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def standing(self) -> NDArray[np.bool_]:
        """Which of them stand in the body."""
        stand: NDArray[np.bool_] = self.seen > 0
        return stand


def prompt_windows(rows: Iterable[Row], length: int) -> UIntArray:
    """Fingerprints of all windows of all prompts, sorted."""
    parts = [fingerprints(row.prompt, length) for row in rows if row.prompt is not None]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.uint64)


def pairs_of(rows: Sequence[Row], length: int, more: IntArray | None = None) -> Pairs:
    """The pairs of a body; `length` as `watermark.windows.window_length` gives it.

    `more`, shape (m, length), are windows to ask about although they may not stand in the body; the caller
    has taken those of prompts out.
    """
    if sum(len(row.answer) for row in rows) > MAX_TOKENS:
        raise Error(f"the body is over {MAX_TOKENS:,} tokens", exit_code=ExitCode.NO_INPUT)
    whole = [row.answer for row in rows if len(row.answer) >= length]
    ids = np.concatenate(
        [
            np.empty((0, length), np.int64),
            *(np.lib.stride_tricks.sliding_window_view(one, length) for one in whole),
        ]
    )
    names = np.concatenate([np.empty(0, np.uint64), *(fingerprints(one, length) for one in whole)])
    answer = np.repeat(np.arange(len(whole)), [len(one) - length + 1 for one in whole])
    beside, mended = _quoted(whole, length, prompt_windows(rows, RUN))
    nowhere = np.unique(names[mended])
    out = beside | among(names, prompt_windows(rows, length)) | among(names, nowhere)
    kept = np.flatnonzero(~out)
    extra = np.empty((0, length), np.int64) if more is None else more
    extra = extra[~among(names_of(extra), nowhere)]
    asked = np.concatenate([names[kept], names_of(extra)])
    distinct, at, which = np.unique(asked, return_index=True, return_inverse=True)
    once = np.unique(which[: len(kept)] * max(len(whole), 1) + answer[kept]) // max(len(whole), 1)
    seen = np.bincount(once, minlength=len(at)).astype(np.float64)
    stands = np.concatenate([ids[kept], extra])[at]
    first = np.append(kept, np.full(len(extra), len(names)))[at]
    before = names_of(stands[:, :-1])
    shown = np.union1d(prompt_windows(rows, length - 1), names_of(ids[out, :-1]))
    order = np.argsort(before, kind="stable")
    contexts, begin = np.unique(before[order], return_index=True)
    if len(order):  # a window that was only asked about comes with its context
        earliest = np.minimum.reduceat(first[order], begin)
        first[order] = np.minimum(first[order], np.repeat(earliest, np.diff(np.append(begin, len(order)))))
    return Pairs(
        windows=stands[order],
        seen=seen[order],
        first=first[order],
        limits=np.append(begin, len(order)),
        touched=among(before[order], shown),
        names=distinct[order],
        contexts=contexts,
        tokens=len(names),
        in_prompts=len(names) - len(kept),
    )


def quoted(ids: IntArray, runs: UIntArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which ids of an answer belong to a quotation, and which of these lie between two; shape (n,) each.

    `runs` are the fingerprints of `RUN` ids of all prompts, sorted.
    """
    hits = np.flatnonzero(among(fingerprints(ids, RUN), runs))
    after = hits[:-1] + RUN
    close = (after < hits[1:]) & (hits[1:] - after <= MEND)
    between = _covered(after[close], hits[1:][close], len(ids))
    around = np.maximum(hits - RUN, 0), np.minimum(hits + 2 * RUN, len(ids))
    return between | _covered(*around, len(ids)), between


def _quoted(
    answers: Sequence[IntArray], length: int, runs: UIntArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of the windows of the answers, one answer after the other: which have an id of a quotation, which one
    that lies between two."""
    total = sum(len(one) - length + 1 for one in answers)
    beside, mended = np.zeros(total, np.bool_), np.zeros(total, np.bool_)
    at = 0
    for ids in answers if len(runs) else ():
        end = at + len(ids) - length + 1
        beside[at:end], mended[at:end] = (touch(one, length) for one in quoted(ids, runs))
        at = end
    return beside, mended


def _covered(begin: IntArray, end: IntArray, count: int) -> NDArray[np.bool_]:
    """Which of `count` ids lie in one of the stretches, begin included and end not."""
    steps = np.bincount(begin, minlength=count + 1) - np.bincount(end, minlength=count + 1)
    inside: NDArray[np.bool_] = np.cumsum(steps)[:count] > 0
    return inside


def touch(ids: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Which windows of `length` have one of the marked ids."""
    sums = np.concatenate([[0], np.cumsum(ids)])
    touched: NDArray[np.bool_] = sums[length:] > sums[:-length]
    return touched


def names_of(windows: IntArray) -> UIntArray:
    """Public fingerprints of windows by themselves, shape (n, length)."""
    length = windows.shape[1]
    if not len(windows):
        return np.empty(0, np.uint64)
    return fingerprints(np.ascontiguousarray(windows).ravel(), length)[::length]


def among(names: UIntArray, those: UIntArray) -> NDArray[np.bool_]:
    """Whether each name is one of `those`, which are sorted."""
    if not len(those):
        return np.zeros(len(names), np.bool_)
    places = np.minimum(np.searchsorted(those, names), len(those) - 1)
    found: NDArray[np.bool_] = those[places] == names
    return found


def expected_counts(
    pairs: Pairs, rows: Sequence[Row], log_probs: Iterable[NDArray[np.float32]]
) -> FloatArray:
    """How often the reference model would have put each pair there, shape (n,).

    The sum of its probabilities of the token over all places of the body with that context, places after the
    pair stood in the same answer left out. `log_probs` gives, an answer each, shape (tokens, vocabulary), the
    natural logs for every token of the answer; entries before a whole context are not read.
    """
    length = pairs.windows.shape[1]
    expected, stamp = np.zeros(len(pairs)), np.full(len(pairs), -1, np.int64)
    last = np.ascontiguousarray(pairs.windows[:, -1])
    order = np.argsort(pairs.names, kind="stable")
    names = pairs.names[order]
    for number, (row, logs) in enumerate(zip(rows, log_probs, strict=True)):
        ids = row.answer
        if len(ids) < length:
            continue
        context = _places(fingerprints(ids[:-1], length - 1), pairs.contexts)
        found = _places(fingerprints(ids, length), names)
        pair = np.where(found < 0, -1, order[found]) if len(order) else found
        _add(expected, stamp, number, context, pair, pairs.limits, last, logs[length - 1 :])
    return expected


def _places(names: UIntArray, those: UIntArray) -> IntArray:
    """Index of each name among `those`, sorted; -1 where it is not."""
    if not len(those):
        return np.full(len(names), -1, np.int64)
    places = np.minimum(np.searchsorted(those, names), len(those) - 1)
    return np.where(those[places] == names, places, -1)


@numba.njit(cache=True)
def _add(
    expected: Any, stamp: Any, number: Any, context: Any, pair: Any, limits: Any, last: Any, logs: Any
) -> None:
    """Add one answer's probabilities; `stamp` holds the answer in which a pair stood last."""
    for at in range(len(context)):
        one = context[at]
        if one < 0:
            continue
        for j in range(limits[one], limits[one + 1]):
            if stamp[j] != number:
                expected[j] += np.exp(np.float64(logs[at, last[j]]))
        if pair[at] >= 0:
            stamp[pair[at]] = number
