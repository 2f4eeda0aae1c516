"""What models say of texts that they are fed: next-token log-probabilities, and the pairs in which a suspect
differs from an unmarked reference. No key enters."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from countermark.attribute.pairs import Pairs, Row, among, expected_counts, names_of, pairs_of
from countermark.models.local import LocalModel
from countermark.watermark.schemes.base import FloatArray, IntArray, UIntArray

Logs = NDArray[np.float32]

CANDIDATES = 32
"""Tokens a place that may be looked at."""
MOST_PAIRS = 300_000
"""Pairs that are kept."""


def next_logs(model: LocalModel, rows: Sequence[Row]) -> Iterator[Logs]:
    """Natural-log probabilities of every token of each answer, shape (tokens, vocabulary).

    The model sees prompt and answer; what is longer than it takes is cut from the front, and a long answer
    is read in pieces. The first token of a piece without anything before it is unknown: its row is 0 and
    is never read, since no window ends there.
    """
    pieces = [_pieces(row, model.max_length) for row in rows]
    flat = [ids.tolist() for one in pieces for ids, _ in one]
    logs = model.log_probs(flat)
    for one in pieces:
        parts: list[Logs] = []
        for ids, new in one:
            got = next(logs)
            before = len(ids) - new
            if before:
                parts.append(got[before - 1 : -1])
            else:
                parts += [np.zeros((1, got.shape[1]), np.float32), got[:-1]]
        yield (
            parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
        )


def _pieces(row: Row, most: int) -> list[tuple[IntArray, int]]:
    """Ids to feed, and how many of them, at the end, are answer that no piece before had."""
    prompt = np.empty(0, np.int64) if row.prompt is None else row.prompt
    ids, at = np.concatenate([prompt, row.answer]), len(prompt)
    pieces = []
    while at < len(ids):
        keep = min(at, most // 2)
        stop = min(at - keep + most, len(ids))
        pieces.append((ids[at - keep : stop], stop - at))
        at = stop
    return pieces


def lifted_pairs(
    rows: Sequence[Row], length: int, suspect: LocalModel, reference: LocalModel, leave_out: UIntArray
) -> tuple[Pairs, FloatArray, FloatArray]:
    """Pairs in which the suspect differs from the reference in the fed rows, and both models' mass on each.

    The mass of a pair is the sum of a model's probabilities of the token over the places with that context,
    places after the pair stood in the same row left out. Windows in `leave_out` (sorted) are dropped. Two
    passes: the first names `CANDIDATES` tokens a place by max(p_s, p_r) |log p_s - log p_r|, the second
    adds up.
    """

    def differences() -> Iterator[Logs]:
        for ours, theirs in zip(next_logs(suspect, rows), next_logs(reference, rows), strict=True):
            yield np.exp(np.maximum(ours, theirs)) * np.abs(ours - theirs)

    windows = candidates(rows, length, differences(), leave_out)
    pairs = pairs_of([Row(np.empty(0, np.int64))], length, windows)
    ours = expected_counts(pairs, rows, next_logs(suspect, rows))
    theirs = expected_counts(pairs, rows, next_logs(reference, rows))
    return (
        replace(pairs, seen=ours, tokens=sum(max(len(row.answer) - length + 1, 0) for row in rows)),
        ours,
        theirs,
    )


def likely_windows(rows: Sequence[Row], length: int, reference: LocalModel, leave_out: UIntArray) -> IntArray:
    """Windows that the reference expects in the body, whether or not they stand there."""
    return candidates(rows, length, (np.exp(logs) for logs in next_logs(reference, rows)), leave_out)


def candidates(
    rows: Sequence[Row], length: int, importance: Iterable[Logs], leave_out: UIntArray
) -> IntArray:
    """The `CANDIDATES` tokens of most importance at each place, as windows; of all the `MOST_PAIRS` most
    important. `importance` gives a matrix an answer, as `next_logs` does."""
    best = (np.empty((0, length), np.int64), np.empty(0))
    held: list[tuple[IntArray, FloatArray]] = []
    for row, matrix in zip(rows, importance, strict=True):
        if len(row.answer) < length:
            continue
        held.append(_of_row(row.answer, length, matrix[length - 1 :]))
        if sum(len(one) for _, one in held) > MOST_PAIRS:
            best, held = _merged([best, *held], leave_out), []
    return _merged([best, *held], leave_out)[0]


def _of_row(ids: IntArray, length: int, importance: Logs) -> tuple[IntArray, FloatArray]:
    """Candidate windows of one row, repeats included, and the importance of each."""
    most = min(CANDIDATES, importance.shape[1])
    tokens = np.argpartition(importance, importance.shape[1] - most, axis=1)[:, -most:]
    chosen = np.take_along_axis(importance, tokens, 1).ravel().astype(np.float64)
    before = np.lib.stride_tricks.sliding_window_view(ids[:-1], length - 1)
    windows = np.concatenate([np.repeat(before, most, axis=0), tokens.reshape(-1, 1)], axis=1)
    return windows[chosen > 0], chosen[chosen > 0]


def _merged(
    parts: Sequence[tuple[IntArray, FloatArray]], leave_out: UIntArray
) -> tuple[IntArray, FloatArray]:
    """Distinct windows with their importance added up, the largest `MOST_PAIRS` of them."""
    windows = np.concatenate([one for one, _ in parts])
    values = np.concatenate([one for _, one in parts])
    names = names_of(windows)
    kept = ~among(names, leave_out)
    windows, values = windows[kept], values[kept]
    _, at, which = np.unique(names[kept], return_index=True, return_inverse=True)
    total = np.bincount(which, values, minlength=len(at)).astype(np.float64)
    order = np.sort(np.argsort(-total, kind="stable")[:MOST_PAIRS])
    return windows[at[order]], total[order]
