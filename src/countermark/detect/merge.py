"""Campaigns from candidates: what several views found of one group becomes one campaign."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from countermark.detect.finds import Find, agreed, alike, finds
from countermark.detect.fit import refine
from countermark.detect.incidence import Incidence
from countermark.detect.owners import without_owners
from countermark.detect.search import Candidate


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

    def members_of(candidate: Candidate) -> NDArray[np.int64]:
        return without_owners(candidate.members(member_fdr), owner)

    def settle(group: NDArray[np.int64]) -> NDArray[np.int64] | None:
        settled = refine(without_owners(group, owner), families, requests, per_day)
        return None if settled is None else without_owners(settled, owner)

    found = finds(candidates, members_of, settle, least_size)
    groups = [_group(same, requests) for same in alike(found)]
    return [group for group in _disjoint(groups) if group.accounts.size >= least_size]


def _group(found: list[Find], requests: NDArray[np.int64]) -> Group:
    """The accounts that the finds agree on, judged under every view that found them."""
    candidates, accounts = [candidate for candidate, _ in found], agreed(found)
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
