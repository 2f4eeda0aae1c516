"""Pictures of an attribution: those that its tests draw, and the suspect beside the negative controls."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from countermark.attribute.base import Draw
from countermark.records.attributions import Control, Test
from countermark.records.files import replacing

SUSPECT, CONTROL, INK = "#b3261e", "#7a8594", "#20242b"
SIZE = (6.4, 3.6)
"""Inches."""
_STYLE: Any = {
    "svg.hashsalt": "countermark",  # the same picture has the same bytes
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
}
_NO_METADATA = {"Date": None, "Creator": None}


def write_pictures(folder: Path, pictures: Mapping[str, Draw]) -> list[str]:
    """Draw every picture into an SVG file of the folder; their file names, sorted."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = []
    for stem, draw in sorted(pictures.items()):
        with mpl.rc_context(_STYLE):
            figure = Figure(figsize=SIZE, layout="constrained")
            draw(figure.subplots())
            with replacing(folder / f"{stem}.svg") as path:
                figure.savefig(path, format="svg", metadata=_NO_METADATA)
        names.append(f"{stem}.svg")
    return names


def beside_controls(tests: Sequence[Test], controls: Sequence[Control], alpha: float) -> Draw:
    """Draws log10 of the suspect's deciding p-values over those of every control."""

    def draw(axes: Any) -> None:
        import math

        rows = [("suspect", tests, SUSPECT), *((one.name, one.tests, CONTROL) for one in controls)]
        for at, (name, of, colour) in enumerate(rows):
            values = [test.log10_p_value for test in of if test.decides and test.log10_p_value is not None]
            filled = name == "suspect" and colour == SUSPECT
            axes.plot(
                values,
                [-at] * len(values),
                "D" if filled else "o",
                color=colour,
                markersize=7 if filled else 5,
                clip_on=False,
            )
        axes.axvline(math.log10(alpha), color=INK, linestyle=(0, (3, 2)), linewidth=1)
        axes.annotate(
            f"alpha {alpha:g}", (math.log10(alpha), 0.98), xycoords=("data", "axes fraction"), va="top"
        )
        axes.set_yticks([-at for at in range(len(rows))], [name[-28:] for name, _, _ in rows])
        axes.tick_params(axis="y", labelsize=9 if len(rows) < 12 else 6)
        axes.set_xlabel("log10 p, before correction")
        axes.set_title("The suspect and the negative controls")

    return draw
