"""transformers' green list (Kirchenbauer et al. 2023), as `generation/watermarking.py` 5.23.0 scores it.

The green list of a seed is the first G = int(gamma V) ids of `torch.randperm(V)`. What the seed is made of:

- lefthash: (key x last id) mod (2^64 - 1). `context_width` above 1 changes nothing but which ngrams the
  engine's detector counts. The last id 0 gives seed 0 under every key, so such pairs say nothing about a key
  and are left out of the marks; the engine counts them.
- selfhash: the smallest of the signed products key x a x b over the last `context_width` ids, the token
  itself among them, a and b being places of the id and of the token in a permutation of 1,000,003 numbers.

torch's CPU generator keeps 32 bits of a seed, and a GPU's draws other lists: this is the mark of generation
on a CPU. The vocabulary's size is the one in the model's config.json, which may be above the tokenizer's.

**Law.** Null: the text is independent of the key, and lists of different seeds are independent random
subsets of G ids (ideal PRF). Distinct tokens under one seed are drawn without replacement, so the green count
is a sum over seeds of Hypergeometric(V, G, tokens under the seed): an exact convolution, Binomial(n, G / V)
where all seeds differ. Indicators of one list are negatively associated (Joag-Dev & Proschan 1983), so
Chernoff's bound for independent ones holds too: it serves weighted pairs.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from countermark.errors import Error, ExitCode
from countermark.stats import binomial, chernoff
from countermark.trust.keyfiles import Secret
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.prf import lcg
from countermark.watermark.prf.green_seeds import LEFT_OUT, TABLE_SIZE, left_seeds, self_seeds
from countermark.watermark.prf.torch_random import UInts32, among_first, randperm
from countermark.watermark.profile import Profile, check_parameters, check_version, number
from countermark.watermark.schemes import green_law
from countermark.watermark.schemes.base import EngineScore, Evidence, FloatArray, IntArray, Marks, UIntArray
from countermark.watermark.schemes.green_sets import Bools, GreenSets
from countermark.watermark.schemes.integer_keys import integers

VERSIONS = ("5.23.0",)
"""Before, the engine's `ignore_repeated_ngrams` differed: it compared tensors by identity."""
PRF = "torch-cpu-randperm"
EVERY, UNIQUE = "none", "ignore_repeated_ngrams"
MAX_VOCABULARY = 1 << 22
_KEY_MAX = (1 << 63) - 1
_LOW = np.uint64(0xFFFFFFFF)


class GreenList:
    """The scheme `transformers-green-list`."""

    name = "transformers-green-list"
    weak = (
        "the key is one integer, torch keeps 32 bits of a list's seed, and lefthash has one green list a "
        "token: who sees enough marked text learns the lists"
    )

    def check(self, profile: Profile) -> None:
        """Raise `Error` where the profile is not one of this engine's."""
        check_version(profile, "transformers", VERSIONS)
        check_parameters(profile, {"gamma", "delta", "seeding", "vocab_size"})
        vocabulary, gamma = number(profile, "vocab_size", 2, MAX_VOCABULARY), number(profile, "gamma", 0, 1)
        number(profile, "delta", 0, 1000)
        if vocabulary != int(vocabulary) or not 1 <= int(int(vocabulary) * gamma) < vocabulary:
            raise Error(
                "the profile's gamma leaves no token green, or none red", hint="transformers' default is 0.25"
            )
        if profile.parameters["seeding"] not in ("lefthash", "selfhash"):
            raise Error("the profile's seeding is neither lefthash nor selfhash")
        if profile.deduplication not in (EVERY, UNIQUE):
            raise Error(f"the profile's deduplication is neither {EVERY} nor {UNIQUE}")
        if profile.prf != PRF:
            raise Error(f"the profile's prf is not {PRF}", hint="lists that a GPU drew are other lists")

    def bind(self, profile: Profile, key: Secret) -> "GreenListScorer":
        """The key file holds one integer from 1 to 2^63 - 1."""
        (value,) = integers(key, 1, 1, _KEY_MAX)
        if not value & 0xFFFFFFFF:
            raise Error("the key is a multiple of 2^32, under which every token has the same green list")
        return GreenListScorer(profile, value)


class GreenListScorer:
    """The scheme under one key."""

    def __init__(self, profile: Profile, key: int) -> None:
        parameters = profile.parameters
        self._vocabulary = int(number(profile, "vocab_size", 2, MAX_VOCABULARY))
        self._gamma = number(profile, "gamma", 0, 1)
        self._green = int(self._vocabulary * self._gamma)
        self._width, self._unique = profile.context_width, profile.deduplication == UNIQUE
        self._self = parameters["seeding"] == "selfhash"
        if self._self:
            self._key, self._table = key, randperm(TABLE_SIZE, key)
        else:
            self._seeds = left_seeds(key, self._vocabulary)
            self._sets = GreenSets(self._seeds, self._green)

    def marks(self, ids: IntArray) -> Marks:
        """Values are the seed (32 bits), the token (31) and whether it is green (1).

        Fingerprints are made without the key, of the ids that enter the seed; so the few pairs that only the
        key shows to be one are left to `judge`, which counts them once.
        """
        pairs = self._pairs(ids)
        if self._self:
            return pairs.marks(lcg.states(ids, self._width, 1)[1])
        previous = ids[:-1].astype(np.uint32)
        return pairs.marks(_joined(previous, pairs.tokens), previous != LEFT_OUT)

    def judge(self, marks: Marks) -> Evidence:
        """The statistic is the number of green tokens among distinct (seed, token) pairs, or their weight."""
        if not len(marks):
            return Evidence(0, 0.0, 0.0, "no pair to score", True)
        if marks.weights is not None:
            values, first = np.unique(marks.values, return_index=True)
            return self._bound((values & np.uint64(1)).astype(np.int64), marks.weights[first])
        values = np.sort(marks.values)
        values = values[np.concatenate([[True], values[1:] != values[:-1]])]
        green = (values & np.uint64(1)).astype(np.int64)
        seeds = values >> np.uint64(32)
        starts = np.flatnonzero(np.concatenate([[True], seeds[1:] != seeds[:-1]]))
        sizes, powers = np.unique(np.diff(starts, append=len(values)), return_counts=True)
        count, ratio = int(green.sum()), self._green / self._vocabulary
        if sizes[-1] == 1:
            log_p = binomial.log_sf(count, len(values), ratio)
            return Evidence(len(values), count, log_p, "binomial: every pair has a seed of its own", True)
        log_p = green_law.log_sf(count, self._vocabulary, self._green, sizes, powers)
        return Evidence(len(values), count, log_p, "sum over seeds of hypergeometric counts", True)

    def scores(self, marks: Marks) -> FloatArray:
        """1 of a green token, 0 of a red one; pairs that only the key shows to be one count twice here."""
        return (marks.values & np.uint64(1)).astype(np.float64)

    def engine_score(self, ids: IntArray) -> EngineScore | None:
        """z and p of `WatermarkDetector`; a leading BOS, which it takes off first, is to be left off.

        None where the detector refuses a document as too short.
        """
        if len(ids) <= self._width:
            return None
        ngram = self._width if self._self else self._width + 1
        green = self._pairs(ids).green[0 if self._self else self._width - 1 :]
        if self._unique:
            green = green[first_occurrences(lcg.states(ids, ngram, 1)[1])]
        n, gamma = len(green), self._gamma
        z = (int(green.sum()) - gamma * n) / math.sqrt(n * gamma * (1 - gamma))
        rule = "every distinct ngram once" if self._unique else "every ngram, repeats included"
        return EngineScore(n, z, float(log_ndtr(-z)), rule)

    def _pairs(self, ids: IntArray) -> "_Pairs":
        """Every pair that has a whole context, in text order."""
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < self._vocabulary:
            raise Error(
                f"a token id is outside the model's vocabulary of {self._vocabulary:,}",
                hint="were these ids made with the profile's tokenizer?",
                exit_code=ExitCode.NO_INPUT,
            )
        before = self._width - 1 if self._self else 1
        positions = np.arange(before, len(ids), dtype=np.int64)
        tokens = ids[before:].astype(np.uint32)
        if self._self:
            seeds = self_seeds(ids, self._width, self._key, self._table)
            return _Pairs(seeds, tokens, positions, self._green_of(seeds, tokens))
        return _Pairs(self._seeds[ids[:-1]], tokens, positions, self._sets.green(ids[:-1], tokens))

    def _green_of(self, seeds: UInts32, tokens: UInts32) -> Bools:
        """Selfhash seldom meets a seed again, so a token is followed through the shuffle, no list is kept."""
        pairs, which = np.unique(_joined(seeds, tokens), return_inverse=True)
        distinct = (pairs >> np.uint64(32)).astype(np.uint32), (pairs & _LOW).astype(np.uint32)
        return among_first(*distinct, self._vocabulary, self._green)[which]

    def _bound(self, green: IntArray, weights: FloatArray) -> Evidence:
        kinds, counts = np.unique(weights, return_counts=True)
        total = float(weights @ green)
        tail = chernoff.weighted_bernoullis(total, kinds, counts, self._green / self._vocabulary)
        law = "Chernoff's bound for independent indicators, which holds for drawing without replacement"
        return Evidence(len(green), total, tail.log_bound, law, False, tail.log_saddlepoint)


@dataclass(frozen=True)
class _Pairs:
    seeds: UInts32
    tokens: UInts32
    positions: IntArray
    green: Bools

    def marks(self, fingerprints: UIntArray, kept: Bools | slice = slice(None)) -> Marks:
        values = _joined(self.seeds, self.tokens << np.uint32(1) | self.green)
        return Marks(fingerprints[kept], values[kept], self.positions[kept])


def _joined(high: UInts32, low: UInts32) -> UIntArray:
    return high.astype(np.uint64) << np.uint64(32) | low
