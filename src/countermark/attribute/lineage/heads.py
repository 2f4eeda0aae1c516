"""Attention: groups of heads that share keys, matched by their queries and keys; for a suspect whose MLPs
were exchanged. For information.

Under the null of `laws` said of groups instead of units (a group is a key head with the queries that use it),
the matching of each layer is a uniform permutation, and where no layer repeats another these are independent,
so that the number of groups matched to their own place has the exact law of `stats.fixed_points`.
"""

import numpy as np

from countermark.attribute.lineage.laws import BY_PLACE_TO, NULL_DISTINCT, made_test
from countermark.attribute.lineage.matching import Floats, assign, similarity
from countermark.models.checkpoint import Checkpoint
from countermark.models.layers import Attention, attentions
from countermark.records.attributions import Test
from countermark.stats import fixed_points

LEAST_GROUPS = 2
MOST_FEATURES = 1 << 16
"""Numbers of a group that are compared; more are thinned out evenly, the same in both models."""


def of_heads(
    reference: Checkpoint,
    suspect: Checkpoint,
    subject: str,
    generator: np.random.Generator,
    rotation: Floats | None,
    most_layers: int,
) -> Test | None:
    """The test; None where the models have not the same heads."""
    groups = _groups(reference)
    theirs = {one.key: one for one in attentions(suspect)}
    pairs = [(one, theirs[one.key]) for one in attentions(reference) if one.key in theirs][:most_layers]
    if not pairs or groups < LEAST_GROUPS or groups != _groups(suspect):
        return None
    if any(_shape(a) != _shape(b) for a, b in pairs):
        return None
    counts = []
    for ours, other in pairs:
        first = _features(reference, ours, groups, None)
        second = _features(suspect, other, groups, rotation)
        a, b = generator.permutation(groups), generator.permutation(groups)
        rows, columns = assign(similarity(first[a], second[b]))
        counts.append(int(np.sum(a[rows] == b[columns])))
    return made_test(
        "attention groups at their place",
        subject,
        fixed_points.log_sf(sum(counts), [groups] * len(counts)),
        null=NULL_DISTINCT.replace("units", "attention groups"),
        statistic=sum(counts),
        n=groups * len(counts),
        law="exact law of fixed points over independent permutations",
        exact=True,
        calibrated_to=BY_PLACE_TO,
        decides=False,
        alternatives=[],
        details={"fixed": counts, "groups": groups},
    )


def _shape(layer: Attention) -> tuple[int, ...]:
    return layer.queries.size, layer.keys.size, layer.queries.inputs, layer.keys.inputs


def _groups(model: Checkpoint) -> int:
    heads = model.config.get("num_attention_heads", 0)
    return int(model.config.get("num_key_value_heads", heads))


def _features(model: Checkpoint, layer: Attention, groups: int, rotation: Floats | None) -> Floats:
    """(groups, numbers): queries and keys of each group, flat."""
    parts = []
    for matrix in (layer.queries, layer.keys):
        each = matrix.size // groups
        step = max(1, each * matrix.inputs // MOST_FEATURES)
        wanted = np.arange(0, each, step)
        index = (np.arange(groups)[:, None] * each + wanted).ravel()
        rows = matrix.read(model, index)
        rows = rows if rotation is None else rows @ rotation.T
        parts.append(rows.reshape(groups, -1))
    return np.concatenate(parts, axis=1)
