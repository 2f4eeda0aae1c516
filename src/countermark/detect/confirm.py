"""Campaign p-values: is a candidate, found in one family, unusual in another?

Null: given its stratum (how active an account is, its country or language), a candidate's accounts are a random
sample of all accounts as far as the confirmation family goes. Two tests, the smaller p doubled:

- exact: for every value that at least `LEAST_HOLDERS` accounts hold, the stratified hypergeometric tail of
  the number of candidate accounts that hold it; the smallest of them times the number of such values;
- by sequential permutation within strata, when the exact test is not significant: the rarity-weighted
  number of pairs of candidate accounts that share a value. Slower, has a floor, and sees what is
  spread over many values.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from countermark.detect.incidence import Incidence
from countermark.stats.hypergeometric import log_tail
from countermark.stats.permutation import StratifiedDraws, besag_clifford

LEAST_HOLDERS = 3
"""Values that fewer accounts hold are not tested; fixed by the population, not by the candidate."""
MOST_EXACT = 24
"""Values per candidate whose exact tail is computed; the others count as p = 1, which can only raise p."""


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
    """Natural log, corrected for the values and for the two tests."""
    tested_values: int
    top: list[ValueTail]
    """The smallest exact tails, not corrected."""
    permutation_p: float | None
    """The second test, where it was needed."""
    log_floor: float
    """The smallest natural-log p that could have come out."""


def batch_of(size: int) -> int:
    """How many random groups of `size` accounts are drawn at a time: bounded memory, little overhead."""
    return int(np.clip(60_000 // size, 50, 5_000))


class Confirmer:
    """Tests candidates against one confirmation family."""

    def __init__(self, incidence: Incidence, strata: Strata) -> None:
        self.incidence, self.strata = incidence, strata
        degree = incidence.degree
        self._tested = np.flatnonzero(degree >= LEAST_HOLDERS)
        number = np.full(degree.size, -1, np.int64)
        number[self._tested] = np.arange(self._tested.size)
        keep = number[incidence.value] >= 0
        account, value = incidence.account[keep], number[incidence.value[keep]]
        shape = (incidence.accounts, self._tested.size)
        self._holds = csr_array((np.ones(account.size, np.float64), (account, value)), shape=shape)
        marked = np.bincount(value * strata.count + strata.label[account], minlength=self._tested.size * strata.count)
        self._marked = marked.reshape(self._tested.size, strata.count)
        self._totals = np.bincount(strata.label, minlength=strata.count)
        self._rarity = np.log(incidence.accounts / np.maximum(degree[self._tested], 1))

    def confirm(
        self, members: NDArray[np.int64], generator: np.random.Generator, *, threshold: float, most: int
    ) -> Confirmation:
        """Test one candidate; `threshold` is the smallest p that the multiplicity correction may ask for."""
        tails = self._exact(members)
        m = self._tested.size
        best = min((tail.log_p for tail in tails), default=0.0) + math.log(max(m, 1))
        exact = min(0.0, best + math.log(2))
        if exact <= math.log(threshold) or m == 0:
            return Confirmation(exact, m, tails[:8], None, -math.inf if m else 0.0)
        draws = StratifiedDraws(self.strata.label, members)
        p = besag_clifford(
            float(self._pair_statistic(members[None, :])[0]),
            lambda rng, n: self._pair_statistic(draws.draw(rng, n)),
            generator,
            threshold=threshold / 2,
            most=most,
            batch=batch_of(members.size),
        )
        log_p = min(exact, math.log(min(1.0, 2 * p.p_value)))
        return Confirmation(log_p, m, tails[:8], p.p_value, math.log(min(1.0, 2 * p.floor)))

    def _exact(self, members: NDArray[np.int64]) -> list[ValueTail]:
        held = np.asarray(self._holds[members].sum(axis=0)).ravel()
        drawn = self.strata.sizes(members)
        expected = self._marked @ (drawn / np.maximum(self._totals, 1))
        promising = np.argsort(-(held * np.log(np.maximum(held, 1) / np.maximum(expected, 1e-9))), kind="stable")
        tails = []
        for i in promising[:MOST_EXACT].tolist():
            if held[i] < 2 or held[i] <= expected[i]:
                continue
            log_p = log_tail(int(held[i]), self._totals, self._marked[i], drawn)
            tails.append(ValueTail(int(self._tested[i]), int(held[i]), float(expected[i]), log_p))
        return sorted(tails, key=lambda tail: (tail.log_p, tail.value))

    def _pair_statistic(self, groups: NDArray[np.int64]) -> NDArray[np.float64]:
        n, size = groups.shape
        ends = np.arange(0, n * size + 1, size)
        chosen = csr_array((np.ones(groups.size), groups.ravel(), ends), shape=(n, self.incidence.accounts))
        counts = (chosen @ self._holds).tocsr()
        counts.data = counts.data * (counts.data - 1) / 2
        return np.asarray(counts @ self._rarity)
