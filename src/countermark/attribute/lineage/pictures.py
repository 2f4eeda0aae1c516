"""Pictures of a lineage: every layer's figures, and the matching of the layer that shows most."""

from collections.abc import Sequence
from typing import Any

from countermark.attribute.base import Draw
from countermark.attribute.lineage.matching import Matched
from countermark.attribute.pictures import CONTROL, INK, SUSPECT
from countermark.records.attributions import Test


def by_layer(tests: Sequence[Test]) -> Draw:
    """log10 p of each layer, one line a test."""

    def draw(axes: Any) -> None:
        colours = (SUSPECT, INK, CONTROL, "#2f6f4f")
        for test, colour in zip(tests, colours, strict=False):
            rows = test.details["layers"]
            values = [row["log10_p"] if row["log10_p"] is not None else 0 for row in rows]
            axes.plot(range(len(rows)), values, "o-", color=colour, markersize=4, label=test.name)
        if tests:
            rows = tests[0].details["layers"]
            step = max(1, len(rows) // 16)
            axes.set_xticks(range(0, len(rows), step), [row["layer"] for row in rows[::step]])
        axes.set_xlabel("layer")
        axes.set_ylabel("log10 p of the layer alone")
        axes.set_title("Layers of the suspect against those of the reference")
        axes.legend(frameon=False, fontsize=8)

    return draw


def of_matching(layers: Sequence[Matched]) -> Draw:
    """Places of matched units in the layer with most fixed points (or nearest pairs)."""

    def draw(axes: Any) -> None:
        best = max(layers, key=lambda one: (one.fixed, int(one.close.sum())))
        axes.plot(best.a[~best.close], best.b[~best.close], ".", color=CONTROL, markersize=3)
        axes.plot(best.a[best.close], best.b[best.close], ".", color=SUSPECT, markersize=5)
        axes.set_xlabel("place in the reference")
        axes.set_ylabel("place in the suspect")
        axes.set_title(
            f"Matched units of layer {best.name}: {best.fixed} at their own place, "
            f"{int(best.close.sum())} nearest to each other"
        )

    return draw
