"""Campaigns from candidates: what several views found of one group becomes one campaign.

Each candidate is first settled on who belongs to it, so that two finds of one group look alike, and a find of
two groups looks like both.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from countermark.detect.fit import refine
from countermark.detect.incidence import Incidence
from countermark.detect.owners import without_owners
from countermark.detect.search import Candidate

SAME = 0.5
"""Smallest share of the smaller of two member sets that makes them one group."""
PART = 0.7
"""Share of a set inside another that makes it a part of it, and share of a set that its parts have to
cover."""
SIZEABLE = 0.1
"""Smaller sets are no parts, and a set that leaves less than that out is the whole."""
APART = 0.25
"""Parts overlap by less than this share of the smaller."""

Found = tuple[Candidate, NDArray[np.int64]]
"""A candidate and the accounts that it settled on."""


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
    found = []
    for candidate in candidates:
        members = without_owners(candidate.members(member_fdr), owner)
        if members.size >= least_size:
            members = without_owners(refine(members, families, requests, per_day), owner)
            found.append((candidate, members))
    found = _finest([(candidate, members) for candidate, members in found if members.size >= least_size])
    groups = [_group(alike, requests) for alike in _alike(found)]
    return [group for group in _disjoint(groups) if group.accounts.size >= least_size]


def _finest(found: list[Found]) -> list[Found]:
    """Drop what is the union of two or more others: two networks that share a habit stay two.

    From small to large, and parts are taken from what was kept: a union is no part of a larger one.
    """
    kept = list[Found]()
    for candidate, whole in sorted(found, key=lambda one: one[1].size):
        parts = list[NDArray[np.int64]]()
        inside = [(np.intersect1d(whole, part).size, part) for _, part in kept]
        for common, part in sorted(inside, key=lambda one: (-one[0] / one[1].size, -one[1].size)):
            sizeable = SIZEABLE * whole.size <= part.size <= (1 - SIZEABLE) * whole.size
            apart = all(np.intersect1d(one, part).size <= APART * min(one.size, part.size) for one in parts)
            if common >= PART * part.size and sizeable and apart:
                parts.append(part)
        covered = np.intersect1d(np.concatenate([*parts, whole[:0]]), whole).size
        if len(parts) < 2 or covered < PART * whole.size:
            kept.append((candidate, whole))
    return kept


def _alike(found: list[Found]) -> list[list[Found]]:
    """Finds of the same accounts together, the most significant of each first."""
    groups = list[list[Found]]()
    for candidate, accounts in sorted(found, key=lambda one: (one[0].confirmation.log_p, -one[1].size)):
        same = (
            group
            for group in groups
            if np.intersect1d(group[0][1], accounts).size >= SAME * min(group[0][1].size, accounts.size)
        )
        group = next(same, None)
        if group is None:
            groups.append([(candidate, accounts)])
        else:
            group.append((candidate, accounts))
    return groups


def _group(alike: list[Found], requests: NDArray[np.int64]) -> Group:
    """The accounts of the most significant find, judged under every view that found them."""
    candidates, accounts = [candidate for candidate, _ in alike], alike[0][1]
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
