"""Which spans of long documents are marked, with the family-wise error over all spans that were tried held.

Tried are spans of 16, 32, 64, … distinct pairs, every half length, and one at the end. Each is judged by the
scheme's own law; Holm over all spans of all documents allows for any dependence among them, so overlaps cost
power and never validity. Of the spans that pass, the best is taken, then the best that is disjoint of it, …
Where the statistic is a sum of scores, a span's likely limits are estimated too: those between which the sum
of score minus the middle of the null mean and the span's own is largest. They carry no p-value.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import Secret
from countermark.watermark.additive import Additive
from countermark.watermark.bodies import Body, read_bodies
from countermark.watermark.decisions import Decision, decide
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.key_names import check_key_is_named
from countermark.watermark.profile import Profile
from countermark.watermark.schemes.base import FloatArray, IntArray, Marks, Scorer
from countermark.watermark.scoring import LN10, Detector, p_value
from countermark.watermark.tokens import Tokens

SHORTEST = 16
"""Pairs of the shortest spans."""


@dataclass(frozen=True)
class Tried:
    """The spans of one document, as arrays of one length, over its distinct pairs."""

    starts: IntArray
    stops: IntArray
    log_p: FloatArray
    marks: Marks
    scores: FloatArray | None
    """Of each pair; None for a scheme whose statistic is no sum."""
    null_mean: float = 0.0
    """Of a score."""


@dataclass(frozen=True)
class Span:
    """A marked span: token indices from 0, the end being the first that is not in it."""

    name: str
    start: int
    end: int
    likely_start: int
    likely_end: int
    pairs: int
    log_p: float
    decision: Decision
    characters: tuple[int, int] | None = None
    """The same span in the text, where the input was text."""

    def to_dict(self) -> dict[str, Any]:
        """Fields of an output line."""
        fields: dict[str, Any] = {
            "id": self.name,
            "start": self.start,
            "end": self.end,
            "likely_start": self.likely_start,
            "likely_end": self.likely_end,
            "scored_tokens": self.pairs,
            "p_value": p_value(self.log_p),
            "log10_p_value": self.log_p / LN10 + 0.0 if np.isfinite(self.log_p) else None,
        }
        if self.characters is not None:
            fields["start_character"], fields["end_character"] = self.characters
        return fields | self.decision.to_dict()


@dataclass(frozen=True)
class Located:
    """What was found, and how many spans were tried."""

    spans: list[Span]
    tried: int
    family: int
    documents: int


def span_limits(pairs: int) -> tuple[IntArray, IntArray]:
    """Starts and stops of all spans over so many pairs; a document of fewer than SHORTEST is one span."""
    if not pairs:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    lengths = [min(SHORTEST, pairs)]
    while 2 * lengths[-1] <= pairs:
        lengths.append(2 * lengths[-1])
    if lengths[-1] < pairs:
        lengths.append(pairs)
    starts = [
        np.unique(np.append(np.arange(0, pairs - length + 1, max(length // 2, 1)), pairs - length))
        for length in lengths
    ]
    sizes = np.repeat(lengths, [len(one) for one in starts])
    begins = np.concatenate(starts).astype(np.int64)
    return begins, begins + sizes


def try_spans(scorer: Scorer, marks: Marks) -> Tried:
    """Judge every span of a document's marks."""
    marks = marks.at(first_occurrences(marks.fingerprints))
    starts, stops = span_limits(len(marks))
    if isinstance(scorer, Additive):
        scores = scorer.scores(marks)
        running = np.concatenate([[0.0], np.cumsum(scores)])
        log_p = scorer.log_tails(running[stops] - running[starts], stops - starts)
        return Tried(starts, stops, log_p, marks, scores, scorer.null_mean)
    judged = [
        scorer.judge(marks.at(slice(start, stop))).log_p
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)
    ]
    return Tried(starts, stops, np.array(judged, np.float64), marks, None)


@dataclass(frozen=True)
class SpanSearch:
    """What is asked: every span of every body under one key."""

    detector: Detector
    bodies: Sequence[tuple[Body, Any]]
    """Bodies that hold something to score, each with the offsets of its tokens where it was text."""

    @property
    def hypotheses(self) -> int:
        """At most so many spans are tried; known before anything is scored."""
        return sum(len(span_limits(len(body.document.ids))[0]) for body, _ in self.bodies)

    @staticmethod
    def read(profile: Profile, key: Secret, source: Path, tokenizer: Path | None) -> "SpanSearch":
        """Read and check all bodies and the key; an `Error` (exit code 3) where there is nothing to score."""
        detector = Detector.open(profile, key)
        check_key_is_named(profile, key)
        bodies = [one for one in _bodies(source, profile, tokenizer) if not one[0].problem]
        if not bodies:
            raise Error(f"{source} holds nothing to score", exit_code=ExitCode.NO_INPUT)
        return SpanSearch(detector, bodies)

    def search(
        self,
        alpha: float,
        family: int | None = None,
        progress: Callable[[float, float], None] | None = None,
    ) -> Located:
        """Marked spans of every body; `family` is the correction's size where more was asked than these."""
        tried: list[tuple[Body, Any, Tried]] = []
        for body, offsets in self.bodies:
            marks = self.detector.scorer.marks(body.document.ids)
            tried.append((body, offsets, try_spans(self.detector.scorer, marks)))
            if progress:
                progress(len(tried), len(self.bodies))
        count = sum(len(one.starts) for _, _, one in tried)
        size = max(count, family or 0)
        log_p = np.concatenate([one.log_p for _, _, one in tried])
        # Holm steps down from the smallest; what is above alpha without any correction cannot pass
        candidates = np.flatnonzero(log_p <= np.log(alpha))
        decided = decide(log_p[candidates].tolist(), alpha, size)
        decisions = dict(zip(candidates.tolist(), decided, strict=True))
        spans, at = [], 0
        for body, offsets, one in tried:
            passing = {i: decisions[at + i] for i in range(len(one.starts)) if _passes(decisions.get(at + i))}
            spans += [_span(body.name, one, i, passing[i], offsets) for i in _disjoint(one, sorted(passing))]
            at += len(one.starts)
        return Located(spans, count, size, len(tried))


def _passes(decision: Decision | None) -> bool:
    return decision is not None and decision.passes


def _disjoint(tried: Tried, passing: Sequence[int]) -> list[int]:
    """The best span, the best that does not touch it or its likely limits, …, in the order of the text."""
    taken: list[int] = []
    limits: list[tuple[int, int]] = []
    for index in sorted(passing, key=lambda i: (tried.log_p[i], tried.stops[i] - tried.starts[i])):
        start, stop = int(tried.starts[index]), int(tried.stops[index])
        if all(stop <= begin or start >= end for begin, end in limits):
            low, high = _likely(tried, start, stop)
            limits.append((min(start, low), max(stop, high)))
            taken.append(index)
    return sorted(taken, key=lambda i: int(tried.starts[i]))


def _likely(tried: Tried, start: int, stop: int) -> tuple[int, int]:
    """Likely limits, at most a length beyond the span: the stretch of largest sum (Kadane's algorithm)."""
    if tried.scores is None:
        return start, stop
    low, high = max(start - (stop - start), 0), min(stop + (stop - start), len(tried.scores))
    middle = 0.5 * (tried.null_mean + float(tried.scores[start:stop].mean()))
    running = np.concatenate([[0.0], np.cumsum(tried.scores[low:high] - middle)])
    lowest = np.minimum.accumulate(running)
    end = int(np.argmax(running - lowest))
    begin = int(np.argmin(running[: end + 1]))
    return (low + begin, low + end) if end > begin else (start, stop)


def _span(name: str, tried: Tried, index: int, decision: Decision, offsets: Any) -> Span:
    start, stop = int(tried.starts[index]), int(tried.stops[index])
    first, last = _tokens(tried, start, stop)
    characters = None if offsets is None else (int(offsets[first][0]), int(offsets[last - 1][1]))
    likely = _tokens(tried, *_likely(tried, start, stop))
    return Span(name, first, last, *likely, stop - start, float(tried.log_p[index]), decision, characters)


def _tokens(tried: Tried, start: int, stop: int) -> tuple[int, int]:
    positions = tried.marks.positions
    return int(positions[start]), int(positions[stop - 1]) + 1


class _OffsetTokens(Tokens):
    """Remembers where in the text the tokens of the last document were."""

    last: Any = None

    def encode(self, text: str) -> IntArray:
        if self._tokenizer is None:
            self._tokenizer = self._load()
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        self.last = encoding.offsets
        return np.array(encoding.ids, dtype=np.int64)


def _bodies(source: Path, profile: Profile, tokenizer: Path | None) -> Iterator[tuple[Body, Any]]:
    tokens = _OffsetTokens(profile, tokenizer)
    for body in read_bodies(source, tokens):
        offsets, tokens.last = tokens.last, None
        yield body, offsets
