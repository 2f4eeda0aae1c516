"""Which windows count, how often, and what a reference expects of them, against loops over dictionaries."""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from marked_worlds import VOCABULARY, language, log_probs, texts

from countermark.attribute.pairs import MEND, RUN, Row, expected_counts, pairs_of


def naive(rows: list[Row], length: int, logs: list[Any]) -> tuple[Counter[Any], Counter[Any]]:
    """Counts and expectations by window, word for word as the docstrings say."""
    shown = {
        tuple(row.prompt[i : i + length].tolist())
        for row in rows
        if row.prompt is not None
        for i in range(len(row.prompt) - length + 1)
    }
    of = [
        [tuple(row.answer[i : i + length].tolist()) for i in range(len(row.answer) - length + 1)]
        for row in rows
    ]
    runs = {
        tuple(row.prompt[i : i + RUN].tolist())
        for row in rows
        if row.prompt is not None
        for i in range(len(row.prompt) - RUN + 1)
    }
    quoted, mended = [], set[Any]()
    for row, windows in zip(rows, of, strict=True):
        ids = row.answer.tolist()
        hits = [i for i in range(len(ids) - RUN + 1) if tuple(ids[i : i + RUN]) in runs]
        inside = {j for i in hits for j in range(i - RUN, i + 2 * RUN)}
        between: set[int] = set()
        for one, two in pairwise(hits):
            if two - one - RUN <= MEND:
                between |= set(range(one + RUN, two))
        mended |= {window for i, window in enumerate(windows) if between & set(range(i, i + length))}
        quoted.append(inside | between)
    counts = [
        {
            window
            for i, window in enumerate(windows)
            if window not in shown | mended and not inside & set(range(i, i + length))
        }
        for windows, inside in zip(of, quoted, strict=True)
    ]
    kept = list(dict.fromkeys(window for one in counts for window in one))
    seen, expected = Counter[Any](), Counter[Any]()
    for windows in counts:
        seen.update(windows)
    for row, matrix in zip(rows, logs, strict=True):
        before: set[Any] = set()
        for i in range(len(row.answer) - length + 1):
            window = tuple(row.answer[i : i + length].tolist())
            for one in kept:
                if one[:-1] == window[:-1] and one not in before:
                    expected[one] += float(np.exp(np.float64(matrix[i + length - 1, one[-1]])))
            before.add(window)
    return seen, expected


@pytest.mark.parametrize("length", [2, 3, 4])
def test_counts_and_expectations_are_those_of_the_loops(length: int) -> None:
    laws = language(1, 0.05)
    answers, prompts = texts(laws, 8, 25, 2), texts(laws, 8, 10, 3)
    rows = [
        Row(answer, prompt if at % 3 else None)
        for at, (answer, prompt) in enumerate(zip(answers, prompts, strict=True))
    ]
    logs = list(log_probs(laws, rows))
    seen, expected = naive(rows, length, logs)
    pairs = pairs_of(rows, length)
    found = expected_counts(pairs, rows, logs)
    assert {tuple(one) for one in pairs.windows.tolist()} == set(seen)
    for window, count, mass in zip(pairs.windows.tolist(), pairs.seen, found, strict=True):
        assert count == seen[tuple(window)]
        assert mass == pytest.approx(expected[tuple(window)], rel=1e-6)


def test_a_window_of_any_prompt_counts_in_no_answer() -> None:
    rows = [Row(np.array([1, 2, 3, 4])), Row(np.array([5, 6]), np.array([9, 2, 3, 9]))]
    pairs = pairs_of(rows, 2)
    assert sorted(map(tuple, pairs.windows.tolist())) == [(1, 2), (3, 4), (5, 6)]
    assert pairs.in_prompts == 1
    assert pairs.tokens == 4
    touched = {
        tuple(one): bool(flag) for one, flag in zip(pairs.windows.tolist(), pairs.touched, strict=True)
    }
    assert touched == {(1, 2): False, (3, 4): True, (5, 6): False}


def left(rows: list[Row], length: int, more: Any = None) -> list[int]:
    """First ids of the windows that count."""
    return sorted(pairs_of(rows, length, more).windows[:, 0].tolist())


def test_what_lies_in_and_beside_a_quotation_is_left_out_at_any_width() -> None:
    """A model that mends a typo in a marked prompt writes windows that stand in no prompt."""
    ids = np.arange(60)
    prompt = np.where(ids == 25, 99, ids)[20:32]  # 25 is a typo
    for length in (2, 3, 4, 6):
        # quoted are 20 to 24 and 26 to 31, with four ids on either side
        assert left([Row(ids, prompt)], length) == [*range(17 - length), *range(36, 61 - length)]


def test_a_quotation_takes_four_ids_in_a_row() -> None:
    ids = np.arange(60)
    assert left([Row(ids, ids[20:23])], 2) == [*range(20), *range(22, 59)]


def test_a_mended_window_is_left_out_wherever_it_stands() -> None:
    ids = np.arange(60)
    prompt = np.where(ids == 25, 99, ids)[20:32]
    alone = Row(np.array([70, 24, 25, 71]))
    more = np.array([[25, 26], [25, 80]])
    pairs = pairs_of([Row(ids, prompt), alone], 2, more)
    stand = {tuple(one) for one in pairs.windows.tolist()}
    assert not {(24, 25), (25, 26)} & stand
    assert {(70, 24), (25, 71), (25, 80)} <= stand
    touched = dict(zip(map(tuple, pairs.windows.tolist()), pairs.touched.tolist(), strict=True))
    assert touched[25, 80]  # 25 is in no prompt, but what came after it was


def test_repeats_in_one_answer_are_seen_once() -> None:
    pairs = pairs_of([Row(np.array([1, 2, 1, 2, 1, 2])), Row(np.array([1, 2]))], 2)
    seen = dict(zip(map(tuple, pairs.windows.tolist()), pairs.seen.tolist(), strict=True))
    assert seen == {(1, 2): 2.0, (2, 1): 1.0}


def test_windows_that_are_only_asked_about_have_no_count() -> None:
    pairs = pairs_of([Row(np.array([1, 2, 3]))], 2, np.array([[1, 7], [1, 2]]))
    seen = dict(zip(map(tuple, pairs.windows.tolist()), pairs.seen.tolist(), strict=True))
    assert seen == {(1, 2): 1.0, (1, 7): 0.0, (2, 3): 1.0}
    assert pairs.standing.sum() == 2


@pytest.mark.parametrize(
    "rows", [[], [Row(np.array([], np.int64))], [Row(np.array([3]), np.array([1, 2, 3]))]]
)
def test_a_body_of_nothing_has_no_pairs(rows: list[Row]) -> None:
    pairs = pairs_of(rows, 3)
    assert len(pairs) == 0
    logs = [np.zeros((len(row.answer), VOCABULARY), np.float32) for row in rows]
    assert expected_counts(pairs, rows, logs).shape == (0,)
