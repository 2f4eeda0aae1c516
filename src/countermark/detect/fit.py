"""Who belongs to a group in the end: Bayes' rule over how well an account fits it in each family.

Two normal classes, the group and everybody else, each with its own mean and covariance, over the
logarithms of the family
scores and of the requests per active day (quadratic discriminant analysis; Hastie, Tibshirani & Friedman,
The Elements of Statistical
Learning, section 4.3); class sizes are the prior; repeated until the group stays the same. It decides who
is listed. It is
no test: every listed account carries the p-value of `members`, which it may fail.
"""

import numpy as np
from numpy.typing import NDArray

from countermark.detect.incidence import Incidence
from countermark.detect.profile import scores

ROUNDS = 8
RIDGE = 1e-3
"""Added to the variances: scores that are all alike must not look like certainty."""
import os
TRIM = float(os.environ.get("TR","0.05"))
"""Share of the members with the lowest scores that the group's mean and covariance are learned without: one
stranger among forty must not make the class wide."""
LEAST = 10
"""Groups below this size keep the accounts they have: too few to estimate a covariance."""


def refine(
    group: NDArray[np.int64],
    families: list[Incidence],
    requests: NDArray[np.int64],
    per_day: NDArray[np.float64],
) -> NDArray[np.int64]:
    """The accounts that are more probable as members than not.

    `families` has one incidence a family; `requests` and `per_day` (requests per active day), shape
    (accounts,). A group with a single family stays: what confirmed its accounts is all there is.
    """
    if len(families) < 2:
        return group
    seen = set()
    for _ in range(ROUNDS):
        if group.size < LEAST or group.tobytes() in seen:
            break
        seen.add(group.tobytes())
        inside = np.zeros(requests.size, bool)
        inside[group] = True
        fits = [np.log1p(scores(family, inside, requests)) for family in families]
        features = np.stack([*fits, np.log(per_day)], axis=1)
        core = inside & (features[:, :-1].sum(axis=1) >= np.quantile(features[inside, :-1].sum(axis=1), TRIM))
        odds = _log_density(features, features[core]) - _log_density(features, features[~inside])
        group = np.flatnonzero(odds + np.log(inside.sum() / max((~inside).sum(), 1)) > 0)
    return group


def _log_density(points: NDArray[np.float64], sample: NDArray[np.float64]) -> NDArray[np.float64]:
    width = sample.shape[1]
    spread = np.atleast_2d(np.cov(sample.T, ddof=0)) + RIDGE * np.eye(width)
    away = points - sample.mean(axis=0)
    distance = np.einsum("ij,jk,ik->i", away, np.linalg.inv(spread), away)
    result: NDArray[np.float64] = -0.5 * (distance + np.linalg.slogdet(spread)[1])
    return result
