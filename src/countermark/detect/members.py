"""Members: whom a campaign's own habits fit, each account judged with itself left out.

An account's score is `profile.scores` in the confirmation family. Its p-value is the rank of that score
among the reference accounts of like activity; the candidate and what is near it by its discovery values are
not part of the reference (a conformal p-value; Vovk, Gammerman & Shafer 2005, section 2.2). Null: as far as
the confirmation family goes, the account is exchangeable with the accounts of the reference.
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
LEAST_STRATUM = 50
"""Reference accounts in the smallest stratum that accounts are ranked within."""


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
    strata: NDArray[np.int64],
    also: NDArray[np.int64] | None = None,
) -> Membership | None:
    """Judge the candidate, every account that shares its discovery values, and `also`.

    None without a reference. Accounts of `also` that are not near stay in the reference, each left out of
    its own comparison: they may have been chosen by their confirmation scores.
    """
    inside = np.zeros(discovery.accounts, bool)
    inside[candidate] = True
    near = near_accounts(inside, scores(discovery, inside, requests))
    if near is None:
        return None
    return rank(scores(confirmation, inside, requests), near, also, requests, strata)


def near_accounts(inside: NDArray[np.bool_], nearness: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """The candidate and what is near it by discovery values; None when nobody would be left."""
    for choice in (inside | (nearness > NEAR * np.median(nearness[inside])), inside):
        if int((~choice).sum()) >= LEAST_REFERENCE:
            return choice
    return None


def rank(
    score: NDArray[np.float64],
    near: NDArray[np.bool_],
    also: NDArray[np.int64] | None,
    requests: NDArray[np.int64],
    strata: NDArray[np.int64],
) -> Membership:
    """Rank each judged account among the reference accounts of its stratum.

    Where the stratum has fewer than `LEAST_STRATUM` reference accounts, among those about as active as it
    is.
    """
    reference = np.flatnonzero(~near)
    accounts = np.union1d(np.flatnonzero(near), also if also is not None else []).astype(np.int64)
    label = _comparison(reference, requests, strata)
    p = np.ones(accounts.size)
    for one in np.unique(label[accounts]).tolist():
        mine = label[accounts] == one
        ordered = np.sort(score[reference[label[reference] == one]])
        higher = ordered.size - np.searchsorted(ordered, score[accounts[mine]], side="left")
        itself = (~near[accounts[mine]]).astype(np.int64)
        p[mine] = (1 + higher - itself) / (1 + ordered.size - itself)
    q = np.exp(benjamini_hochberg(np.log(p)))
    return Membership(accounts, score[accounts], p, q, int(reference.size))


def _comparison(
    reference: NDArray[np.int64], requests: NDArray[np.int64], strata: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Whom each account is compared with: a number for its stratum or, negative, for its activity bin."""
    bins = min(ACTIVITY_BINS, reference.size // LEAST_REFERENCE)
    edges = np.unique(np.quantile(requests[reference], np.linspace(0, 1, bins + 1)[1:-1]))
    activity = np.searchsorted(edges, requests, side="left")
    enough = np.bincount(strata[reference], minlength=int(strata.max()) + 1) >= LEAST_STRATUM
    return np.where(enough[strata], strata, -1 - activity)
