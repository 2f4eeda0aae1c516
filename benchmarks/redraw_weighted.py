"""Reference-weighted tests of Gumbel marks under redrawn keys, on text alone and with logits.

Weights are those of the attributor on a control's body; the bound is the one that `judge` takes, against
which `check` holds statistic and p-value.
"""

from functools import cache
from typing import Any

import numpy as np

from calibration_redraws import Redraw
from countermark.attribute.keyed import judge, takes_signs
from countermark.stats import chernoff
from redraw_bodies import CLOSED, Pairs, Sources
from redraw_scores import ALPHA, Marks, weighted_sums

KEYS = 10_000_000


def weighted(sources: Sources, marks: Marks, setting: str) -> Redraw:
    """Keys over some hundred weighted pairs out of each control's body."""
    names = sources.controls(setting)
    signs = takes_signs(marks.key(marks.draw(np.random.default_rng(0), 1)[0]).detector)

    @cache
    def chosen(text: int) -> tuple[Pairs, np.ndarray, Any]:
        pairs = sources.body(names[text], setting, marks.width).few(marks.pairs, text, signs=signs)
        return pairs, pairs.weights(signs=signs), marks.data(pairs.windows)

    def all_weights(text: int) -> np.ndarray:
        weights = chosen(text)[1]
        return np.outer([1 - ALPHA, ALPHA], weights).ravel() if marks.dual else weights

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        keys = marks.used(marks.draw(generator, count))
        return np.asarray(weighted_sums(marks.fill, chosen(text)[2], keys, all_weights(text)))

    def log_p(text: int, statistic: float) -> float:
        kinds, counts = np.unique(all_weights(text), return_counts=True)
        if kinds[0] < 0:
            return chernoff.signed_exponentials(statistic, kinds, counts, 2.0**-marks.bits).log_bound
        return chernoff.weighted_exponentials(statistic, kinds, counts).log_bound

    def check() -> None:
        for text in range(len(names)):
            words = marks.draw(np.random.default_rng(1), 5)
            for one, ours in zip(words, statistics(text, np.random.default_rng(1), 5).tolist(), strict=True):
                pairs, weights, _ = chosen(text)
                evidence = judge(marks.key(one), pairs.windows, weights).evidence
                theirs = [evidence.statistic, evidence.log_p]
                if not np.allclose(theirs, [ours, log_p(text, ours)], rtol=1e-9):
                    raise AssertionError(f"the redraw and `judge` differ: {marks.name}, {names[text]}")

    what = "weighted" if setting == CLOSED else "weighted, logits"
    return Redraw(f"{what}, {marks.name}", KEYS, "bound", len(names), statistics, log_p, check)
