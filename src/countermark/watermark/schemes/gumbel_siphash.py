"""Our own scheme: Gumbel-max with SipHash-2-4 under a 128-bit key (spec/gumbel-siphash.md).

Of the 64-bit hash h of a window, m = floor(h / 2^11) has 53 bits. Sampling uses u = (m + 1/2) 2^-53;
scoring uses the lower end of that cell, -ln(1 - m 2^-53), which is never more than the Exp(1) variable that
it discretises. So the sum over n distinct pairs is at most Gamma(n, 1) under the null, and equals it but
for 2^-53 a pair.
"""

import numpy as np

from countermark.errors import Error
from countermark.stats import chernoff, gamma
from countermark.trust.keyfiles import Secret
from countermark.watermark.prf.siphash import (
    domain_word,
    gumbel_statistic,
    hash_windows,
    key_words,
    pack_windows,
)
from countermark.watermark.profile import Profile, check_parameters, check_version
from countermark.watermark.schemes.base import EngineScore, Evidence, FloatArray, IntArray, Marks, Scorer

NAME = "gumbel-siphash"
PRF = "siphash-2-4"
VERSIONS = ("1",)
KEY_BYTES = 16


def parse_key(key: Secret) -> bytes:
    """16 bytes from a key file's 32 hex digits."""
    text = key.reveal().strip()
    try:
        value = bytes.fromhex(text.decode("ascii")) if len(text) == 2 * KEY_BYTES else b""
    except ValueError:
        value = b""
    if len(value) != KEY_BYTES:
        raise Error("the key file does not hold 32 hex digits", hint="countermark watermark keygen makes one")
    return value


def gumbel_evidence(statistic: float, count: int, log_p: float | None = None) -> Evidence:
    """Evidence of a sum of `count` standard exponentials; `log_p` where it is known already."""
    known = float(gamma.log_sf(statistic, count)) if log_p is None else log_p
    return Evidence(count, statistic, known, "gamma", exact=True)


class GumbelSiphashScorer:
    """The scheme bound to a key."""

    null_mean = 1.0
    cell_bits = 53

    def __init__(self, width: int, key: Secret) -> None:
        self._width = width
        self._domain = domain_word(width)
        self._words = key_words(parse_key(key))

    def marks(self, ids: IntArray) -> Marks:
        """Every window of k + 1 ids; the hash is both fingerprint and value."""
        hashes = hash_windows(pack_windows(ids.astype(np.uint64), self._width), *self._words, self._domain)
        return Marks(hashes, hashes, np.arange(self._width, self._width + len(hashes)))

    def of_windows(self, windows: IntArray) -> Marks:
        """Of windows by themselves, shape (n, k + 1)."""
        packed = pack_windows(windows.astype(np.uint64).ravel(), self._width)[:, :: self._width + 1]
        hashes = hash_windows(np.ascontiguousarray(packed), *self._words, self._domain)
        return Marks(hashes, hashes, np.arange(len(hashes)))

    def judge(self, marks: Marks) -> Evidence:
        """Gamma law; with weights Chernoff's bound on the weighted sum."""
        if marks.weights is None:
            return gumbel_evidence(float(gumbel_statistic(marks.values)), len(marks))
        statistic = float(marks.weights @ self.scores(marks))
        weights, counts = np.unique(marks.weights, return_counts=True)
        tail = chernoff.weighted_exponentials(statistic, weights, counts)
        law = "Chernoff bound, weighted exponentials"
        return Evidence(
            len(marks), statistic, tail.log_bound, law, exact=False, log_saddlepoint=tail.log_saddlepoint
        )

    def scores(self, marks: Marks) -> FloatArray:
        """-ln(1 - m 2^-53) of each mark."""
        scores: FloatArray = -np.log1p(-((marks.values >> np.uint64(11)).astype(np.float64) * 2.0**-53))
        return scores

    def log_tails(self, sums: FloatArray, counts: IntArray) -> FloatArray:
        """Gamma law."""
        return gamma.log_sf(sums, counts)

    def judge_sum(self, total: float, count: int) -> Evidence:
        """Gamma law."""
        return gumbel_evidence(total, count)

    def engine_score(self, ids: IntArray) -> EngineScore | None:  # noqa: ARG002
        """None: the scheme has no other detector."""
        return None


class GumbelSiphash:
    """The scheme as a plug-in."""

    name = NAME
    weak = ""

    def check(self, profile: Profile) -> None:
        """Version 1 has no parameters beside the context width."""
        check_version(profile, "countermark", VERSIONS)
        check_parameters(profile, set())
        if profile.prf != PRF:
            raise Error(f"scheme {NAME} uses {PRF}, and the profile says {profile.prf}")

    def bind(self, profile: Profile, key: Secret) -> Scorer:
        """With a key file of 32 hex digits."""
        return GumbelSiphashScorer(profile.context_width, key)
