"""Campaigns from candidates: what several views found of one group becomes one campaign."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from countermark.detect.fit import refine
from countermark.detect.incidence import Incidence
from countermark.detect.owners import without_owners
from countermark.detect.search import Candidate

SAME = 0.5
"""Smallest share of the smaller of two member sets that makes them one group."""
PART = 0.7
"""Share of a set inside another that makes it a part of it, and share of a set that its parts have to
cover."""
SIZEABLE = 0.2
"""Smaller sets are no parts, and a set that leaves less than half of that out is the whole."""
APART = 0.25
"""Parts overlap by less than this share of the smaller."""


@dataclass(frozen=True)
class Group:
    """One campaign before it has a name."""

    candidates: list[Candidate]
    """The most significant first."""
    accounts: NDArray[np.int64]
    score: NDArray[np.float64]
    p: NDArray[np.float64]
    """Smallest member p over the candidates that judged the account, times their number."""
    q: NDArray[np.float64]
    log_p: float
    """Smallest of the candidates' p-values times their number."""
    log_q: float

    def keep(self, chosen: NDArray[np.bool_]) -> "Group":
        """The same group with some of its accounts."""
        return replace(
            self, accounts=self.accounts[chosen], score=self.score[chosen], p=self.p[chosen], q=self.q[chosen]
        )


def merge(
    candidates: list[Candidate],
    families: list[Incidence],
    requests: NDArray[np.int64],
    per_day: NDArray[np.float64],
    owner: NDArray[np.int64],
    member_fdr: float,
    least_size: int,
) -> list[Group]:
    """Join candidates whose members overlap, settle who belongs, and make the groups disjoint.

    `families` has one incidence a family; `owner` numbers open owners, which are kept apart.
    """
    sets = [(candidate, without_owners(candidate.members(member_fdr), owner)) for candidate in candidates]
    sets = _finest([(candidate, members) for candidate, members in sets if members.size >= least_size])
    n = len(sets)
    links = [
        (i, j)
        for i in range(n)
        for j in range(i + 1, n)
        if np.intersect1d(sets[i][1], sets[j][1]).size >= SAME * min(sets[i][1].size, sets[j][1].size)
    ]
    rows, columns = (np.array(links, dtype=np.int64).reshape(-1, 2)).T
    _, label = connected_components(
        coo_array((np.ones(len(links)), (rows, columns)), shape=(n, n)), directed=False
    )
    joined = [[sets[i] for i in np.flatnonzero(label == g)] for g in range(label.max(initial=-1) + 1)]
    groups = [_group(part, families, requests, per_day, owner) for part in joined]
    return [group for group in _disjoint(groups) if group.accounts.size >= least_size]


def _finest(sets: list[tuple[Candidate, NDArray[np.int64]]]) -> list[tuple[Candidate, NDArray[np.int64]]]:
    """Drop candidates that are the union of two or more others: two networks that share a habit stay two."""
    kept = []
    for i, (candidate, members) in enumerate(sets):
        whole, parts = candidate.community, list[NDArray[np.int64]]()
        for j, (other, _) in enumerate(sets):
            part = other.community
            within = np.intersect1d(whole, part).size >= PART * part.size
            sizeable = SIZEABLE * whole.size <= part.size <= (1 - SIZEABLE / 2) * whole.size
            apart = all(np.intersect1d(one, part).size <= APART * min(one.size, part.size) for one in parts)
            if i != j and within and sizeable and apart:
                parts.append(part)
        covered = np.intersect1d(np.concatenate([*parts, whole[:0]]), whole).size
        if len(parts) < 2 or covered < PART * whole.size:
            kept.append((candidate, members))
    return kept


def _group(
    sets: list[tuple[Candidate, NDArray[np.int64]]],
    families: list[Incidence],
    requests: NDArray[np.int64],
    per_day: NDArray[np.float64],
    owner: NDArray[np.int64],
) -> Group:
    candidates = sorted((c for c, _ in sets), key=lambda c: (c.confirmation.log_p, -c.community.size))
    start = np.unique(np.concatenate([members for _, members in sets]))
    accounts = without_owners(refine(start, families, requests, per_day), owner)
    score, p, q = np.zeros(accounts.size), np.ones(accounts.size), np.ones(accounts.size)
    for candidate in candidates:
        judged = candidate.data.judge(candidate.community, requests, accounts)
        if judged is None:
            continue
        _, here, there = np.intersect1d(accounts, judged.accounts, return_indices=True)
        score[here] = np.maximum(score[here], judged.score[there])
        p[here] = np.minimum(p[here], judged.p[there])
        q[here] = np.minimum(q[here], judged.q[there])
    times = len(candidates)
    return Group(
        candidates,
        accounts,
        score,
        np.minimum(1.0, p * times),
        np.minimum(1.0, q * times),
        min(0.0, candidates[0].confirmation.log_p + math.log(times)),
        min(0.0, min(candidate.log_q for candidate in candidates) + math.log(times)),
    )


def _disjoint(groups: list[Group]) -> list[Group]:
    """Each account stays in the group with its smallest p, then the highest score."""
    best: dict[int, tuple[float, float, int]] = {}
    for g, group in enumerate(groups):
        for account, p, score in zip(
            group.accounts.tolist(), group.p.tolist(), group.score.tolist(), strict=True
        ):
            best[account] = min(best.get(account, (math.inf, 0.0, g)), (p, -score, g))
    kept = []
    for g, group in enumerate(groups):
        mine = np.array([best[account][2] == g for account in group.accounts.tolist()], bool)
        kept.append(group.keep(mine))
    return kept
