"""A picture of a key's p-value against the tokens of the body, over the band of decoy keys."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from countermark.attribute.base import Draw
from countermark.attribute.keyed import Key, chosen_marks, evidence_of
from countermark.attribute.pairs import Pairs
from countermark.attribute.pictures import CONTROL, INK, SUSPECT
from countermark.trust.keyfiles import Secret
from countermark.watermark.schemes.base import FloatArray
from countermark.watermark.scoring import LN10, Detector

POINTS = 12
BAND = 40
"""Decoys in the band."""


def p_by_tokens(key: Key, pairs: Pairs, weights: FloatArray | None, decoys: Sequence[Secret]) -> Draw:
    """Draws log10 p of the windows of the first so many tokens; weights are the whole body's."""

    def draw(axes: Any) -> None:
        ends = np.unique(np.linspace(0, int(pairs.first.max(initial=0)) + 1, POINTS + 1).astype(np.int64)[1:])
        band = [_curve(Detector.open(key.profile, one), pairs, weights, ends) for one in decoys[:BAND]]
        if band:
            low, high = np.min(band, axis=0), np.max(band, axis=0)
            axes.fill_between(
                ends, low, high, color=CONTROL, alpha=0.35, linewidth=0, label=f"{len(band)} decoys"
            )
        curve = _curve(key.detector, pairs, weights, ends)
        axes.plot(ends, curve, "o-", color=SUSPECT, markersize=4, label=f"key {key.name}")
        axes.axhline(-2, color=INK, linestyle=(0, (3, 2)), linewidth=1)
        axes.set_xlabel("tokens of the body")
        axes.set_ylabel("log10 p, computed")
        axes.set_title("One key against decoys, by length")
        axes.legend(frameon=False)

    return draw


def _curve(detector: Detector, pairs: Pairs, weights: FloatArray | None, ends: Any) -> FloatArray:
    logs = []
    for end in ends.tolist():
        of_part = (pairs.first < end) & (pairs.standing | (weights is not None))
        part = None if weights is None else weights[of_part]
        evidence = evidence_of(detector, chosen_marks(detector, pairs.windows[of_part], part))
        logs.append(max(evidence.log_p / LN10, -9999.0))
    return np.array(logs)
