"""A sampler on NumPy and numba: the next token under our mark, for one answer or a batch of them.

Marked positions take argmin E/p with E = -ln u, which is argmax ln p + g (spec/gumbel-siphash.md, section 3).
Only candidates of positive probability are hashed, and a logarithm is taken only where an integer
comparison leaves a candidate in the race: some dozens of 128,000.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from countermark.errors import Error
from countermark.trust.keyfiles import Secret
from countermark.watermark.prf.siphash import choose_tokens, context_state, domain_word, key_words
from countermark.watermark.profile import Profile
from countermark.watermark.sampling.answers import Answer, Counts
from countermark.watermark.schemes.gumbel_siphash import GumbelSiphash, parse_key

Weights = NDArray[np.float32] | NDArray[np.float64]


class Sampler:
    """Bound to a profile and a key; `generator` decides the positions that are not marked."""

    def __init__(self, profile: Profile, key: Secret, generator: np.random.Generator) -> None:
        GumbelSiphash().check(profile)
        self._width = profile.context_width
        self._domain = domain_word(self._width)
        self._words = key_words(parse_key(key))
        self._generator = generator
        self.counts = Counts()

    def start(self) -> Answer:
        """An answer without tokens yet."""
        return Answer(self._width)

    def next_token(self, weights: Weights, answer: Answer) -> int:
        """Next token of an answer; appends it. `weights` as in `next_tokens`, shape (vocabulary,)."""
        return int(self.next_tokens(weights[np.newaxis], [answer])[0])

    def next_tokens(self, weights: Weights, answers: Sequence[Answer]) -> NDArray[np.int64]:
        """Next token of every answer, shape (batch,); appends each to its answer.

        `weights` has shape (batch, vocabulary), float32 or float64: the probabilities after temperature,
        top-k and top-p, or any positive multiple of them a row. Raises `Error` where a row is negative,
        not finite, or all 0.
        """
        if weights.shape[0] != len(answers):
            raise Error("there are not as many rows of probabilities as answers")
        contexts = [answer.next_context(self.counts) for answer in answers]
        chosen = np.array(
            [0 if context else self._draw(row) for context, row in zip(contexts, weights, strict=True)],
            np.int64,
        )
        states = [
            context_state(np.array(context, np.uint64), *self._words, self._domain)
            for context in contexts
            if context
        ]
        if states:
            rows = np.array([at for at, context in enumerate(contexts) if context], np.int64)
            chosen[rows] = choose_tokens(np.ascontiguousarray(weights), np.stack(states), rows, self._width)
        if chosen.min(initial=0) < 0:
            raise Error("a row of probabilities has a negative or infinite entry, or no positive one")
        for answer, token in zip(answers, chosen.tolist(), strict=True):
            answer.append(token)
        return chosen

    def greedy_token(self, weights: Weights, answer: Answer) -> int:
        """The likeliest token (temperature 0), never marked; counts and appends it."""
        token = int(np.argmax(weights))
        self.counts.greedy += 1
        answer.append(token)
        return token

    def _draw(self, weights: Weights) -> int:
        """A token by its weight alone; -1 where the weights are none."""
        sums = np.cumsum(weights, dtype=np.float64)
        if not 0 < sums[-1] < np.inf or weights.min() < 0:
            return -1
        return int(np.searchsorted(sums, self._generator.random() * sums[-1], side="right"))


def softmax_weights(logits: Weights, temperature: float = 1.0) -> Weights:
    """exp((logits - max) / temperature) a row: probabilities but for a factor that is not needed."""
    scaled: Weights = logits - logits.max(axis=-1, keepdims=True)
    if temperature != 1.0:
        scaled /= temperature
    np.exp(scaled, out=scaled)
    return scaled
