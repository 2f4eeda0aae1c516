"""SynthID-Text (Dathathri et al., Nature 2024), non-distortionary tournament with one bit a layer: scoring.

transformers 5.23.0 and the release 0.2.1 of synthid-text share the table hash; synthid-text at commit addb4a1
(June 2025, in no release) has the iterated one (`prf/lcg.py`). The table is drawn by torch's CPU generator
here; a GPU draws another one.

Pairs whose context is among the last `context_history_size` contexts are left out as the engines leave them
unmarked. That needs no key: contexts are compared by their hash, which under either start value agrees
exactly where the hash from zero does. A document need not begin where a response began, so this may leave out
marked pairs, and never more than a repeat of a context.

**Laws.** Null: the text is independent of the keys.

- Table hash: each layer's key is uniform modulo the table's size, and the layers' keys are independent.
  Nothing else is assumed: the law is exact over all 65,536 classes a layer (`synthid_law.py`). Each distinct
  ngram counts once; ngrams that share a state count as often as they are, which the law allows for. Keys that
  were chosen otherwise do not meet the assumption: where all are below 2^32 the law is not called exact.
- Iterated hash: g-values of distinct 64-bit states are taken as independent fair bits in each layer (ideal
  PRF), so the count of ones would be binomial. They are not: the p-value is Chernoff's
  bound under that model, wide enough for ordinary texts (measured), and no bound for a text that somebody
  made to be correlated. It is never called exact.

`weights` is `uniform`, the mean of all g-values, or `linear`: layers weigh from 10 down to 1, as in
synthid-text 0.2.1 `detector_mean.py`. Linear weights are rational, so the law is exact where the sum's
lattice is small, else Chernoff's bound.
"""

from collections.abc import Mapping

import numpy as np

from countermark.errors import Error
from countermark.trust.keyfiles import Secret
from countermark.watermark.prf import lcg
from countermark.watermark.prf.torch_random import random_bits
from countermark.watermark.profile import Profile, check_parameters, check_version, number
from countermark.watermark.schemes.base import EngineScore, Evidence, FloatArray, IntArray, Marks
from countermark.watermark.schemes.integer_keys import integers
from countermark.watermark.schemes.synthid_law import IteratedHash, TableHash

TABLE, ITERATED = "synthid-table", "synthid-iterated"
LATER = "addb4a1"
"""Commit of synthid-text that replaced the table."""
MASK = "context_repetition_mask"
MAX_DEPTH = 128
MAX_TABLE = 1 << 24
_COMMON = {"depth", "ngram_len", "weights", "context_history_size"}
_OF_TABLE = {"sampling_table_size", "sampling_table_seed"}


class TransformersSynthId:
    """The scheme `transformers-synthid`."""

    name = "transformers-synthid"
    weak = (
        "a layer's key has as many effective bits as the table's index, 16 by default: all keys are "
        "recovered from a few thousand marked tokens in seconds, and no layer's p-value is below 1 / 65,536"
    )
    engine = "transformers"
    hashes: Mapping[str, str] = {"5.23.0": TABLE}

    def check(self, profile: Profile) -> None:
        """Raise `Error` where the profile is not one of this engine's."""
        check_version(profile, self.engine, tuple(self.hashes))
        prf = self.hashes[profile.engine.version]
        if profile.prf != prf:
            raise Error(f"the profile's prf is not {prf}", hint=f"it is, in this version of {self.engine}")
        check_parameters(profile, _COMMON | _OF_TABLE if prf == TABLE else _COMMON)
        whole(profile, "depth", 0, MAX_DEPTH)
        whole(profile, "context_history_size", 0, 1 << 31)
        if whole(profile, "ngram_len", 2, 65) != profile.context_width + 1:
            raise Error("the profile's ngram_len is not its context_width and one")
        if profile.parameters["weights"] not in ("uniform", "linear"):
            raise Error("the profile's weights are neither uniform nor linear")
        if profile.deduplication != MASK:
            raise Error(f"the profile's deduplication is not {MASK}", hint="the engine knows no other")
        if prf == TABLE:
            whole(profile, "sampling_table_seed", 0, (1 << 64) - 1)
            size = whole(profile, "sampling_table_size", 2, MAX_TABLE)
            if size & (size - 1):
                raise Error(
                    "the profile's sampling_table_size is no power of two",
                    hint="only then does the low end of a key decide alone; the engine's default is 65,536",
                )

    def bind(self, profile: Profile, key: Secret) -> "SynthIdScorer":
        """The key file holds an integer a layer, of 64 bits, all different; depth 0 takes all it has."""
        depth = whole(profile, "depth", 0, MAX_DEPTH) or min(len(key.reveal().split()), MAX_DEPTH) or 1
        keys = integers(key, depth, -(1 << 63), (1 << 63) - 1)
        if len(set(keys)) < depth:
            raise Error("two layers have the same key", hint="their g-values are one and the same evidence")
        return SynthIdScorer(profile, keys)


class SynthIdText(TransformersSynthId):
    """The scheme `synthid-text`."""

    name = "synthid-text"
    weak = (
        "in 0.2.1 a layer's key has as many effective bits as the table's index, 16 by default; in addb4a1 "
        "g-values are correlated in pairs, and a text can be made in which most agree under every key: its "
        "p-value is of a model of ordinary texts, not a bound"
    )
    engine = "synthid-text"
    hashes: Mapping[str, str] = {"0.2.1": TABLE, LATER: ITERATED}


def whole(profile: Profile, name: str, low: int, high: int) -> int:
    """A parameter that is a whole number between two limits, both allowed."""
    value = number(profile, name, low, high)
    if value != int(value):
        raise Error(f"the profile's parameter {name} is not a whole number")
    return int(value)


def layer_weights(depth: int, kind: str) -> IntArray:
    """Weights as the smallest whole numbers in their ratio, shape (depth,).

    `linear` falls in equal steps from 10 to 1 (synthid-text 0.2.1, `detector_mean.weighted_mean_score`).
    """
    if kind == "uniform" or depth == 1:
        return np.ones(depth, np.int64)
    weights: IntArray = 10 * (depth - 1) - 9 * np.arange(depth)
    weights //= np.gcd.reduce(weights)
    return weights


class SynthIdScorer:
    """The scheme under the keys of all layers."""

    def __init__(self, profile: Profile, keys: list[int]) -> None:
        self._ngram_len, self._depth = profile.context_width + 1, len(keys)
        self._drawn = max(abs(key) for key in keys) >> 32 > 0
        self._history = whole(profile, "context_history_size", 0, 1 << 31)
        self._weights = layer_weights(self._depth, str(profile.parameters["weights"]))
        self._start = lcg.start_value(keys) if profile.prf == ITERATED else 1
        offsets = lcg.offsets(self._start, keys, self._ngram_len)
        self._g: TableHash | IteratedHash
        if profile.prf == ITERATED:
            self._g = IteratedHash(offsets)
        else:
            size = whole(profile, "sampling_table_size", 2, MAX_TABLE)
            seed = whole(profile, "sampling_table_seed", 0, (1 << 64) - 1)
            self._g = TableHash(offsets, random_bits(size, seed))

    def marks(self, ids: IntArray) -> Marks:
        """Values are the states that decide all g-values of an ngram; no key enters them."""
        contexts, ngrams = lcg.states(ids, self._ngram_len, 0)
        kept = ~lcg.repeated(contexts, self._history, False)
        positions = np.arange(len(ngrams), dtype=np.int64) + self._ngram_len - 1
        return Marks(ngrams[kept], ngrams[kept], positions[kept])

    def of_windows(self, windows: IntArray) -> Marks:
        """Of ngrams by themselves, shape (n, ngram_len); no context is a repeat here."""
        states = lcg.states(np.ascontiguousarray(windows).ravel(), self._ngram_len, 0)[1][:: self._ngram_len]
        return Marks(states, states, np.arange(len(states)))

    def scores(self, marks: Marks) -> FloatArray:
        """(Weighted) mean g-value of each pair."""
        weights = self._weights / self._weights.sum()
        total = np.zeros(len(marks))
        for layer, weight in enumerate(weights.tolist()):
            total += weight * self._g.bits(marks.values, layer)
        return total

    def judge(self, marks: Marks) -> Evidence:
        """The statistic is the (weighted) mean g-value."""
        n = float(len(marks) if marks.weights is None else marks.weights.sum())
        if not n:
            return Evidence(0, 0.0, 0.0, "no pair to score", True)
        layers = self._g.layers(marks.values, marks.weights)
        tail = layers.tail(self._weights)
        mean = float(self._weights @ layers.ones) / (float(self._weights.sum()) * n)
        law = tail.law if self._drawn else f"{tail.law}; not met: these keys are small numbers"
        exact = tail.exact and self._drawn
        return Evidence(len(marks), mean, tail.log_p, law, exact, tail.log_saddlepoint)

    def engine_score(self, ids: IntArray) -> EngineScore | None:
        """The (weighted) mean score of `detector_mean.py`, for which it gives no p-value.

        Under the engine's context repetition mask and no EOS mask: a document is to end before its EOS.
        """
        contexts, _ = lcg.states(ids, self._ngram_len, self._start)
        _, ngrams = lcg.states(ids, self._ngram_len, 0)
        kept = ngrams[~lcg.repeated(contexts, self._history, True)]
        if not len(kept):
            return None
        ones = self._g.layers(kept, None).ones
        mean = float(self._weights @ ones) / (float(self._weights.sum()) * len(kept))
        rule = f"ngrams whose context is not among the {self._history} contexts before, repeats included"
        return EngineScore(len(kept), mean, None, rule)
