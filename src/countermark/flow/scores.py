"""Scores of texts, and marked spans of long ones, in a case or outside."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from countermark.flow.case_runs import CaseRun, InCase, case_run
from countermark.prove.package.trustfile import read_trust
from countermark.records.canonical import file_sha256, sha256_hex
from countermark.watermark.decisions import DEFAULT_ALPHA
from countermark.watermark.examination import Examination, Row
from countermark.watermark.key_pools import read_keys
from countermark.watermark.locate import Located, SpanSearch
from countermark.watermark.profile import Profile, read_profile
from countermark.watermark.schemes.base import NULL

ProgressCall = Callable[[float, float], None]


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """What `watermark score` and `locate` are asked."""

    profile: Path
    source: Path
    """JSON lines of bodies."""
    key_file: Path | None = None
    key_pool: Path | None = None
    """Exactly one of the two."""
    tokenizer: Path | None = None
    as_one: bool = False
    alpha: float = DEFAULT_ALPHA
    case: InCase = field(default_factory=InCase)
    trust: Path | None = None


@dataclass(frozen=True)
class ScoreAnswer:
    """What came out of one run."""

    profile: Profile
    rows: list[Row]
    alpha: float
    run: CaseRun

    def to_dict(self) -> dict[str, Any]:
        """What stands above the rows."""
        return heading(self.profile, self.alpha, self.run)


def heading(profile: Profile, alpha: float, run: CaseRun) -> dict[str, Any]:
    """What stands above an answer: profile, null, level, family, and the run in a case."""
    fields = {"profile": profile.profile_id, "null": NULL, "alpha": alpha, "family": run.family}
    return fields | run.to_dict()


def as_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as `--out` writes them; the outcome of a run in a case has the digest of that file."""
    lines = (json.dumps(row, allow_nan=False, ensure_ascii=False) + "\n" for row in rows)
    return "".join(lines).encode()


def open_profile(path: Path, trust: Path | None) -> Profile:
    """A profile; with a trust file one of its signers must have signed it."""
    signed = read_profile(path)
    if trust:
        accepted = read_trust(trust)
        signed.check_signed_by(accepted.keys, accepted.threshold)
    return signed.profile


def score_bodies(options: ScoreOptions, progress: ProgressCall | None = None) -> ScoreAnswer:
    """Score bodies under a key or a pool of keys."""
    profile = open_profile(options.profile, options.trust)
    keys = read_keys(options.key_file, options.key_pool)
    asked = Examination.read(profile, keys, options.source, options.tokenizer, as_one=options.as_one)
    digests = {"input": file_sha256(options.source)}
    with case_run(options.case, profile, asked.pool.keys, len(asked.bodies), digests) as run:
        rows = asked.score(options.alpha, run.family, progress)
        run.answer = [row.to_dict() for row in rows]
        run.files["scores.jsonl"] = sha256_hex(as_lines(run.answer))
    return ScoreAnswer(profile, rows, options.alpha, run)


@dataclass(frozen=True)
class LocateAnswer:
    """Marked spans of long documents."""

    profile: Profile
    found: Located
    alpha: float
    run: CaseRun

    def to_dict(self) -> dict[str, Any]:
        """What stands above the spans."""
        counts = {"family": self.found.family, "documents": self.found.documents, "tried": self.found.tried}
        return heading(self.profile, self.alpha, self.run) | counts


def locate_spans(options: ScoreOptions, progress: ProgressCall | None = None) -> LocateAnswer:
    """Find the marked spans of every body, under one key."""
    profile = open_profile(options.profile, options.trust)
    (key,) = read_keys(options.key_file, None).keys
    asked = SpanSearch.read(profile, key, options.source, options.tokenizer)
    digests = {"input": file_sha256(options.source)}
    with case_run(options.case, profile, [key], asked.hypotheses, digests) as run:
        found = asked.search(options.alpha, None if run.number is None else run.family, progress)
        run.answer = [span.to_dict() for span in found.spans]
        run.files["spans.jsonl"] = sha256_hex(as_lines(run.answer))
    return LocateAnswer(profile, found, options.alpha, run)
