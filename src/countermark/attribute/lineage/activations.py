"""Gate and up projections matched by what they do to the embeddings of common tokens.

The inner products of a unit's rows with the (normalised) embeddings are the same in any rotation of the
residual stream, and exist for models of another hidden size. Unrelated models that know the same language
have units for the same tokens, so this is for information: neither exact nor calibrated.
"""

import numpy as np

from countermark.attribute.lineage.alignment import embeddings
from countermark.attribute.lineage.matching import Units, agreement, similarity, unit
from countermark.models.checkpoint import Checkpoint

TOKENS = 1_024


class Activations:
    """Embeddings of tokens that both models have."""

    def __init__(
        self, reference: Checkpoint, suspect: Checkpoint, name: str | None, generator: np.random.Generator
    ) -> None:
        """`name` is that of the suspect's embeddings."""
        self._pair = embeddings(reference, suspect, name, generator, TOKENS)

    def agreed(self, ours: Units, theirs: Units) -> int | None:
        """Units on which the matchings agree; None where there are no common tokens or no gates."""
        if self._pair is None or not {"gate", "up"} <= ours.views.keys():
            return None
        found = []
        for view in ("gate", "up"):
            if any(
                units.views[view].shape[1] != tokens.shape[1]
                for units, tokens in zip((ours, theirs), self._pair, strict=True)
            ):
                return None
            found.append(
                similarity(
                    unit(ours.views[view]) @ self._pair[0].T, unit(theirs.views[view]) @ self._pair[1].T
                )
            )
        return agreement(found[0], np.abs(found[1]))  # the sign of up is free
