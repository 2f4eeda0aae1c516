"""Weights, joint keys, candidates and pieces of long answers, each against a loop or by hand."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from marked_worlds import KEY_A, KEY_B, VOCABULARY, own_key

from countermark.attribute.keyed import judge
from countermark.attribute.pairs import Row
from countermark.attribute.radioactivity import fed
from countermark.attribute.radioactivity.joint import BINS, explained, lift
from countermark.attribute.radioactivity.weights import GAIN, PRIOR, STEPS, weights_of
from countermark.errors import Error


def test_weights_by_hand() -> None:
    seen, expected = np.array([7.0, 3.0, 0.0, 0.0]), np.array([1.0, 3.0, 5.0, 5.0])
    g = math.log(10 / 4)
    found = weights_of(seen, expected, PRIOR, np.array([True, True, True, False]))
    wanted = [1 - 1 / (1 + GAIN * g), 0.0, math.log(3 / 8), 0.0]
    assert found == pytest.approx(wanted, abs=0.5 / STEPS)


def test_the_lift_of_another_key_is_the_ratio_in_its_bin() -> None:
    generator = np.random.default_rng(1)
    scores, expected = generator.exponential(size=4000), generator.uniform(0.5, 2, 4000)
    seen = generator.poisson(expected * np.where(scores > 1, 2.0, 0.5)).astype(float)
    found = lift(seen, expected, scores)
    order = np.argsort(scores)
    for part in np.array_split(order, BINS):
        ratio = (
            (seen[part].sum() + 1)
            / (expected[part].sum() + 1)
            / (seen.sum() + BINS)
            * (expected.sum() + BINS)
        )
        assert np.median(found[part]) == pytest.approx(ratio, rel=0.05)
    assert lift(seen, expected, np.full(4000, np.nan)).tolist() == [1.0] * 4000


def test_marks_of_another_key_do_not_hide_ours() -> None:
    """Counts lifted by B more than by A: weights that know B show A better, a third key shows nothing."""
    every = np.stack(np.meshgrid(np.arange(VOCABULARY), np.arange(VOCABULARY)), -1).reshape(-1, 2)
    a, b = own_key(KEY_A), own_key(KEY_B)
    of_a, of_b = a.scores(every), b.scores(every)
    assert of_a is not None
    assert of_b is not None
    generator = np.random.default_rng(2)
    expected = generator.uniform(0.5, 8, len(every))
    seen = generator.poisson(expected * (0.4 + 0.1 * of_a + 0.5 * of_b)).astype(float)
    alone = weights_of(seen, expected, PRIOR, True)
    knowing = weights_of(seen, explained(a, seen, expected, every, [b]), PRIOR, True)
    without, within = (judge(a, every, one).evidence.log_p for one in (alone, knowing))
    assert within < without < math.log(1e-3)
    assert judge(own_key("7" * 32), every, knowing).evidence.log_p > math.log(1e-3)


def test_candidates_are_the_most_important_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fed, "CANDIDATES", 3)
    monkeypatch.setattr(fed, "MOST_PAIRS", 20)
    generator = np.random.default_rng(3)
    rows = [Row(generator.integers(0, 6, 12)) for _ in range(4)]
    matrices = [generator.random((12, 8)).astype(np.float32) for _ in rows]
    total: Counter[Any] = Counter()
    for row, matrix in zip(rows, matrices, strict=True):
        for at in range(1, 12):
            for token in np.argsort(matrix[at])[-3:].tolist():
                total[int(row.answer[at - 1]), token] += float(matrix[at, token])
    left_out = fed.names_of(np.array([[0, 1]]))
    total.pop((0, 1), None)
    # merged once at the end: with more waiting than MOST_PAIRS the early ones would be cut sooner
    monkeypatch.setattr(fed, "MOST_PAIRS", 1000)
    windows = fed.candidates(rows, 2, iter(matrices), left_out)
    assert {tuple(one) for one in windows.tolist()} == set(total)
    monkeypatch.setattr(fed, "MOST_PAIRS", 140)
    fewer = fed.candidates(rows, 2, iter(matrices), left_out)
    best = {window for window, _ in total.most_common(140)}
    assert {tuple(one) for one in fewer.tolist()} == best


class Echo:
    """Stands in for a model: log-probabilities that name the row's length and place."""

    max_length = 8
    vocab_size = 3

    def __init__(self) -> None:
        self.fed: list[list[int]] = []

    def log_probs(self, rows: Sequence[Sequence[int]]) -> Iterator[Any]:
        for row in rows:
            self.fed.append(list(row))
            yield np.array([[one, at, 0] for at, one in enumerate(row)], np.float32)


@pytest.mark.parametrize(("prompt", "answer"), [(0, 5), (3, 4), (3, 30), (20, 3), (0, 1), (5, 0)])
def test_every_token_of_an_answer_is_told_after_the_ids_before_it(prompt: int, answer: int) -> None:
    ids = np.arange(100, 100 + prompt + answer)
    row = Row(ids[prompt:], ids[:prompt] if prompt else None)
    model = Echo()
    (logs,) = fed.next_logs(model, [row])
    assert len(logs) == answer
    assert all(len(one) <= model.max_length for one in model.fed)
    for at in range(answer):
        before = ids[prompt + at - 1] if prompt + at else 0
        assert logs[at, 0] == before


def test_related_keys_are_not_asked_for_jointly() -> None:
    every = np.stack(np.meshgrid(np.arange(VOCABULARY), np.arange(VOCABULARY)), -1).reshape(-1, 2)
    ones = np.ones(len(every))
    with pytest.raises(Error, match="related"):
        explained(own_key(KEY_A), ones, ones, every, [own_key(KEY_A)])
    assert explained(own_key(KEY_A), ones, ones, every, [own_key(KEY_B)]) == pytest.approx(ones, abs=0.2)
