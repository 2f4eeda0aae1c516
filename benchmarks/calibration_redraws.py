"""Statistics of a fixed text under many random keys, a scheme each; the integers are those of its scorer.

`check` scores a few keys both ways, so that what is calibrated is what `watermark score` does.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from countermark.stats import gamma
from countermark.trust.keyfiles import Secret
from countermark.watermark.decoys import draw_words
from countermark.watermark.prf import siphash
from countermark.watermark.profile import Engine, Profile, Tokenizer
from countermark.watermark.scoring import Detector, Document

PAIRS = 500
VOCABULARY = 128_256


@dataclass(frozen=True)
class Redraw:
    """One scheme: what a fixed text scores under a key, and the p-value of that."""

    name: str
    documents: int
    """So many are drawn, unless the command says otherwise."""
    law: str
    """`continuous`, `discrete` or `bound`."""
    texts: int
    statistics: Callable[[int, np.random.Generator, int], np.ndarray]
    """Text, generator of keys, number of keys to a statistic a key."""
    log_p: Callable[[int, float], float]
    """Text and statistic to the natural log of the p-value; falls with the statistic."""
    check: Callable[[], None]

    def critical(self, text: int, alpha: float) -> tuple[float, float]:
        """The least statistic that passes at alpha, and its p-value (the attained size of a discrete law)."""
        low, high = 0.0, 1.0
        while self.log_p(text, high) > math.log(alpha):
            low, high = high, 2 * high
        for _ in range(80):
            middle = (low + high) / 2
            if self.law == "discrete":
                middle = math.floor(middle)
                if middle in (low, high):
                    break
            passes = self.log_p(text, middle) <= math.log(alpha)
            low, high = (low, middle) if passes else (middle, high)
        return high, math.exp(self.log_p(text, high))


@cache
def text_ids(text: int, width: int) -> np.ndarray:
    """Four fixed texts of `PAIRS` windows, all different: random ids, a count, Zipf's, a small vocabulary."""
    generator, count = np.random.default_rng([9, text]), PAIRS + width
    if text == 0:
        return generator.integers(0, VOCABULARY, count)
    if text == 1:
        return np.arange(count)
    if text == 2:
        return np.minimum(generator.zipf(1.3, count), VOCABULARY - 1)
    return generator.integers(0, 64, count)


def siphash_redraw(width: int) -> Redraw:
    """gumbel-siphash."""
    domain = siphash.domain_word(width)

    @cache
    def words(text: int) -> np.ndarray:
        packed = siphash.pack_windows(text_ids(text, width).astype(np.uint64), width)
        return np.unique(packed, axis=1)

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        keys = draw_words(own_profile(width), generator, count)
        return np.asarray(siphash.gumbel_statistics(words(text), keys, domain))

    def log_p(text: int, statistic: float) -> float:
        return float(gamma.log_sf(statistic, words(text).shape[1]))

    def check() -> None:
        profile = own_profile(width)
        for text in range(4):
            keys = np.random.default_rng(1).integers(0, 1 << 64, (5, 2), dtype=np.uint64)
            ours = statistics(text, np.random.default_rng(1), 5)
            for (low, high), statistic in zip(keys.tolist(), ours.tolist(), strict=True):
                key = low.to_bytes(8, "little") + high.to_bytes(8, "little")
                same(profile, key.hex(), text_ids(text, width), statistic, log_p(text, statistic))

    return Redraw(f"gumbel-siphash k={width}", 10_000_000, "continuous", 4, statistics, log_p, check)


def own_profile(width: int) -> Profile:
    """Of our scheme."""
    return Profile(
        engine=Engine("countermark", "1"),
        scheme="gumbel-siphash",
        prf="siphash-2-4",
        context_width=width,
        deduplication="all",
        tokenizer=Tokenizer("ids of a benchmark"),
        key_id="benchmark",
        epoch="benchmark",
    )


def same(profile: Profile, key: str, ids: np.ndarray, statistic: float, log_p: float) -> None:
    """Raise unless the scorer says the same of one document."""
    evidence = Detector.open(profile, Secret(key.encode())).score([Document(ids.astype(np.int64))]).evidence
    pairs = ((evidence.statistic, statistic), (evidence.log_p, log_p))
    if not all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in pairs):
        raise AssertionError(f"{profile.scheme}: the redraw and the scorer differ: {pairs}")


OWN: dict[str, Callable[[], Redraw]] = {
    "siphash-4": lambda: siphash_redraw(4),
    "siphash-1": lambda: siphash_redraw(1),
}
