"""How well an account fits a group's own values, and the group that such values settle on."""

import numpy as np
from numpy.typing import NDArray

from countermark.detect.incidence import Incidence

FITS = 0.5
"""An account belongs to the core when its score is this share of a strong member's (the 90th percentile)."""
ROUNDS = 12
APART = 0.1
"""Parts of a group may have this share of their accounts in common."""
COVER = 0.7
"""And they hold at least this share of the group."""


def scores(
    incidence: Incidence, inside: NDArray[np.bool_], requests: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Shape (accounts,): how well every account fits the group `inside`, itself left out: its rows' gains
    summed."""
    weights = gains(incidence, inside, requests)
    total = np.bincount(incidence.account, weights=weights, minlength=incidence.accounts)
    return total.astype(np.float64)


def gains(
    incidence: Incidence, inside: NDArray[np.bool_], requests: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Shape (rows,): what each value of each account adds to its score.

    The mean, over an account's requests, of log(share of the group's other accounts that hold the request's
    value / share of the accounts outside that do), positive terms only; values that fewer than two others
    hold count nothing.
    """
    rows_inside = inside[incidence.account]
    values = incidence.kind.size
    held_inside = np.bincount(incidence.value[rows_inside], minlength=values)
    held_outside = incidence.degree - held_inside
    n_inside, n_outside = int(inside.sum()), int((~inside).sum())
    own_inside = rows_inside.astype(np.float64)
    others = held_inside[incidence.value] - own_inside
    strangers = held_outside[incidence.value] - (1.0 - own_inside)
    share_inside = (others + 0.5) / (n_inside - own_inside + 1.0)
    share_outside = (strangers + 0.5) / (n_outside - (1.0 - own_inside) + 1.0)
    ratio = np.where(others >= 2, np.log(share_inside / share_outside), 0.0)
    return np.maximum(ratio, 0.0) * incidence.share(requests)


def settle(group: NDArray[np.int64], incidence: Incidence, requests: NDArray[np.int64]) -> NDArray[np.int64]:
    """Replace a community by the accounts, in it or not, that its values fit best, until nothing changes.

    A community has a fringe that met its values by chance, and may have been cut from a larger one; both
    show in the scores. Reads discovery values only, so confirmation stays untouched.
    """
    seen = set()
    for _ in range(ROUNDS):
        if group.size == 0 or group.tobytes() in seen:
            break
        seen.add(group.tobytes())
        inside = np.zeros(incidence.accounts, bool)
        inside[group] = True
        score = scores(incidence, inside, requests)
        strong = np.quantile(score[group], 0.9)
        group = np.flatnonzero(score >= FITS * strong) if strong > 0 else group[:0]
    return group


def jaccard(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Share of the accounts of two sets, one of them not empty, that are in both."""
    common = np.intersect1d(one, other, assume_unique=True).size
    return float(common / (one.size + other.size - common))


def distinct(groups: list[NDArray[np.int64]], alike: float = 0.8) -> list[NDArray[np.int64]]:
    """Drop a group whose accounts overlap with an earlier one's (Jaccard index above `alike`)."""
    kept: list[NDArray[np.int64]] = []
    for group in groups:
        if all(jaccard(group, other) <= alike for other in kept):
            kept.append(group)
    return kept


def are_parts(parts: list[NDArray[np.int64]], whole: NDArray[np.int64]) -> bool:
    """Whether there are several sets, apart from each other, that together make up most of `whole`."""
    if len(parts) < 2:
        return False
    counts = np.unique(np.concatenate(parts), return_counts=True)[1]
    covered = np.intersect1d(np.concatenate(parts), whole).size
    return bool((counts > 1).mean() <= APART and covered >= COVER * whole.size)
