"""Who belongs to a group in the end: Bayes' rule over how well an account fits it in each family.

Two normal classes, the group and everybody else, each with its own mean and covariance, over the logarithms
of the family scores and of the requests per active day (quadratic discriminant analysis; Hastie, Tibshirani
& Friedman, The Elements of Statistical Learning, section 4.3); class sizes are the prior; repeated until
the group stays the same. The rate of an account with few requests is known badly: its variance has
1/requests added, the Poisson variance of a log rate. It decides who is listed. It is no test: every listed
account carries the p-value of `members`, which it may fail.
"""

import numpy as np
from numpy.typing import NDArray

from countermark.detect.incidence import Incidence
from countermark.detect.profile import jaccard, scores

ROUNDS = 8
ODDS = 0.5
"""Smallest odds of being a member that put an account on the list: a missed member costs twice a stranger."""
TRIMS = (0.0, 0.05, 0.1, 0.2)
"""Shares of the members with the lowest scores that are left out: the first that the next agrees with …"""
AGREE = 0.8
"""… which is to say that both settle on sets with this share of their accounts in common."""
RIDGE = 1e-3
"""Added to the variances: scores that are all alike must not look like certainty."""
LEAST = 10
"""Accounts in the smallest group that can be told from the rest: fewer give no covariance."""


def refine(
    group: NDArray[np.int64],
    families: list[Incidence],
    requests: NDArray[np.int64],
    per_day: NDArray[np.float64],
) -> NDArray[np.int64] | None:
    """The accounts whose odds of being a member are at least `ODDS`, or None where there is no telling.

    `families` has one incidence a family; `requests` and `per_day` (requests per active day), shape
    (accounts,). With a single family there is no telling: what confirmed the accounts is all there is. One
    stranger in the midst of a group can teach it the wrong habits; so the answer has to be one that hardly
    changes when the accounts that fit worst are not learned from.
    """
    if len(families) < 2 or group.size < LEAST:
        return None
    last = None
    for trim in TRIMS:
        refined = _repeated(group, families, requests, per_day, trim)
        if last is not None and last.size and jaccard(last, refined) >= AGREE:
            return last
        last = refined
    return None


def _repeated(
    group: NDArray[np.int64],
    families: list[Incidence],
    requests: NDArray[np.int64],
    per_day: NDArray[np.float64],
    trim: float,
) -> NDArray[np.int64]:
    seen = set()
    noise = np.zeros((requests.size, len(families) + 1))
    noise[:, -1] = 1 / requests
    for _ in range(ROUNDS):
        if not LEAST <= group.size < requests.size or group.tobytes() in seen:
            break
        seen.add(group.tobytes())
        inside = np.zeros(requests.size, bool)
        inside[group] = True
        fits = np.stack([np.log1p(scores(family, inside, requests)) for family in families], axis=1)
        features = np.column_stack([fits, np.log(per_day)])
        core = inside & (fits.sum(axis=1) >= np.quantile(fits[inside].sum(axis=1), trim))
        odds = _log_density(features, noise, features[core]) - _log_density(
            features, noise, features[~inside]
        )
        prior = np.log(inside.sum() / max((~inside).sum(), 1))
        group = np.flatnonzero(odds + prior >= np.log(ODDS))
    return group


def _log_density(
    points: NDArray[np.float64], noise: NDArray[np.float64], sample: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Shape (accounts,): up to a constant, of `points` (accounts, features) whose variances have `noise` (of
    the same shape) added to those of the sample."""
    width = sample.shape[1]
    spread = np.atleast_2d(np.cov(sample.T, ddof=0)) + RIDGE * np.eye(width)
    own = spread + noise[:, :, None] * np.eye(width)
    away = points - sample.mean(axis=0)
    distance = np.einsum("ij,ijk,ik->i", away, np.linalg.inv(own), away)
    result: NDArray[np.float64] = -0.5 * (distance + np.linalg.slogdet(own)[1])
    return result
