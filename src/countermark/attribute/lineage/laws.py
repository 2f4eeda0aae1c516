"""From matched layers to tests. What is exact here, and why.

**Null.** The two models' weights are independent of each other, and in at least one of them the units of a
layer are exchangeable: relabelling them, in each layer apart, changes nothing of the joint law of all
weights. That holds for units drawn alike and independently at initialisation and any training that treats
units alike (Zhu et al. 2025, "Independence tests for language models": gradient methods are equivariant under
relabelling). One such side is enough: what orders the units of the other (sorting by importance, groups of a
quantisation) does not matter then. `order` checks for units that stand in an order in both.

**By place.** A matching is a function of the weights that commutes with relabelling (all similarities are
symmetric in the units; ties fall in an order that we drew). So under the null the matchings of the layers are
independent uniform permutations (uniform injections where one layer is wider), whatever the models learnt, in
any choice of layers, units or basis that does not look at the order of units. Hence

- units matched to their own place are fixed points of uniform permutations: P(F >= k) <= 1/k! in a layer,
  L^k/k! pooled over L layers (`stats.fixed_points`). Of the smallest layer bound times L and the pooled
  bound the smaller is taken, twice;
- of the pairs that are nearest to each other, the order of the places in one model is a uniform permutation
  of that in the other, since which pairs these are does not depend on labels. Its inversions have an exact
  law (`stats.inversions`). This needs no equal widths: pruning whole units keeps the order of the rest;
- Spearman's rho of the same matchings, as the paper has it, by the t approximation, is for information.

**Without places.** Gate and up projections are matched apart from each other, and the units on which both
matchings agree are counted; permuting the units of a model changes nothing. If moreover the gates of a layer
could be re-paired with its ups without changing the law, as at initialisation, the one matching were uniform
given the other, and the same bounds would hold. Training couples the two projections of a unit, so this is
calibrated, not exact (the paper says the same of its unconstrained statistic).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from countermark.attribute.lineage.matching import Matched
from countermark.records.attributions import Test
from countermark.stats import fixed_points, inversions, spearman
from countermark.stats.gamma import log_sf as log_gamma_sf

CALIBRATION = "docs/attribution-benchmarks.md"
BY_PLACE_TO = 1e-3
"""Level down to which the tests by place were seen to hold: 6,320 comparisons of 80 independently trained
models, of which 2 (fixed points) and 0 (order) had p <= 0.001."""
AGREEMENT_TO = 1e-3
"""The same of the test without places: none had p <= 0.05."""
NULL = (
    "the suspect's weights are independent of the reference's, and in at least one of the two the units of "
    "each layer are exchangeable (initialised independently, in no order of their own)"
)
NULL_PAIRED = NULL + "; moreover a unit's gate could be any gate of its layer, as at initialisation"
_LN10 = math.log(10)
_SMALLEST = 2.2250738585072014e-308


def of_fixed_points(layers: Sequence[Matched], subject: str, alternatives: list[str]) -> Test:
    """Units that the matching leaves at their own place."""
    counts = [layer.fixed for layer in layers]
    return made_test(
        "fixed points",
        subject,
        _bound(counts),
        statistic=sum(counts),
        n=sum(layer.size for layer in layers),
        law="proven bound: 1/k! in a layer times the layers, or L^k/k! pooled; the smaller, doubled",
        calibrated_to=BY_PLACE_TO,
        alternatives=alternatives,
        details=_by_layer(layers, "fixed", counts, [fixed_points.log_bound(k) for k in counts]),
    )


def of_order(layers: Sequence[Matched], subject: str, alternatives: list[str]) -> Test:
    """Order of the places of pairs that are nearest to each other."""
    orders = [layer.b[layer.close][np.argsort(layer.a[layer.close], kind="stable")] for layer in layers]
    sizes = [order.size for order in orders]
    counts = [inversions.count(order) for order in orders]
    log_p, exact = inversions.log_cdf(sum(counts), sizes)
    apart = [inversions.log_cdf(count, [size])[0] for count, size in zip(counts, sizes, strict=True)]
    pairs = sum(size * (size - 1) // 2 for size in sizes)
    return made_test(
        "order of nearest units",
        subject,
        log_p,
        statistic=1 - 2 * sum(counts) / pairs if pairs else None,
        n=sum(sizes),
        law="exact law of the inversions" if exact else "Chernoff bound of the exact law of the inversions",
        exact=exact,
        calibrated_to=BY_PLACE_TO,
        alternatives=alternatives,
        details=_by_layer(layers, "inversions", counts, apart),
    )


def of_spearman(layers: Sequence[Matched], subject: str, alternatives: list[str]) -> Test:
    """Rank correlation of the places of matched units, one-sided, Fisher over the layers."""
    values = [spearman.rho(layer.a, layer.b) for layer in layers]
    log_ps = [spearman.log_sf(rho, layer.size)[0] for rho, layer in zip(values, layers, strict=True)]
    return made_test(
        "Spearman of matched units",
        subject,
        float(log_gamma_sf(-sum(log_ps), len(layers))),
        statistic=sum(values) / len(values),
        n=sum(layer.size for layer in layers),
        law="t approximation in a layer, Fisher over the layers, which are independent under the null",
        calibrated_to=BY_PLACE_TO,
        decides=False,
        alternatives=alternatives,
        details=_by_layer(layers, "rho", [round(rho, 6) for rho in values], log_ps),
    )


def of_agreement(
    counts: Sequence[int],
    layers: Sequence[Matched],
    subject: str,
    alternatives: list[str],
    *,
    name: str = "agreement of gate and up",
    decides: bool = True,
) -> Test:
    """Units on which the matchings by two projections agree; no place is used."""
    return made_test(
        name,
        subject,
        _bound(counts),
        null=NULL_PAIRED,
        statistic=sum(counts),
        n=sum(layer.size for layer in layers),
        law="calibrated, not exact: the bounds of fixed points, as if the matchings were independent",
        calibrated_to=AGREEMENT_TO if decides else 1.0,
        decides=decides,
        alternatives=alternatives,
        details=_by_layer(layers, "agreed", list(counts), [fixed_points.log_bound(k) for k in counts]),
    )


def smallest_detectable(
    layers: Sequence[int], deciding: int, alpha: float, calibrated_to: float
) -> int | None:
    """Units of one layer that have to be found for the bound to pass, with Holm over `deciding` tests; None
    where the calibration ends above the level. `layers` has the units of each."""
    if calibrated_to * deciding > alpha:
        return None
    wanted = math.log(alpha) - math.log(deciding) - math.log(2 * len(layers))
    return next(k for k in range(1, 1000) if fixed_points.log_bound(k) <= wanted)


def _bound(counts: Sequence[int]) -> float:
    """Natural log: twice the smaller of L/k! for the largest count and L^k/k! for all counts."""
    if not counts:
        return 0.0
    largest = math.log(len(counts)) + fixed_points.log_bound(max(counts))
    pooled = fixed_points.log_pooled_bound(sum(counts), len(counts))
    return min(0.0, math.log(2) + min(largest, pooled))


def _by_layer(
    layers: Sequence[Matched], what: str, values: Sequence[float], log_ps: Sequence[float]
) -> dict[str, Any]:
    rows = zip(layers, values, log_ps, strict=True)
    return {
        "layers": [
            {
                "layer": ".".join(map(str, layer.key)),
                "units": layer.size,
                what: value,
                "log10_p": round(log_p / _LN10, 4) + 0.0 if math.isfinite(log_p) else None,
            }
            for layer, value, log_p in rows
        ]
    }


def made_test(
    name: str, subject: str, log_p: float, *, null: str = NULL, exact: bool = False, **rest: Any
) -> Test:
    """A test of lineage from the natural log of its p-value."""
    return Test(
        name=name,
        subject=subject,
        null=null,
        p_value=max(math.exp(min(log_p, 0.0)), _SMALLEST),
        log10_p_value=log_p / _LN10 + 0.0 if math.isfinite(log_p) else None,
        exact=exact,
        calibration=CALIBRATION,
        **rest,
    )
