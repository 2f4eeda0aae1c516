"""vLLM's Gumbel-max marks, with one key and with two (vllm/v1/watermarking, releases 0.30.0 to 0.33.0).

**What is marked.** The context of a token is the `context_width` ids before it *in the answer*: prompt ids
never enter, and -1 stands in the places before the first token (v1/watermarking/gpu_sampler.py,
`_get_contexts`). So from the first token on, every token of an answer has a known context; with
`deduplicate_contexts` "all" the first `context_width` tokens are never marked, and are left out here. A
repeated context is sampled without the mark, but only within one answer: a document may hold several, so
repeats stay in and the body counts each pair once. Greedy answers (temperature 0) carry no mark.

**Two keys.** vLLM marks a token with key B at probability alpha, else with key A, both cut from the one key
by SHA-256 (config/watermarking.py, `derive_watermark_key`). Its statistic is Σ (1 - alpha) E_a + alpha E_b.
Its own p-value matches two moments of that sum to a Gamma law, which claims too much far out: 10^-95.0
where the truth is 10^-92.5. Ours is Chernoff's bound, and the Gamma law where that is the law: alpha 0, 1/2
and 1.
"""

import hashlib

import numpy as np

from countermark.errors import Error
from countermark.stats import gamma
from countermark.trust.keyfiles import Secret
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.prf import philox
from countermark.watermark.profile import Profile, check_parameters, check_version, number
from countermark.watermark.schemes.base import (
    EngineScore,
    Evidence,
    FloatArray,
    IntArray,
    Marks,
    Scorer,
    UIntArray,
)
from countermark.watermark.schemes.exponentials import (
    bounded_gamma,
    chernoff_bound,
    lower_exponentials,
)
from countermark.watermark.schemes.integer_keys import MOST, integers

NAME, DUAL_NAME = "vllm-gumbel", "vllm-dual-key-gumbel"
PRF = "philox4x32-10"
VERSIONS = ("0.30.0", "0.31.0", "0.32.0", "0.33.0")
SCOPES = ("none", "single_turn", "all")
WEAK = (
    "64-bit key; Philox is no cryptographic function: by vLLM's own words it "
    '"does not provide key-recovery or forgery resistance"'
)
RULE = "each context once a document, the first time it stands there"
BITS = 24
"""vLLM makes a uniform of the upper 24 bits of a 32-bit word."""
_CELL = np.uint64(64 - BITS)
_MASK24 = np.uint64((1 << BITS) - 1)


def derive_key(key: int, domain: bytes) -> int:
    """The first 64 bits of SHA-256(domain, key as 8 bytes big-endian), as vLLM derives keys A and B."""
    return int.from_bytes(hashlib.sha256(domain + key.to_bytes(8, "big")).digest()[:8], "big")


def engine_exponentials(cells: UIntArray) -> FloatArray:
    """vLLM's own scores: -ln(1 - u) with u = (m + 1) / (2^24 + 1) rounded to float32."""
    uniforms = ((cells.astype(np.float64) + 1.0) / ((1 << BITS) + 1)).astype(np.float32)
    scores: FloatArray = -np.log1p(-uniforms.astype(np.float64))
    return scores


class VllmGumbelScorer:
    """The mark of one key."""

    cell_bits = BITS

    def __init__(self, profile: Profile, key: int) -> None:
        self._width = profile.context_width
        self._first = profile.context_width if profile.deduplication == "all" else 0
        self._words = philox.key_words(key)

    def hashes(self, ids: IntArray) -> UIntArray:
        """64 bits of every token of the document, shape (n,); the upper 24 are vLLM's cell."""
        hashes: UIntArray = philox.hash_windows(_padded(ids, self._width), self._width, *self._words)
        return hashes

    def marks(self, ids: IntArray) -> Marks:
        """Every token whose context vLLM could have marked; the value is the 24-bit cell."""
        hashes = self.hashes(ids)[self._first :]
        return Marks(hashes, hashes >> _CELL, np.arange(self._first, self._first + len(hashes)))

    def judge(self, marks: Marks) -> Evidence:
        """Gamma law as a bound; with weights Chernoff's bound."""
        return bounded_gamma(self.scores(marks), marks.weights, BITS)

    def scores(self, marks: Marks) -> FloatArray:
        """Lower end of each cell's exponential."""
        return lower_exponentials(marks.values, BITS)

    def first_contexts(self, ids: IntArray) -> IntArray:
        """Indices of the tokens that vLLM's detector scores: those whose context is new."""
        contexts = philox.hash_contexts(_padded(ids, self._width), self._width, *self._words)
        return np.flatnonzero(first_occurrences(contexts))

    def engine_score(self, ids: IntArray) -> EngineScore:
        """`GumbelWatermarkDetector` with its default de-duplication."""
        scored = self.first_contexts(ids)
        statistic = float(engine_exponentials(self.hashes(ids)[scored] >> _CELL).sum())
        return EngineScore(len(scored), statistic, float(gamma.log_sf(statistic, len(scored))), RULE)


class VllmDualKeyGumbelScorer:
    """The mark of two keys derived from one."""

    def __init__(self, profile: Profile, key: int) -> None:
        self._alpha = number(profile, "alpha", 0, 1)
        self._weights = np.array([1 - self._alpha, self._alpha])
        self._a = VllmGumbelScorer(profile, derive_key(key, b"key_a"))
        self._b = VllmGumbelScorer(profile, derive_key(key, b"key_b"))

    def marks(self, ids: IntArray) -> Marks:
        """As with one key; the value is key A's cell in the upper and key B's in the lower 24 of 48 bits."""
        a, b = self._a.marks(ids), self._b.marks(ids)
        return Marks(a.fingerprints, (a.values << np.uint64(BITS)) | b.values, a.positions)

    def judge(self, marks: Marks) -> Evidence:
        """Chernoff's bound on Σ (1 - alpha) E_a + alpha E_b, or the Gamma law where that is the law."""
        scores = self._exponentials(marks)
        used = self._weights > 0
        if self._alpha in (0, 0.5, 1) and marks.weights is None:
            evidence = bounded_gamma(scores[used].ravel(), None, BITS)
            statistic = evidence.statistic * float(self._weights.max())
            return Evidence(len(marks), statistic, evidence.log_p, evidence.law, exact=False)
        pairs = np.ones(len(marks)) if marks.weights is None else marks.weights
        weights = np.outer(self._weights, pairs)
        return chernoff_bound(float((weights * scores).sum()), weights.ravel(), len(marks), BITS)

    def scores(self, marks: Marks) -> FloatArray:
        """(1 - alpha) E_a + alpha E_b of each pair."""
        scores: FloatArray = self._weights @ self._exponentials(marks)
        return scores

    @staticmethod
    def _exponentials(marks: Marks) -> FloatArray:
        cells = np.stack([marks.values >> np.uint64(BITS), marks.values & _MASK24])
        return lower_exponentials(cells, BITS)

    def engine_score(self, ids: IntArray) -> EngineScore:
        """`DualKeyGumbelWatermarkDetector`: moments matched, too small far out, right in log space."""
        scored = self._a.first_contexts(ids)
        cells = np.stack([scorer.hashes(ids)[scored] >> _CELL for scorer in (self._a, self._b)])
        statistic = float(self._weights @ engine_exponentials(cells).sum(axis=1))
        variance = float(self._weights @ self._weights)
        shape: float = len(scored) / variance
        if self._alpha in (0, 0.5, 1):
            shape = round(shape)
        return EngineScore(len(scored), statistic, float(gamma.log_sf(statistic / variance, shape)), RULE)


def _padded(ids: IntArray, width: int) -> UIntArray:
    """The document after `width` times -1, modulo 2^32."""
    before = np.full(width, -1)
    padded: UIntArray = np.concatenate([before, ids]).astype(np.uint64) & np.uint64(0xFFFFFFFF)
    return padded


def _check(profile: Profile, parameters: set[str]) -> None:
    check_version(profile, "vllm", VERSIONS)
    check_parameters(
        profile, parameters | {"deduplicate_contexts_max_history", "allow_target_only_watermarking"}
    )
    if profile.prf != PRF:
        raise Error(f"scheme {profile.scheme} uses {PRF}, and the profile names another function")
    if profile.deduplication not in SCOPES:
        raise Error(
            "the profile's deduplication is not one that vLLM has", hint=f"vLLM has {', '.join(SCOPES)}"
        )


class VllmGumbel:
    """One key, as a plug-in. Key file: vLLM's integer, decimal or 0x hex."""

    name = NAME
    weak = WEAK

    def check(self, profile: Profile) -> None:
        """The release, and vLLM's own settings."""
        _check(profile, set())

    def bind(self, profile: Profile, key: Secret) -> Scorer:
        """With the key of vLLM's configuration."""
        return VllmGumbelScorer(profile, integers(key, 1, 0, MOST)[0])


class VllmDualKeyGumbel:
    """Two keys, as a plug-in. Key file: vLLM's one integer, of which both are derived."""

    name = DUAL_NAME
    weak = WEAK

    def check(self, profile: Profile) -> None:
        """The release, vLLM's own settings, and alpha from 0 to 1."""
        _check(profile, {"alpha"})
        number(profile, "alpha", 0, 1)

    def bind(self, profile: Profile, key: Secret) -> Scorer:
        """With the key of vLLM's configuration."""
        return VllmDualKeyGumbelScorer(profile, integers(key, 1, 0, MOST)[0])
