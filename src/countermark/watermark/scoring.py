"""Scores of bodies of text under a key: distinct pairs, the scheme's law, and the engine's own number
beside it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from countermark import plugins
from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import Secret, read_secret
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.profile import Profile, check_profile, read_profile
from countermark.watermark.schemes.base import (
    EngineScore,
    Evidence,
    FloatArray,
    IntArray,
    Marks,
    Scheme,
    Scorer,
)

LN10 = math.log(10)
SMALLEST = 2.2250738585072014e-308
"""`p_value` is never given below this, the smallest normal float64; its logarithm is the figure."""
MAX_ID = (1 << 32) - 1
MAX_WEIGHT = 1e6


@dataclass(frozen=True)
class Document:
    """Token ids of one text, with an optional weight for each token, chosen without the key."""

    ids: IntArray
    weights: FloatArray | None = None


@dataclass(frozen=True)
class Score:
    """What one body shows under one key; the null is that the body is independent of this key."""

    profile_id: str
    evidence: Evidence
    engine: EngineScore | None
    """What the engine's own detector would say; None where it has none, or the body has several documents."""
    weak: str

    @property
    def log10_p(self) -> float:
        """Right also where the p-value underflows."""
        return self.evidence.log_p / LN10

    def to_dict(self) -> dict[str, Any]:
        """Fields of an output line, without the id."""
        engine_log_p = self.engine.log_p if self.engine else None
        fields: dict[str, Any] = {
            "profile": self.profile_id,
            "scored_tokens": self.evidence.scored,
            "statistic": self.evidence.statistic,
            "p_value": p_value(self.evidence.log_p),
            "log10_p_value": _log10(self.evidence.log_p),
            "law": self.evidence.law,
            "exact": self.evidence.exact,
            "engine_p_value": None if engine_log_p is None else p_value(engine_log_p),
            "engine_log10_p_value": None if engine_log_p is None else _log10(engine_log_p),
            "engine_statistic": self.engine.statistic if self.engine else None,
        }
        if self.evidence.log_saddlepoint is not None:
            fields["saddlepoint_log10_p"] = _log10(self.evidence.log_saddlepoint)
        if self.weak:
            fields["weak"] = self.weak
        return fields


def p_value(log_p: float) -> float:
    """The p-value itself, never below `SMALLEST`."""
    return max(math.exp(min(log_p, 0.0)), SMALLEST)


def _log10(log_p: float) -> float | None:
    """None for a p-value of zero: an outcome that the null cannot give at all."""
    return log_p / LN10 + 0.0 if math.isfinite(log_p) else None


@dataclass(frozen=True)
class Detector:
    """A profile's scheme bound to a key, with what stands in every result."""

    profile: Profile
    profile_id: str
    scorer: Scorer
    weak: str
    origin: plugins.Origin

    @staticmethod
    def open(profile: Profile, key: Secret) -> "Detector":
        """Load the profile's scheme, check the profile, parse the key."""
        scheme, origin = load_scheme(profile)
        return Detector(profile, profile.profile_id, scheme.bind(profile, key), scheme.weak, origin)

    def score(self, documents: Sequence[Document]) -> Score:
        """Score documents as one body: every pair counts once over all of them."""
        evidence = self.scorer.judge(self.distinct_marks(documents))
        alone = documents[0].ids if len(documents) == 1 else None
        engine = None if alone is None else self.scorer.engine_score(alone)
        return Score(self.profile_id, evidence, engine, self.weak)

    def distinct_marks(self, documents: Sequence[Document]) -> Marks:
        """First occurrences of the marks of all documents."""
        parts = [self.marks(document) for document in documents]
        marks = parts[0] if len(parts) == 1 else joined(parts)
        return marks.at(first_occurrences(marks.fingerprints))

    def marks(self, document: Document) -> Marks:
        """The marks of a document, repeats included, with its weights."""
        check_ids(document.ids, self.profile)
        marks = self.scorer.marks(document.ids)
        if document.weights is None:
            return marks
        check_weights(document.weights, document.ids)
        return Marks(marks.fingerprints, marks.values, marks.positions, document.weights[marks.positions])


def joined(parts: Sequence[Marks]) -> Marks:
    """Marks of several documents one after the other; weights where all have them."""
    if not parts:
        return Marks.empty()
    weights = [part.weights for part in parts if part.weights is not None]
    if weights and len(weights) != len(parts):
        raise Error("some documents of the body have weights and some have none", exit_code=ExitCode.NO_INPUT)
    return Marks(
        np.concatenate([part.fingerprints for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.positions for part in parts]),
        np.concatenate(weights) if weights else None,
    )


def load_scheme(profile: Profile) -> tuple[Scheme, plugins.Origin]:
    """The scheme that a profile names, checked against the profile."""
    check_profile(profile)
    plugin = plugins.load(plugins.SCHEMES, profile.scheme)
    scheme: Scheme = plugin.factory()
    scheme.check(profile)
    return scheme, plugin.origin


def check_ids(ids: IntArray, profile: Profile) -> None:
    """Raise unless every id is one that the profile's tokenizer could have given."""
    if not len(ids):
        return
    limit = profile.tokenizer.vocab_size or MAX_ID + 1
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= limit:
        raise Error(
            f"token id {low if low < 0 else high} is outside the vocabulary of {limit:,}",
            hint="were these ids made with the profile's tokenizer?",
            exit_code=ExitCode.NO_INPUT,
        )


def check_weights(weights: FloatArray, ids: IntArray) -> None:
    """Raise unless there is one weight a token, finite, not negative and not beyond reason."""
    if weights.shape != ids.shape:
        raise Error("there is not one weight a token", exit_code=ExitCode.NO_INPUT)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (weights <= MAX_WEIGHT).all()):
        raise Error(f"a weight is not between 0 and {MAX_WEIGHT:g}", exit_code=ExitCode.NO_INPUT)


def score(
    profile: Profile | Path | Mapping[str, Any],
    key: Secret | Path | str | int | Sequence[int],
    token_ids: ArrayLike,
    *,
    weights: ArrayLike | None = None,
) -> Score:
    """Score one document of token ids, shape (n,), as `countermark watermark score` does a line.

    `profile` may be a file's path; `key` a key file's path, or its content: hex digits, an integer, or one
    integer a layer.
    """
    known = _profile(profile)
    given = np.asarray(token_ids)
    ids = given.astype(np.int64)
    if ids.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise Error("token ids are one sequence of integers", exit_code=ExitCode.NO_INPUT)
    chosen = None if weights is None else np.asarray(weights, dtype=np.float64)
    return Detector.open(known, as_secret(key)).score([Document(ids, chosen)])


def _profile(profile: Profile | Path | Mapping[str, Any]) -> Profile:
    if isinstance(profile, Path):
        return read_profile(profile).profile
    return profile if isinstance(profile, Profile) else msgspec.convert(profile, Profile)


def as_secret(key: Secret | Path | str | int | Sequence[int]) -> Secret:
    """The content of a key file, read, or from what a caller holds in memory."""
    if isinstance(key, Path):
        return read_secret(key)
    if isinstance(key, Secret):
        return key
    lines = [key] if isinstance(key, str | int) else key
    return Secret("\n".join(str(line) for line in lines).encode())
