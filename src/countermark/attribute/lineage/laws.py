"""From matched layers to tests. What is exact here, and why.

**Null.** The two models' weights are independent of each other, and in at least one of them the units of a
layer are exchangeable: relabelling them changes nothing of the joint law of all weights, where a layer that
the model holds several times (experts out of one MLP, depth made by repeating layers) is relabelled in all
its copies alike. That holds for units drawn alike and independently at initialisation and any training that
treats units alike (Zhu et al. 2025, "Independence tests for language models": gradient methods are
equivariant under relabelling). One such side is enough: what orders the units of the other (sorting by
importance, groups of a quantisation) does not matter then. `order` checks for units that stand in an order in
both.

**By place.** A matching is a function of the weights that commutes with relabelling (all similarities are
symmetric in the units; ties fall in an order that we drew). So under the null the matching of each layer is a
uniform permutation (a uniform injection where one layer is wider), whatever the models learnt, in any choice
of layers, units or basis that does not look at the order of units. The matchings of several layers need not
be independent: where both models repeat layers, so do the matchings. So nothing is added up over layers; the
smallest p-value of the L layers compared counts, times L, which holds whatever depends on what. Hence

- units matched to their own place are fixed points of a uniform permutation: P(F >= k) <= 1/k! in a layer
  (`stats.fixed_points`);
- of the pairs that are nearest to each other, the order of the places in one model is a uniform permutation
  of that in the other, since which pairs these are does not depend on labels. Its inversions have an exact
  law (`stats.inversions`). This needs no equal widths: pruning whole units keeps the order of the rest;
- Spearman's rho of the same matchings, as the paper has it, by the t approximation and Fisher's method over
  the layers, which does need independent layers, is for information.

**Without places.** Gate and up projections are matched apart from each other, and the units on which both
matchings agree are counted; permuting the units of a model changes nothing. If moreover the gates of a layer
could be re-paired with its ups without changing the law, as at initialisation, the one matching were uniform
given the other, and the same bound would hold. Training couples the two projections of a unit, so this is
calibrated, not exact (the paper says the same of its unconstrained statistic). In a common basis (embeddings
shared, frozen or aligned) independent models that learn the same topics learn the same units, and the count
passes every bound; so it decides only where the embeddings have nothing in common, or are the same.
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
BY_PLACE_TO = 2.5e-3
"""Level down to which the tests by place were seen to hold: 1,913 comparisons of 440 independently trained
models, of which 0 had p <= 0.001 in either test (0.01: 0 by fixed points, 21 by order)."""
AGREEMENT_TO = 2.5e-3
"""The same of the test without places, where the embeddings have no basis in common: none had p <= 0.05."""
NULL = (
    "the suspect's weights are independent of the reference's, and in at least one of the two the units of "
    "each layer are exchangeable (initialised independently, in no order of their own), those of repeated "
    "layers alike in all of them"
)
NULL_DISTINCT = NULL + "; moreover no layer of either model repeats another"
NULL_PAIRED = NULL + "; moreover a unit's gate could be any gate of its layer, as at initialisation"
AGREEMENT = "agreement of gate and up"
_LN10 = math.log(10)
_SMALLEST = 2.2250738585072014e-308


def of_fixed_points(layers: Sequence[Matched], subject: str, alternatives: list[str]) -> Test:
    """Units that the matching leaves at their own place."""
    counts = [layer.fixed for layer in layers]
    return made_test(
        "fixed points",
        subject,
        _bound(counts),
        statistic=max(counts),
        n=sum(layer.size for layer in layers),
        law="proven bound: 1/k! in a layer, times the layers",
        calibrated_to=BY_PLACE_TO,
        alternatives=alternatives,
        details=_by_layer(layers, "fixed", counts, [fixed_points.log_bound(k) for k in counts]),
    )


def of_order(layers: Sequence[Matched], subject: str, alternatives: list[str]) -> Test:
    """Order of the places of pairs that are nearest to each other."""
    orders = [layer.b[layer.close][np.argsort(layer.a[layer.close], kind="stable")] for layer in layers]
    counts = [inversions.count(order) for order in orders]
    laws = [inversions.log_cdf(count, [order.size]) for count, order in zip(counts, orders, strict=True)]
    apart = [log_p for log_p, _ in laws]
    best = int(np.argmin(apart))
    pairs, exact = orders[best].size * (orders[best].size - 1) // 2, laws[best][1]
    return made_test(
        "order of nearest units",
        subject,
        _least(apart),
        statistic=1 - 2 * counts[best] / pairs if pairs else None,
        n=sum(order.size for order in orders),
        law=("exact law" if exact else "Chernoff bound of the exact law")
        + " of the inversions in a layer, times the layers",
        exact=exact and len(layers) == 1,
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
        null=NULL_DISTINCT,
        statistic=sum(values) / len(values),
        n=sum(layer.size for layer in layers),
        law="t approximation in a layer, Fisher over the layers",
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
    name: str = AGREEMENT,
    decides: bool = True,
) -> Test:
    """Units on which the matchings by two projections agree; no place is used."""
    return made_test(
        name,
        subject,
        _bound(counts),
        null=NULL_PAIRED,
        statistic=max(counts, default=0),
        n=sum(layer.size for layer in layers),
        law="calibrated, not exact: the bound of fixed points, as if the two matchings were independent",
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
    wanted = math.log(alpha) - math.log(deciding) - math.log(len(layers))
    return next(k for k in range(1, 1000) if fixed_points.log_bound(k) <= wanted)


def _bound(counts: Sequence[int]) -> float:
    """Natural log of 1/k! for the largest count, times the layers."""
    return _least([fixed_points.log_bound(k) for k in counts])


def _least(log_ps: Sequence[float]) -> float:
    """Natural log of the smallest p-value of the layers, times the layers (Bonferroni)."""
    return min(0.0, min(log_ps) + math.log(len(log_ps))) if log_ps else 0.0


def _by_layer(
    layers: Sequence[Matched], what: str, values: Sequence[float], log_ps: Sequence[float]
) -> dict[str, Any]:
    rows = zip(layers, values, log_ps, strict=True)
    return {
        "layers": [
            {
                "layer": layer.name,
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
