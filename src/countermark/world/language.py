"""A small synthetic language, and a model of it that answers with our mark or without one.

Its words are its tokens: a text is its words with a space between. What may follow depends on the last word
only, by Zipf's law over a shuffled vocabulary, so that an answer has about 4 nats a word.
"""

import numpy as np

from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Engine, Profile, Tokenizer
from countermark.watermark.sampling.numpy_sampler import Sampler
from countermark.world.draws import stream

VOCABULARY = 1_024
_STATES = 64
_ONSETS = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "sh", "th"]
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ou", "ei"]
_WORDS = [a + b + c for a in _ONSETS for b in _VOWELS for c in ("", "n", "s", "r", "l", "m", "t", "k")]
_BATCH = 256


def language_profile(key_id: str, epoch: str, width: int = 4) -> Profile:
    """How the synthetic provider marks."""
    return Profile(
        engine=Engine("countermark", "1"),
        scheme="gumbel-siphash",
        prf="siphash-2-4",
        context_width=width,
        deduplication="single_turn",
        tokenizer=Tokenizer("words of the synthetic language", vocab_size=VOCABULARY),
        key_id=key_id,
        epoch=epoch,
        models=["synthetic"],
    )


def words_of(ids: list[int]) -> str:
    """The text of token ids."""
    return " ".join(_WORDS[one] for one in ids)


def _weights() -> np.typing.NDArray[np.float64]:
    """Weights of the next word, one row a state; the same in every world."""
    rng = stream(0, "language")
    zipf = 1.0 / (np.arange(VOCABULARY) + 2.7)
    return np.stack([zipf[rng.permutation(VOCABULARY)] for _ in range(_STATES)])


def marked_answers(profile: Profile, key: Secret, seed: int, count: int, length: int) -> list[list[int]]:
    """Answers that carry the mark from their k-th token on."""
    weights, rng = _weights(), stream(seed, "marked answers")
    sampler = Sampler(profile, key, rng)
    done: list[list[int]] = []
    while len(done) < count:
        answers = [sampler.start() for _ in range(min(_BATCH, count - len(done)))]
        last = rng.integers(0, VOCABULARY, len(answers))
        for _ in range(length):
            last = sampler.next_tokens(weights[last % _STATES], answers)
        done += [answer.ids for answer in answers]
    return done


def plain_answers(seed: int, count: int, length: int) -> list[list[int]]:
    """Answers of the same model without a mark, as another provider would give."""
    sums, rng = np.cumsum(_weights(), axis=1), stream(seed, "plain answers")
    last = rng.integers(0, VOCABULARY, count)
    steps = []
    for _ in range(length):
        rows = sums[last % _STATES]
        last = (rows < (rng.random(count) * rows[:, -1])[:, None]).sum(axis=1)
        steps.append(last)
    texts: list[list[int]] = np.stack(steps, axis=1).tolist()
    return texts
