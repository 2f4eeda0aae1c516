"""Pictures of an identity test: the statistic among its permutations, the ranks, the bettor's capital."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from countermark.attribute.base import Draw
from countermark.attribute.pictures import CONTROL, INK, SUSPECT
from countermark.stats.mmd import WithinPrompt

FloatArray = NDArray[np.float64]
CELLS = 10
BAND = 0.99
DASHES: Any = (0, (3, 2))


def permutations(outcome: WithinPrompt) -> Draw:
    """The statistic beside those of the other assignments of labels."""

    def draw(axes: Any) -> None:
        axes.hist(outcome.null, bins=40, color=CONTROL)
        axes.axvline(outcome.statistic, color=SUSPECT, linewidth=2)
        right = outcome.statistic > outcome.null.mean()
        axes.annotate(
            "suspect ",
            (outcome.statistic, 0.98),
            xycoords=("data", "axes fraction"),
            ha="right" if right else "left",
            va="top",
        )
        axes.set_xlabel("MMD, summed over prompts")
        axes.set_ylabel("assignments of labels")
        axes.set_title("The suspect among its permutations within prompts")

    return draw


def ranks(values: FloatArray) -> Draw:
    """Ranks of the suspect's answers, with the band of one cell under the null."""

    def draw(axes: Any) -> None:
        axes.hist(values, bins=CELLS, range=(0, 1), color=CONTROL)
        low, high = binom.interval(BAND, values.size, 1 / CELLS)
        axes.axhspan(low, high, color=SUSPECT, alpha=0.15, linewidth=0)
        axes.annotate(f"{BAND:.0%} of one cell under the null", (0.99, high), ha="right", va="bottom")
        axes.set_xlabel("rank of the suspect's answer among the reference's")
        axes.set_ylabel("prompts")
        axes.set_title("Ranks at one answer a prompt")

    return draw


def capital(path: FloatArray, alpha: float) -> Draw:
    """The capital of the bettor after every prompt."""

    def draw(axes: Any) -> None:
        axes.plot(np.arange(1, path.size + 1), path / math.log(10), color=SUSPECT)
        axes.axhline(-math.log10(alpha), color=INK, linestyle=DASHES, linewidth=1)
        axes.annotate(f"1 / alpha = {1 / alpha:g}", (path.size, -math.log10(alpha)), ha="right", va="top")
        axes.set_xlabel("prompts, in the order in which the suspect was asked")
        axes.set_ylabel("log10 of the capital")
        axes.set_title("E-process of a bettor against the null")

    return draw
