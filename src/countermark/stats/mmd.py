"""Maximum mean discrepancy between two sets of strings, with labels permuted within strata (prompts).

Gao, Liang & Guestrin (2024), "Model Equality Testing: Which Model Is This API Serving?", section 3: a Hamming
kernel on the first L positions of an answer, zero between answers to different prompts. The statistic is the
sum over strata of n m / (n + m) times the squared distance of the two mean embeddings (Gretton et al. 2012,
"A Kernel Two-Sample Test", equation 5), so that strata of any size weigh alike under the null.

Under the null of a stratum (all its answers are independent draws from one law) every assignment of its
labels is equally likely, whatever the law is, and strata are independent.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
TOLERANCE = 1e-9
"""Relative; assignments so close to the observed statistic count as reaching it."""
BATCH = 1000
"""Assignments at a time."""


@dataclass(frozen=True)
class Stratum:
    """The answers to one prompt: first those of the one side, then those of the other."""

    gram: FloatArray
    """Kernel of every two answers, shape (answers, answers)."""
    first: int
    """Answers of the one side; both sides have at least one."""

    @property
    def assignments(self) -> int:
        """Ways to give the labels out."""
        return math.comb(len(self.gram), self.first)


@dataclass(frozen=True)
class WithinPrompt:
    """The outcome of a permutation test."""

    statistic: float
    p_value: float
    floor: float
    """Smallest p-value that these strata and this number of assignments allow."""
    exact: bool
    """Whether all assignments were counted; else p is (1 + reached) / (1 + drawn)."""
    null: FloatArray
    """The statistic under every assignment that was counted or drawn."""


def hamming_gram(rows: NDArray[np.int64]) -> FloatArray:
    """Share of positions at which two rows agree, shape (n, n), for rows of shape (n, positions).

    Shorter answers are filled up with a symbol of their own, so that their length counts too.
    """
    agree = np.zeros((len(rows), len(rows)))
    for column in rows.T:
        agree += column[:, None] == column[None, :]
    return np.asarray(agree / max(rows.shape[1], 1))


def statistic(stratum: Stratum, labels: NDArray[np.bool_]) -> FloatArray:
    """The part of the statistic that comes from a stratum, for labels of shape (assignments, answers), true
    for the one side."""
    size, first = len(stratum.gram), stratum.first
    weights = np.where(labels, 1.0 / first, -1.0 / (size - first))
    scale = first * (size - first) / size
    return np.asarray(np.einsum("ij,ij->i", weights @ stratum.gram, weights) * scale)


def within_prompt(
    strata: Sequence[Stratum], generator: np.random.Generator, *, permutations: int
) -> WithinPrompt:
    """Test whether both sides' answers come from one law in every stratum.

    All assignments are counted where they are no more than `permutations`, else so many are drawn. Raises
    `ValueError` without strata.
    """
    if not strata:
        raise ValueError("no strata")
    total = math.fsum(float(statistic(one, _observed(one))[0]) for one in strata)
    everything = math.prod(one.assignments for one in strata)
    if everything <= permutations:
        null = all_assignments(strata)
        return WithinPrompt(total, reached(null, total) / null.size, _floor(strata), True, null)
    drawn = np.zeros(permutations)
    for stratum in strata:
        drawn += np.concatenate([statistic(stratum, one) for one in _draws(stratum, generator, permutations)])
    p_value = (1 + reached(drawn, total)) / (1 + permutations)
    floor = max(1 / (1 + permutations), _floor(strata))
    return WithinPrompt(total, p_value, floor, False, drawn)


def all_assignments(strata: Sequence[Stratum]) -> FloatArray:
    """The statistic under every assignment of labels within strata."""
    total = np.zeros(1)
    for stratum in strata:
        chosen = list(itertools.combinations(range(len(stratum.gram)), stratum.first))
        labels = np.zeros((len(chosen), len(stratum.gram)), bool)
        for at, members in enumerate(chosen):
            labels[at, list(members)] = True
        total = (total[:, None] + statistic(stratum, labels)[None, :]).ravel()
    return total


def reached(values: FloatArray, observed: float) -> int:
    """How many values are at least `observed`, rounding given to the null."""
    return int(np.count_nonzero(values >= observed - TOLERANCE * max(1.0, abs(observed))))


def _floor(strata: Sequence[Stratum]) -> float:
    """One over the number of assignments; with sides of one size, the swapped one has the same statistic."""
    logs = [
        math.log(one.assignments) - (math.log(2) if 2 * one.first == len(one.gram) else 0.0) for one in strata
    ]
    return math.exp(-math.fsum(logs))


def _observed(stratum: Stratum) -> NDArray[np.bool_]:
    return (np.arange(len(stratum.gram)) < stratum.first)[None, :]


def _draws(stratum: Stratum, generator: np.random.Generator, number: int) -> Iterator[NDArray[np.bool_]]:
    """Labels, uniform over the assignments, in batches of shape (batch, answers)."""
    for start in range(0, number, BATCH):
        keys = generator.random((min(BATCH, number - start), len(stratum.gram)))
        yield keys.argsort(axis=1) < stratum.first
