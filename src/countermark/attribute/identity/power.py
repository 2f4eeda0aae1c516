"""Which share of foreign answers would have been found: simulated with the answers at hand.

A foreign answer is one that the reference gave to another prompt. Under the hypothesis that both sides have
one law, the labels of a prompt's answers may be given out anew; then some of the suspect's become foreign.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countermark.stats.betting import log_capital
from countermark.stats.mmd import WithinPrompt
from countermark.stats.uniformity import cramer_von_mises

FloatArray = NDArray[np.float64]
SHARES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.85, 1.0)
POWER = 0.8
TRIALS = 100


@dataclass(frozen=True)
class Widened:
    """The kernel among a prompt's answers (reference, then suspect) and foreign ones after them."""

    gram: FloatArray
    first: int
    own: int
    """Reference and suspect answers together."""


def least_share(found: Callable[[float], FloatArray]) -> float | None:
    """The smallest of SHARES at which at least POWER of the trials find something; None if none does.

    `found(share)` gives a truth value for each trial.
    """
    return next((share for share in SHARES if found(share).mean() >= POWER), None)


def mmd_finds(
    prompts: Sequence[Widened], outcome: WithinPrompt, alpha: float, generator: np.random.Generator
) -> Callable[[float], FloatArray]:
    """Trials of the MMD.

    The threshold is the level's quantile of the permutation law of the real answers, times the ratio of the
    two laws' means, since foreign answers make every prompt more various. The mean has a closed form.
    """
    quantile = float(np.quantile(outcome.null, 1 - alpha, method="higher"))
    mean = float(outcome.null.mean())

    def found(share: float) -> FloatArray:
        total, expected = np.zeros(TRIALS), np.zeros(TRIALS)
        for prompt in prompts:
            part, under_null = _trials(prompt, share, generator)
            total += part
            expected += under_null
        return np.asarray(total > quantile * expected / mean) if mean > 0 else np.zeros(TRIALS)

    return found


def ranks_found(
    foreign: FloatArray, limit: float, generator: np.random.Generator
) -> Callable[[float], FloatArray]:
    """Trials of the test of uniformity: `foreign` are ranks of a foreign answer, one a prompt; `limit` is the
    statistic that is just significant."""

    def found(share: float) -> FloatArray:
        return np.asarray(cramer_von_mises(_mixed(foreign, share, generator)) >= limit)

    return found


def capital_found(
    foreign: FloatArray, alpha: float, generator: np.random.Generator
) -> Callable[[float], FloatArray]:
    """Trials of the e-process."""

    def found(share: float) -> FloatArray:
        return np.asarray(log_capital(_mixed(foreign, share, generator)).max(axis=-1) >= -np.log(alpha))

    return found


def _mixed(foreign: FloatArray, share: float, generator: np.random.Generator) -> FloatArray:
    """Ranks of a suspect whose answers are foreign with this chance, shape (TRIALS, prompts)."""
    shape = (TRIALS, foreign.size)
    return np.where(generator.random(shape) < share, foreign, generator.random(shape))


def _trials(prompt: Widened, share: float, generator: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """The prompt's part of the statistic, and its mean over all labels, for every trial.

    With centred weights w of random labels E[w wᵀ] is a multiple of I - 11ᵀ/n, hence the mean
    (tr K - 1ᵀK1/n) / (n - 1).
    """
    own, first = prompt.own, prompt.first
    chosen = generator.random((TRIALS, own)).argsort(axis=1)
    swapped = generator.random((TRIALS, own)) < share
    swapped[:, :first] = False
    foreign = generator.integers(own, len(prompt.gram), (TRIALS, own))
    chosen = np.where(swapped, foreign, chosen)
    kernel = prompt.gram[chosen[:, :, None], chosen[:, None, :]]
    weights = np.full(own, -1.0 / (own - first))
    weights[:first] = 1.0 / first
    part = (kernel @ weights) @ weights * (first * (own - first) / own)
    trace = np.trace(kernel, axis1=1, axis2=2)
    return part, (trace - kernel.sum(axis=(1, 2)) / own) / (own - 1)
