"""Members: whom a campaign's own habits fit, each account judged with itself left out.

An account's score is `profile.scores` in the confirmation family. Its p-value is the rank of that
score among the reference accounts of like activity; the candidate and what is near it by its discovery
values are not
part of the reference (a conformal p-value; Vovk, Gammerman & Shafer 2005, section 2.2). Null: as far as
the confirmation
family goes, the account is exchangeable with the accounts of the reference.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countermark.detect.incidence import Incidence
from countermark.detect.profile import scores
from countermark.stats.multiplicity import benjamini_hochberg

LEAST_REFERENCE = 100
"""Accounts in the smallest reference that members are judged by."""
NEAR = 0.5
"""An account outside the candidate is judged too when its discovery score is this share of the members'
median."""
ACTIVITY_BINS = 5


@dataclass(frozen=True)
class Membership:
    """The accounts that were judged and how they came out."""

    accounts: NDArray[np.int64]
    score: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    """Benjamini–Hochberg over the judged accounts."""
    reference: int
    """Accounts in the reference."""


def judge(
    candidate: NDArray[np.int64],
    discovery: Incidence,
    confirmation: Incidence,
    requests: NDArray[np.int64],
    also: NDArray[np.int64] | None = None,
) -> Membership | None:
    """Judge the candidate, every account that shares its discovery values, and `also`; None without a
    reference."""
    inside = np.zeros(discovery.accounts, bool)
    inside[candidate] = True
    judged = judged_accounts(inside, scores(discovery, inside, requests), also)
    if judged is None:
        return None
    return rank(scores(confirmation, inside, requests), judged, requests)


def judged_accounts(
    inside: NDArray[np.bool_], nearness: NDArray[np.float64], also: NDArray[np.int64] | None
) -> NDArray[np.bool_] | None:
    """The candidate, what is near it by discovery values, and `also`; None when nobody would be left to
    compare with."""
    judged = inside.copy()
    judged[also if also is not None else []] = True
    near = judged | (nearness > NEAR * np.median(nearness[inside]))
    for choice in (near, judged):
        if int((~choice).sum()) >= LEAST_REFERENCE:
            return choice
    return None


def rank(score: NDArray[np.float64], judged: NDArray[np.bool_], requests: NDArray[np.int64]) -> Membership:
    """Rank each judged account among the reference accounts that are about as active as it is."""
    accounts, reference = np.flatnonzero(judged), np.flatnonzero(~judged)
    bins = min(ACTIVITY_BINS, reference.size // LEAST_REFERENCE)
    edges = np.unique(np.quantile(requests[reference], np.linspace(0, 1, bins + 1)[1:-1]))
    activity = np.searchsorted(edges, requests, side="left")
    p = np.ones(accounts.size)
    for one in np.unique(activity[accounts]).tolist():
        mine = activity[accounts] == one
        ordered = np.sort(score[reference[activity[reference] == one]])
        higher = ordered.size - np.searchsorted(ordered, score[accounts[mine]], side="left")
        p[mine] = (1 + higher) / (1 + ordered.size)
    q = np.exp(benjamini_hochberg(np.log(p)))
    return Membership(accounts, score[accounts], p, q, int(reference.size))
