"""One suspect beside the reference: kernels of the answers to each prompt, ranks at one answer a prompt."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from countermark.attribute.base import ProgressCall
from countermark.attribute.identity.answers import Answer
from countermark.attribute.identity.paired import FloatArray, Pair, rows_of
from countermark.attribute.identity.power import Widened
from countermark.attribute.identity.sampled import SampledReference
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.stats.mmd import Stratum, hamming_gram
from countermark.stats.uniformity import randomised_rank

FOREIGN = 8
"""Answers to another prompt that stand for something else in the simulation of power."""


class Compared:
    """Pairs of answers in one unit; `local` scores answers where the reference is run here."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        unit: str,
        local: SampledReference | None = None,
        progress: ProgressCall | None = None,
    ) -> None:
        self.pairs, self.unit, self._local = pairs, unit, local
        self._grams = []
        for at, pair in enumerate(pairs):
            answers = [*pair.reference, *pair.suspect, *self._foreign(at)]
            self._grams.append(hamming_gram(rows_of(answers, unit)))
            if progress is not None:
                progress(at + 1, len(pairs))

    @property
    def several(self) -> bool:
        """Whether both sides have two answers to every prompt."""
        return all(min(len(one.reference), len(one.suspect)) >= 2 for one in self.pairs)

    @property
    def about(self) -> dict[str, Any]:
        """Figures for the details of a test."""
        ours, theirs = (
            sum(len(getattr(one, side)) for one in self.pairs) for side in ("reference", "suspect")
        )
        return {"unit": self.unit, "reference_answers": ours, "suspect_answers": theirs}

    @property
    def score(self) -> str:
        """What the ranks are of, in words."""
        return (
            "mean agreement with the others" if self._local is None else "mean log rank under the reference"
        )

    def strata(self) -> list[Stratum]:
        """For the permutation test."""
        return [Stratum(one.gram[: one.own, : one.own], one.first) for one in self.widened()]

    def widened(self) -> list[Widened]:
        """For the simulation of its power."""
        return [
            Widened(gram, len(pair.reference), len(pair.reference) + len(pair.suspect))
            for gram, pair in zip(self._grams, self.pairs, strict=True)
        ]

    def ranks(self, seed: int) -> tuple[FloatArray, FloatArray]:
        """Ranks of the suspect's first answer to each prompt, and of a foreign one, among the reference's.

        The draws of a prompt depend on the seed and the prompt alone: more prompts leave earlier ranks as
        they were, or the e-process could not be looked at again.
        """
        ranks = np.zeros((2, len(self.pairs)))
        for at, pair in enumerate(self.pairs):
            generator = np.random.default_rng([seed, int(sha256_hex(canonical_json(pair.prompt))[:32], 16)])
            for row, (score, others) in enumerate(self._scores(at, pair)):
                ranks[row, at] = randomised_rank(score, others, generator)
        return ranks[0], ranks[1]

    def _scores(self, at: int, pair: Pair) -> list[tuple[float, FloatArray]]:
        """Score of the suspect's answer and of a foreign one, each with those of the reference's.

        Of a local model; else the agreement with all the others, which treats them all alike.
        """
        first = len(pair.reference)
        if self._local is not None:
            answers = [*pair.reference, pair.suspect[0], self._foreign(at)[0]]
            scores = self._local.scores(pair.prompt, answers)
            return [(float(scores[first]), scores[:first]), (float(scores[first + 1]), scores[:first])]
        both = []
        for which in (first, first + len(pair.suspect)):
            chosen = [*range(first), which]
            gram = self._grams[at][np.ix_(chosen, chosen)]
            # rounded, so that equal scores are equal whatever the order of summation was
            scores = np.round(gram.sum(axis=1) - gram.diagonal(), 9)
            both.append((float(scores[first]), scores[:first]))
        return both

    def _foreign(self, at: int) -> Sequence[Answer]:
        return self.pairs[(at + 1) % len(self.pairs)].reference[:FOREIGN]
