"""One key against the windows of a body: the scheme's law or bound, and the key's rank among decoy keys.

The rank needs nothing of the text and nothing of the keyed function: under the null a key that was drawn at
random and committed to is exchangeable with decoys drawn the same way, so p = (1 + decoys at least as high)
/ (decoys + 1), whatever dependence the text has in itself. Its floor is 1 / (decoys + 1).

**Which counts.** The law, unless the rank is more than ten times as large and above its floor; then the rank.
At the floor the two cannot be told apart. So what counts is never below the law.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from countermark.records.canonical import sha256_hex
from countermark.stats import chernoff
from countermark.trust.keyfiles import Secret
from countermark.trust.seeds import seed_of
from countermark.watermark.decoys import draw_keys
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.key_names import check_key_is_named, name_of_key
from countermark.watermark.profile import Profile
from countermark.watermark.schemes.base import Evidence, FloatArray, IntArray, Marks
from countermark.watermark.scoring import Detector, load_scheme
from countermark.watermark.windows import Exponential, PairScorer, marks_of, statistic_of, window_length

DISAGREE = math.log(10.0)
DECOYS = 999
BY_SCHEME = "by scheme"
"""For a record: how many decoys where nobody says."""
MOST_DECOYS = 1_000_000
SLOW_DECOYS = 99
"""Of green lists, whose keys each draw their own lists."""


@dataclass(frozen=True)
class Key:
    """A key of ours with its profile."""

    profile: Profile
    secret: Secret

    @cached_property
    def name(self) -> str:
        """The public name, 16 hex digits."""
        return name_of_key(self.secret)

    @cached_property
    def detector(self) -> Detector:
        """The scheme under this key; raises `Error` for a malformed key, or one of another name."""
        check_key_is_named(self.profile, self.secret)
        return Detector.open(self.profile, self.secret)

    @property
    def length(self) -> int:
        """Ids in a window."""
        return window_length(self.profile)

    def scores(self, windows: IntArray) -> FloatArray | None:
        """A score a window, shape (n,), NaN where the scheme leaves it out; None where it has none."""
        scorer = self.detector.scorer
        if not isinstance(scorer, PairScorer):
            return None
        marks, scores = marks_of(scorer, windows), np.full(len(windows), np.nan)
        scores[marks.positions] = scorer.scores(marks)
        return scores


@dataclass(frozen=True)
class Rank:
    """A key among decoys."""

    decoys: int
    above: int
    """Decoys with a statistic at least as high."""

    @property
    def p_value(self) -> float:
        """(1 + above) / (decoys + 1)."""
        return (1 + self.above) / (self.decoys + 1)

    @property
    def floor(self) -> float:
        """The smallest p-value that so many decoys allow."""
        return 1 / (self.decoys + 1)


@dataclass(frozen=True)
class Judged:
    """What a body shows under one key."""

    evidence: Evidence
    rank: Rank | None

    @property
    def log_p(self) -> float:
        """Natural log of the p-value that counts."""
        return math.log(self.rank.p_value) if self.rank_counts and self.rank else self.evidence.log_p

    @property
    def rank_counts(self) -> bool:
        """Whether the rank says more than ten times as much as the law, above its floor."""
        rank = self.rank
        return rank is not None and rank.above > 0 and math.log(rank.p_value) > self.evidence.log_p + DISAGREE


def judge(key: Key, windows: IntArray, weights: FloatArray | None, decoys: Sequence[Secret] = ()) -> Judged:
    """Judge distinct windows, shape (n, length).

    Optional weights, shape (n,), are made without the key; where the scheme `takes_signs`, of either sign.
    """
    marks = chosen_marks(key.detector, windows, weights)
    evidence = evidence_of(key.detector, marks)
    if not decoys:
        return Judged(evidence, None)
    own = statistic_of(key.detector.scorer, marks)
    others = decoy_statistics(key, windows, weights, decoys)
    return Judged(evidence, Rank(len(decoys), int((others >= own).sum())))


def takes_signs(detector: Detector) -> bool:
    """Whether the scheme's scores are single exponentials, so that weights may be negative."""
    return isinstance(detector.scorer, Exponential)


def evidence_of(detector: Detector, marks: Marks) -> Evidence:
    """The scheme's own judgement; with negative weights Chernoff's bound on the signed sum."""
    scorer = detector.scorer
    if marks.weights is None or not (marks.weights < 0).any() or not isinstance(scorer, Exponential):
        return scorer.judge(marks)
    kinds, counts = np.unique(marks.weights, return_counts=True)
    statistic = statistic_of(scorer, marks)
    law = "Chernoff bound, exponentials with weights of either sign"
    if kinds[-1] <= 0:
        return Evidence(len(marks), statistic, 0.0, law, exact=False)
    tail = chernoff.signed_exponentials(statistic, kinds, counts, 2.0**-scorer.cell_bits)
    return Evidence(len(marks), statistic, tail.log_bound, law, False, tail.log_saddlepoint)


def chosen_marks(detector: Detector, windows: IntArray, weights: FloatArray | None) -> Marks:
    """Marks of the windows with a weight, each fingerprint once."""
    used = None if weights is None else np.flatnonzero(weights)
    marks = marks_of(detector.scorer, windows if used is None else windows[used])
    if weights is not None and used is not None:
        marks = Marks(marks.fingerprints, marks.values, marks.positions, weights[used][marks.positions])
    return marks.at(first_occurrences(marks.fingerprints))


def decoy_statistics(
    key: Key, windows: IntArray, weights: FloatArray | None, decoys: Sequence[Secret]
) -> FloatArray:
    """The same statistic under every decoy, shape (decoys,)."""
    used = None if weights is None else np.flatnonzero(weights)
    kept = windows if used is None else windows[used]
    of_kept = None if weights is None or used is None else weights[used]
    found = np.empty(len(decoys))
    scheme, _ = load_scheme(key.profile)  # once: a plug-in's origin is read anew each time
    for at, secret in enumerate(decoys):
        detector = replace(key.detector, scorer=scheme.bind(key.profile, secret))
        found[at] = statistic_of(detector.scorer, chosen_marks(detector, kept, of_kept))
    return found


def decoys_for(key: Key, windows: IntArray, count: int | None, seed: Secret | None) -> list[Secret]:
    """Decoy keys by the seed of this body; None takes the scheme's usual number."""
    number = default_decoys(key.profile) if count is None else count
    if not number:
        return []
    body = sha256_hex(np.ascontiguousarray(windows).astype("<i8").tobytes())
    start = seed_of(seed, "decoy keys", key.profile.profile_id, body)
    return draw_keys(key.profile, np.random.default_rng(start), number)


def default_decoys(profile: Profile) -> int:
    """How many decoys where nobody says."""
    return SLOW_DECOYS if profile.scheme == "transformers-green-list" else DECOYS
