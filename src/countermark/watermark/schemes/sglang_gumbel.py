"""SGLang's Aaronson-Gumbel mark, with one key and with two (sglang/srt/sampling/watermarking, releases
0.5.22 and 0.5.23).

**What is marked.** The context of a token is the `context_window` ids before it, of the prompt too. Without
the prompt the first `context_window` tokens of a document have an unknown context and are left out. SGLang
hashes a context to 32 bits, so pairs with one context hash and one token are one piece of evidence. Within
a request a context marks once, and only the first 4,096 contexts mark; a document may hold several answers,
so nothing is cut off here. A request may ask for a smaller window than the server's; a profile has one.

**Two keys.** A coin of both keys and the context hash says which of them marks (key A at
`mixing_probability`), so each pair has one outcome and the law is that of one key.

Its SynthID is in no release: none of 0.5.19 to 0.5.23 has a file or a custom logits processor of it.
"""

import numpy as np

from countermark.errors import Error, ExitCode
from countermark.stats import gamma
from countermark.trust.keyfiles import Secret
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.prf import murmur
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
from countermark.watermark.schemes.exponentials import bounded_gamma, lower_exponentials
from countermark.watermark.schemes.integer_keys import MOST, integers

NAME = "sglang-gumbel"
PRF = "murmur3-x86-32"
VERSIONS = ("0.5.22", "0.5.23")
DEDUPLICATION = "request"
WEAK = (
    "32 effective bits of key (every 64-bit key has some 2^32 equals), found from one scored pair: a "
    "published figure is as good as the key; MurmurHash3 is not ideal, as the p-value takes it to be: by "
    'SGLang\'s own words "not a cryptographic PRF"'
)
MAX_CONTEXTS = 4096
"""SGLang marks, and its detector scores, so many contexts of a request."""
RULE = f"each context once, the first {MAX_CONTEXTS:,} of a document"
BITS = 32
_SMALLEST = 2.0**-BITS
_OTHER_SEED = 0x9747B28C
"""Two hashes of a context, with SGLang's seed and with this one, tell contexts apart."""


class SglangGumbelScorer:
    """The mark of one key, or of two of which a coin takes one at each context."""

    cell_bits = BITS

    def __init__(self, profile: Profile, keys: list[int]) -> None:
        self._width = profile.context_width
        self._keys = [np.array([key & 0xFFFFFFFF, key >> 32], np.uint64) for key in keys]
        mixing = number(profile, "mixing_probability", _SMALLEST, 1 - _SMALLEST) if len(keys) == 2 else 1.0
        self._threshold = np.uint64(int(mixing * (1 << BITS)))

    def marks(self, ids: IntArray) -> Marks:
        """Every token with a whole context before it; the value has 32 bits, of the key in charge."""
        if len(ids) and int(ids.max()) >> 31:
            # pairs that differ in bit 31 alone can share their outcome under every key
            raise Error("a token id is 2^31 or more", exit_code=ExitCode.NO_INPUT)
        words = ids.astype(np.uint64) & np.uint64(0xFFFFFFFF)
        contexts = murmur.hash_contexts(words, self._width, 0)
        tokens = words[self._width :]
        fingerprints = (contexts << np.uint64(BITS)) | tokens
        return Marks(
            fingerprints,
            self._outcomes(contexts, tokens),
            np.arange(self._width, self._width + len(contexts)),
        )

    def _outcomes(self, contexts: UIntArray, tokens: UIntArray) -> UIntArray:
        outcomes: list[UIntArray] = [murmur.hash_tokens(contexts, tokens, *key) for key in self._keys]
        if len(self._keys) == 1:
            return outcomes[0]
        use_a = murmur.coins(contexts, *self._keys) < self._threshold
        return np.where(use_a, *outcomes)

    def judge(self, marks: Marks) -> Evidence:
        """Gamma law as a bound; with weights Chernoff's bound."""
        return bounded_gamma(self.scores(marks), marks.weights, BITS)

    def scores(self, marks: Marks) -> FloatArray:
        """Lower end of each cell's exponential."""
        return lower_exponentials(marks.values, BITS)

    def engine_score(self, ids: IntArray) -> EngineScore:
        """The `combined` figures of `WatermarkDetector.detect_tokens` without a prompt."""
        marks = self.marks(ids)
        contexts = marks.fingerprints >> np.uint64(BITS)
        words = ids.astype(np.uint64) & np.uint64(0xFFFFFFFF)
        other = murmur.hash_contexts(words, self._width, _OTHER_SEED)
        scored = np.flatnonzero(first_occurrences((contexts << np.uint64(BITS)) | other))[:MAX_CONTEXTS]
        uniforms = (marks.values[scored].astype(np.float64) + 0.5) * 2.0**-BITS
        statistic = float(-np.log1p(-uniforms).sum())
        return EngineScore(len(scored), statistic, float(gamma.log_sf(statistic, len(scored))), RULE)


class SglangGumbel:
    """The scheme as a plug-in.

    Key file: SGLang's key, whose config writes hex without saying so: 0x and its digits (or in decimal). With
    `dual_key` two lines: key A, then key B.
    """

    name = NAME
    weak = WEAK

    def check(self, profile: Profile) -> None:
        """The release; `dual_key`, `max_probability` and, with two keys, `mixing_probability`."""
        check_version(profile, "sglang", VERSIONS)
        dual = profile.parameters.get("dual_key")
        known = {"dual_key", "max_probability"}
        check_parameters(profile, known | {"mixing_probability"} if dual is True else known)
        if not isinstance(dual, bool):
            raise Error("the profile's parameter dual_key is not true or false", hint=f"{NAME} needs it")
        if dual:
            number(profile, "mixing_probability", _SMALLEST, 1 - _SMALLEST)
        number(profile, "max_probability", _SMALLEST, 1)
        if profile.prf != PRF:
            raise Error(f"scheme {NAME} uses {PRF}, and the profile names another function")
        if profile.deduplication != DEDUPLICATION:
            raise Error(f"the profile's deduplication is not SGLang's, which is {DEDUPLICATION}")

    def bind(self, profile: Profile, key: Secret) -> Scorer:
        """With one key or two."""
        return SglangGumbelScorer(profile, integers(key, 2 if profile.parameters["dual_key"] else 1, 0, MOST))
