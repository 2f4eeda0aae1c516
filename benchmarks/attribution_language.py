"""A seeded language of 4,096 token ids, for models so small that real text would teach them nothing.

Every token has a class (one of 32) and a mood (one of 4). The next class follows from the last one (70%) or
from the one before it (30%), each with three successors; the token is drawn from its class by Zipf's law
(exponent 2), in an order that the mood of the last token disturbs. So a context of one or two tokens recurs,
and does not settle what comes next: about 3.0 nats a token (`entropy` says the figure), where the frequencies
of the tokens alone have 4.7. Another seed is another language over the same ids: data of an unrelated party.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

VOCABULARY = 4_096
CLASSES, MOODS, SUCCESSORS = 32, 4, 3
FROM_LAST = 0.7
ZIPF = 2.0
DISTURBANCE = 0.5
Ids = NDArray[np.int64]


class Source:
    """One language."""

    def __init__(self, seed: int, vocabulary: int = VOCABULARY) -> None:
        generator = np.random.default_rng([seed, vocabulary])
        size = vocabulary // CLASSES
        self.seed, self.vocabulary = seed, vocabulary
        members = generator.permutation(vocabulary).reshape(CLASSES, size)
        self.kind = np.empty(vocabulary, np.int64)
        self.kind[members] = np.arange(CLASSES)[:, None]
        self.mood = generator.integers(0, MOODS, vocabulary)
        noise = DISTURBANCE * generator.normal(size=(CLASSES, MOODS, size))
        order = np.argsort(np.log(np.arange(1, size + 1)) + noise, axis=-1)
        self.words = members[np.arange(CLASSES)[:, None, None], order]
        """By class, mood of the last token, and rank."""
        self.emission = _zipf(size, ZIPF)
        popular = _zipf(CLASSES, 0.7)
        draw = [generator.choice(CLASSES, SUCCESSORS, replace=False, p=popular) for _ in range(2 * CLASSES)]
        self.successors = np.array(draw).reshape(2, CLASSES, SUCCESSORS)
        self.steps = _zipf(SUCCESSORS, 1.5)

    def documents(self, count: int, length: int, *seed: int) -> Ids:
        """Token ids, shape (count, length), all different texts for different seeds."""
        generator = np.random.default_rng([self.seed, 1, *seed])
        ids = np.empty((count, length), np.int64)
        kinds = generator.integers(0, CLASSES, (2, count))
        mood = generator.integers(0, MOODS, count)
        emission, steps = np.cumsum(self.emission), np.cumsum(self.steps)
        for at in range(length):
            by = (generator.random(count) >= FROM_LAST).astype(np.int64)
            step = _pick(steps, generator.random(count))
            kind = self.successors[by, kinds[by, np.arange(count)], step]
            ids[:, at] = self.words[kind, mood, _pick(emission, generator.random(count))]
            kinds, mood = np.stack([kind, kinds[0]]), self.mood[ids[:, at]]
        return ids

    def log_probs(self, before: Ids) -> NDArray[np.float64]:
        """Natural log of the law of the next token after two ids, shape (n, 2) to (n, vocabulary)."""
        kinds = np.zeros((len(before), CLASSES))
        rows = np.arange(len(before))[:, None]
        for by, weight in ((0, FROM_LAST), (1, 1 - FROM_LAST)):
            after = self.successors[by, self.kind[before[:, 1 - by]]]
            np.add.at(kinds, (rows, after), weight * self.steps)
        law = np.zeros((len(before), self.vocabulary))
        words = self.words[:, self.mood[before[:, 1]]].transpose(1, 0, 2)
        law[rows[:, :, None], words] = kinds[:, :, None] * self.emission
        with np.errstate(divide="ignore"):
            return np.log(law)

    def entropy(self, count: int = 200) -> float:
        """Nats a token, by the exact law over sampled texts."""
        ids = self.documents(count, 32, 0)
        before = np.lib.stride_tricks.sliding_window_view(ids, 2, axis=1)[:, 4:-1].reshape(-1, 2)
        scores = self.log_probs(before)[np.arange(len(before)), ids[:, 6:].ravel()]
        return float(-scores.mean())


def _zipf(count: int, exponent: float) -> NDArray[np.float64]:
    weights = np.arange(1, count + 1, dtype=float) ** -exponent
    return np.asarray(weights / weights.sum())


def _pick(cumulative: Any, uniform: Any) -> Any:
    return np.minimum(np.searchsorted(cumulative, uniform, side="right"), len(cumulative) - 1)
