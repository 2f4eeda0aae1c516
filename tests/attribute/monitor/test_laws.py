"""Each scheme's bets: means by enumeration, and what scheme has none."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from countermark.attribute.monitor.laws import RATES, Exponentials, GreenDraws, sequential_law
from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import Secret
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.profile import Engine
from countermark.watermark.schemes.base import Marks
from countermark.watermark.scoring import Detector, Document
from watermark_samples import KEY, own_profile, random_ids


def marks_of(values: Any) -> Marks:
    array = np.array(values, dtype=np.uint64)
    return Marks(array, array, np.arange(len(array)))


def test_green_outcomes_of_a_list_are_drawn_without_replacement_over_batches() -> None:
    """All lists of 2 among 5: the bet of batch 2 hangs on batch 1 in the worst way, and the mean stays 1."""
    law = GreenDraws(5, 2)
    plain, honest = [], []
    for greens in itertools.combinations(range(5), 2):
        values = [(7 << 32) | (token << 1) | (token in greens) for token in range(4)]
        first, second = marks_of(values[:2]), marks_of(values[2:])
        seen = np.sort(first.values)
        # bets all on batch 2 if batch 1 showed no green, and nothing else
        bold = not any(value & 1 for value in values[:2])
        log_e = law.log_e(second, seen) if bold else np.zeros(len(law.bets))
        honest.append(np.exp(log_e))
        unaware = law.log_e(second, np.empty(0, np.uint64)) if bold else np.zeros(len(law.bets))
        plain.append(np.exp(unaware))
    np.testing.assert_allclose(np.mean(honest, axis=0), 1, atol=1e-12)
    assert np.mean(plain, axis=0).max() > 1.01  # what the conditional chance is for


def test_chances_follow_the_lists_that_were_seen() -> None:
    law = GreenDraws(10, 4)
    seen = np.sort(
        marks_of([(1 << 32) | (3 << 1) | 1, (1 << 32) | (5 << 1), (2 << 32) | (3 << 1) | 1]).values
    )
    outcomes, chances = law.chances(
        marks_of([(1 << 32) | (7 << 1) | 1, (1 << 32) | (8 << 1), (9 << 32) | 1]).values, seen
    )
    assert outcomes.tolist() == [1, 0, 1]
    np.testing.assert_allclose(chances, [3 / 8, 2 / 7, 4 / 10])


def test_our_own_scores_are_those_of_the_scheme() -> None:
    profile = own_profile(2, 512)
    detector = Detector.open(profile, Secret(KEY.encode()))
    marks = detector.marks(Document(random_ids(1, 400)))
    marks = marks.at(first_occurrences(marks.fingerprints))
    total = float(detector.scorer.scores(marks).sum())
    expected = [len(marks) * math.log(1 - rate) + rate * total for rate in RATES]
    np.testing.assert_allclose(sequential_law(profile).log_e(marks, np.empty(0, np.uint64)), expected)


def test_two_keys_in_a_pair_are_two_outcomes() -> None:
    law = Exponentials(24, (0.75, 0.25))
    a, b = np.uint64(1 << 23), np.uint64(3 << 22)
    marks = marks_of([(a << np.uint64(24)) | b])
    expected = [
        math.log((1 - 0.75 * rate) * (1 - 0.25 * rate))
        + 0.75 * rate * math.log(2)
        + 0.25 * rate * math.log(4)
        for rate in RATES
    ]
    np.testing.assert_allclose(law.log_e(marks, np.empty(0, np.uint64)), expected)


def test_a_scheme_without_a_process_is_refused() -> None:
    profile = own_profile(4, scheme="transformers-synthid", engine=Engine("transformers", "5.23.0"))
    with pytest.raises(Error, match="batch by batch") as caught:
        sequential_law(profile)
    assert caught.value.exit_code == ExitCode.USAGE
