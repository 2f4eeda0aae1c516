"""Which windows count, how often, and what a reference expects of them, against loops over dictionaries."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from marked_worlds import VOCABULARY, language, log_probs, texts

from countermark.attribute.pairs import WIDE, Row, expected_counts, pairs_of


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
    reach = length - 1 if length >= WIDE else 0
    counts = [
        {
            window
            for i, window in enumerate(windows)
            if not shown & set(windows[max(0, i - reach) : i + reach + 1])
        }
        for windows in of
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


def test_of_wide_windows_those_that_overlap_a_prompts_are_left_out_too() -> None:
    """A model that mends the first id of a marked prompt writes the window before its whole ones, too."""
    ids = np.arange(20)
    rows = [Row(ids, ids[6:12])]
    left = sorted(pairs_of(rows, 4).windows[:, 0].tolist())
    assert left == [0, 1, 2, *range(12, 17)]  # 6 to 8 stand in the prompt, 3 to 5 and 9 to 11 overlap them
    assert sorted(pairs_of(rows, 3).windows[:, 0].tolist()) == [*range(6), *range(10, 18)]


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
