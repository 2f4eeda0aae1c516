"""Campaign p-values: is a candidate, found in one family, unusual in another?

Null: given its stratum (how active an account is, and when, its country and language), a candidate's
accounts are a random sample of all accounts as far as the confirmation family goes. Two exact tests; the
smaller p times two:

- one value: for every value that at least `LEAST_HOLDERS` accounts hold, the stratified hypergeometric tail
  of the number of candidate accounts that hold it; the smallest of them times the number of such values;
- split half: one half of the candidate, drawn at random, teaches which values are typical; the accounts
  outside it that fit best are marked (as many as four times the other half); the number of marked accounts
  in the other half is hypergeometric within strata. Done both ways, the smaller p times two. It sees what
  is spread over many values.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from countermark.detect.incidence import Incidence
from countermark.detect.profile import scores
from countermark.stats.hypergeometric import log_tail

LEAST_HOLDERS = 3
"""Values that fewer accounts hold are not tested; fixed by the population, not by the candidate."""
MOST_EXACT = 24
"""Values per candidate whose exact tail is computed; the others count as p = 1, which can only raise p."""
MARKED = 4
"""Accounts marked by one half, as a multiple of the other half's size."""


@dataclass(frozen=True)
class Strata:
    """Which stratum each account is in."""

    label: NDArray[np.int64]
    """Shape (accounts,)."""
    count: int

    def sizes(self, accounts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Shape (count,): how many of `accounts` are in each stratum."""
        return np.bincount(self.label[accounts], minlength=self.count).astype(np.int64)


@dataclass(frozen=True)
class ValueTail:
    """One value's exact test."""

    value: int
    holders: int
    """Accounts of the candidate that hold it."""
    expected: float
    log_p: float


@dataclass(frozen=True)
class Confirmation:
    """The p-value of one candidate under one view."""

    log_p: float
    """Natural log, corrected for the values and for the number of tests."""
    tested_values: int
    top: list[ValueTail]
    """The smallest exact tails of single values, not corrected."""
    log_split_p: float | None = None
    """The split-half test alone."""
    permutation_p: float | None = None
    """Where the law is not known: the sequential permutation p-value."""
    log_floor: float = -math.inf
    """The smallest natural-log p that could have come out."""


class Confirmer:
    """Tests candidates against one confirmation family."""

    def __init__(self, incidence: Incidence, strata: Strata, requests: NDArray[np.int64]) -> None:
        self.incidence, self.strata, self.requests = incidence, strata, requests
        degree = incidence.degree
        self._seen = np.bincount(incidence.account, minlength=incidence.accounts)
        self._tested = np.flatnonzero(degree >= LEAST_HOLDERS)
        number = np.full(degree.size, -1, np.int64)
        number[self._tested] = np.arange(self._tested.size)
        keep = number[incidence.value] >= 0
        account, value = incidence.account[keep], number[incidence.value[keep]]
        shape = (incidence.accounts, self._tested.size)
        self._holds = csr_array((np.ones(account.size, np.float64), (account, value)), shape=shape)
        marked = np.bincount(
            value * strata.count + strata.label[account], minlength=self._tested.size * strata.count
        )
        self._marked = marked.reshape(self._tested.size, strata.count)
        self._totals = np.bincount(strata.label, minlength=strata.count)

    def confirm(self, members: NDArray[np.int64], generator: np.random.Generator) -> Confirmation:
        """Test one candidate; `generator` draws the halves."""
        tails = self._values(members)
        values = self._tested.size
        if values == 0 or members.size < 4 or np.count_nonzero(self._seen[members]) < 2:
            return Confirmation(0.0, values, [], log_floor=0.0)
        one_value = min((tail.log_p for tail in tails), default=0.0) + math.log(values)
        split = self._split_half(members, generator)
        log_p = min(0.0, min(one_value, split) + math.log(2))
        return Confirmation(log_p, values, tails[:10], split)

    def _split_half(self, members: NDArray[np.int64], generator: np.random.Generator) -> float:
        shuffled = generator.permutation(members)
        halves = shuffled[: members.size // 2], shuffled[members.size // 2 :]
        best = min(self._taught(halves[0], halves[1]), self._taught(halves[1], halves[0]))
        return min(0.0, best + math.log(2))

    def _taught(self, teachers: NDArray[np.int64], others: NDArray[np.int64]) -> float:
        inside = np.zeros(self.incidence.accounts, bool)
        inside[teachers] = True
        score = np.where(inside, -1.0, scores(self.incidence, inside, self.requests))
        places = min(MARKED * others.size, score.size - 1)
        marked = score >= max(float(np.partition(score, -places)[-places]), 1e-12)
        total = self._totals - self.strata.sizes(teachers)
        in_strata = np.bincount(self.strata.label[marked], minlength=self.strata.count)
        return log_tail(int(marked[others].sum()), total, in_strata, self.strata.sizes(others))

    def _values(self, members: NDArray[np.int64]) -> list[ValueTail]:
        held = np.asarray(self._holds[members].sum(axis=0)).ravel()
        drawn = self.strata.sizes(members)
        expected = self._marked @ (drawn / np.maximum(self._totals, 1))
        promising = np.argsort(
            -(held * np.log(np.maximum(held, 1) / np.maximum(expected, 1e-9))), kind="stable"
        )
        tails = []
        for i in promising[:MOST_EXACT].tolist():
            if held[i] < 2 or held[i] <= expected[i]:
                continue
            log_p = log_tail(int(held[i]), self._totals, self._marked[i], drawn)
            tails.append(ValueTail(int(self._tested[i]), int(held[i]), float(expected[i]), log_p))
        return sorted(tails, key=lambda tail: (tail.log_p, tail.value))
