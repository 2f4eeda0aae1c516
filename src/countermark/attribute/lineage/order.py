"""The check of the null: do the units of both models stand in an order of their own?

The labels of units are exchangeable if nothing ordered them. Where both models list their units by norm, by
activation or by anything that follows the weights, unrelated units match by their place alone. The check
looks in each model for a correlation of the place with properties of a unit, and for neighbours that are more
alike than units at large, which any order shows that changes gradually along the layer. It takes both models
to be ordered to break the null, since one exchangeable side is enough for the law. An order that shows in
neither way is not noticed.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from countermark.attribute.lineage.matching import Floats, Units, unit
from countermark.stats.spearman import rho

Numbers = NDArray[np.float64]
LEVEL = 1e-3
"""Per model, after Bonferroni over the properties and layers."""
LEAST_UNITS = 8
_ROUNDING = 1e-6
MOST_FEATURES = 1_024
"""About as many numbers of a unit are compared with its neighbours'; more are thinned out evenly."""


class OrderCheck:
    """Collects layers of one model."""

    def __init__(self) -> None:
        self._scores: dict[str, list[float]] = {}

    def add(self, units: Units) -> None:
        """One layer."""
        if units.labels.size < LEAST_UNITS:
            return
        scale = math.sqrt(units.labels.size - 1)  # the variance of rho is 1/(n - 1)
        for name, values in _properties(units).items():
            self._scores.setdefault(name, []).append(scale * rho(units.labels, values))
        for view, rows in units.views.items():
            thinned = rows[:, :: max(1, rows.shape[1] // MOST_FEATURES)]
            score = neighbours(thinned[np.argsort(units.labels)])
            self._scores.setdefault(f"neighbours in {view}", []).append(score)

    def found(self) -> tuple[float, str]:
        """Natural log of the adjusted p-value (normal approximation), and the property that shows most."""
        least, which, tried = 0.0, "", 0
        for name, scores in self._scores.items():
            # an order may hold in all layers a little, or in one of them much
            for value in (sum(scores) / math.sqrt(len(scores)), *scores):
                tried += 1
                log_p = math.log(2) + float(log_ndtr(-abs(value)))
                if log_p < least:
                    least, which = log_p, name
        return min(0.0, least + math.log(max(tried, 1))), which

    def ordered(self) -> bool:
        """Whether the units stand in an order."""
        return self.found()[0] < math.log(LEVEL)


def _properties(units: Units) -> dict[str, Numbers]:
    """Norms by projection, their product, and how much a unit has of what its layer has most in common."""
    found: dict[str, Numbers] = {}
    product = np.zeros(units.labels.size)
    for view, stored in units.views.items():
        rows = stored.astype(np.float64)  # powers of large weights leave float32
        norm = np.linalg.norm(rows, axis=1)
        found[f"norm of {view}"] = norm
        product = product + np.log(np.maximum(norm, 1e-30))
        found[f"mean direction of {view}"] = rows @ rows.mean(axis=0)
        found[f"main direction of {view}"] = np.abs(rows @ _main(rows - rows.mean(axis=0)))
    return found | {"product of norms": product}


def neighbours(rows: Floats) -> float:
    """Standard score of the sum of cosines of neighbouring rows among all orders of the rows, 4 or more.

    The moments are exact: with g the cosines and P the path of neighbours, the mean of the sum over P, and of
    its square, run over pairs of edges that are one, share an end, or share none (Wald & Wolfowitz 1943, "An
    exact test for randomness in the non-parametric case based on serial correlation").
    """
    alike = unit(rows)  # one large unit would make all others alike
    centred = alike - alike.mean(axis=0)
    centred = unit(np.where(np.abs(centred) > _ROUNDING, centred, 0))
    cosines = (centred @ centred.T).astype(np.float64)
    n = len(rows)
    found = float(np.diag(cosines, 1).sum())
    np.fill_diagonal(cosines, 0)
    of_row = cosines.sum(axis=1)
    total, squares, ends = float(of_row.sum()), float(np.vdot(cosines, cosines)), float(of_row @ of_row)
    mean = total / n
    pairs = squares / n
    touching = 2 * (ends - squares) / (n * (n - 1))
    distant = (total**2 - 4 * ends + 2 * squares) / (n * (n - 1))
    variance = pairs + touching + distant - mean**2
    return (found - mean) / math.sqrt(variance) if variance > 1e-12 else 0.0


def _main(rows: Numbers) -> Numbers:
    """First principal direction, by power iteration from the row of largest norm."""
    direction: Numbers = rows[int(np.argmax(np.einsum("ij,ij->i", rows, rows)))]
    for _ in range(20):
        direction = rows.T @ (rows @ direction)
        direction /= max(float(np.linalg.norm(direction)), 1e-30)
    return direction
