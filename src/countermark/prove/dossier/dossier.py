"""Everything a report, a claim or a draft may say of a case: what its package holds, and what people state.

The package is read once, verified, and gathered here; nothing later opens it again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from countermark.prove.custody.custody import Custody
from countermark.prove.custody.terms import Acceptance, TermsEntry
from countermark.prove.dossier.exposures import KeyExposure
from countermark.prove.dossier.proficiency import Proficiency
from countermark.prove.dossier.runs import LoggedRun
from countermark.prove.dossier.statements import PersonsStatement
from countermark.prove.package.case import Case
from countermark.prove.verifying.verification import Verification
from countermark.records.attributions import Attribution

ExhibitKind = Literal[
    "networks",  # findings: accounts that act as one
    "members",  # the accounts of each network, with an error rate each
    "requests",  # EVENTS, or their digests
    "corpus-marks",  # scan
    "text-marks",  # attribution: text
    "answer-marks",  # attribution: radioactivity
    "canaries",  # attribution: canary
    "lineage",
    "identity",
    "plan",
    "log",  # the public log with its openings and checkpoints
    "terms",
    "acceptances",
    "custody",
    "acquisition",
    "hold",
    "timestamp",
    "run",  # what came out of a run that is no result
    "negative-controls",  # the panel of a result, or a file beside the package
    "key-exposure",  # `watermark exposure --json`
    "proficiency",  # blind proficiency trials
    "damages",  # inputs of the damages workbook
    "statement",  # a file that a person's statement names
]
EXHIBIT_KINDS: tuple[str, ...] = ExhibitKind.__args__  # type: ignore[attr-defined]  # typing has no accessor
RESULT_KINDS = ("networks", "corpus-marks", "text-marks", "answer-marks", "canaries", "lineage", "identity")
"""Kinds that are tests with an outcome; all others are records."""
Outcome = Literal["shown", "not shown", "record"]
"""Of an exhibit: a test passed; a test was made and did not pass (or is inconclusive); a record, no test."""


UNCHECKED = "confirmatory, as the package says"
"""Class of a result that was not worked out again on verification, since there is no trust file."""


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """One exhibit."""

    number: int
    """From 1, in the order of the exhibit list."""
    kind: ExhibitKind
    title: str
    """In plain words."""
    name: str
    """Name in the package (`data/…`), or of a file that stands beside it."""
    sha256: str
    sealed: bool
    """Whether the seal covers it; else the digest was taken when the report was made."""
    outcome: Outcome = "record"
    result_class: str = ""
    """`confirmatory` or `exploratory` of a result; `UNCHECKED` where only the package says confirmatory."""
    fact: str = ""
    """Of a `statement`: the fact that it is about."""


@dataclass(frozen=True, kw_only=True)
class Dossier:
    """A case, read."""

    case: Case
    sealed: bool
    """False for a case folder that was packed for this report only: a working paper."""
    package_sha256: str
    """Of the zip; of a folder that of its tag manifest; empty where nothing is sealed."""
    verification: Verification
    capture: Mapping[str, Any]
    findings: Mapping[str, Any]
    method: Mapping[str, Any]
    scan: Mapping[str, Any] | None
    attributions: Sequence[Attribution]
    """In the order of the package; their steps are `attribute-1` and so on."""
    results: Sequence[Mapping[str, Any]]
    """Entries of `results.json` with the class that was found on verification."""
    plans: Mapping[str, Mapping[str, Any]]
    """By plan id."""
    custody: Custody
    terms: Sequence[TermsEntry]
    statements: Sequence[PersonsStatement]
    """What named persons state, from the facts file; none without one."""
    parties: Mapping[str, str] = field(default_factory=dict)
    """`claimant`, `defendant` and so on, as the facts file has them."""
    exhibits: Sequence[Exhibit]
    runs: Sequence[LoggedRun] = ()
    """The matter's runs in the log, those that stay closed too; none where the log was not checked."""
    committed: Mapping[str, str] = field(default_factory=dict)
    """By commitment to a key or canary: the day since which it is shown in the log, and who says so."""
    proficiency: Proficiency | None = None
    """Blind trials of the procedure; None: its error rate was not measured."""
    exposures: Sequence[KeyExposure] = ()
    """How far each key and its outputs are out."""
    acceptances: Path | None = None
    """The sealed table of acceptances: one a line, null in the place of a field that was taken out."""
    members: Path | None = None
    """The sealed table of members: `campaign_id`, `account_id` and so on, a line each, likewise."""

    def of_kind(self, *kinds: str) -> Iterator[Exhibit]:
        """The exhibits of these kinds, in order."""
        return (one for one in self.exhibits if one.kind in kinds)

    def stated(self, fact: str) -> Iterator[PersonsStatement]:
        """What persons state of a fact."""
        return (one for one in self.statements if one.fact == fact)


__all__ = ["EXHIBIT_KINDS", "Acceptance", "Dossier", "Exhibit", "ExhibitKind", "Outcome"]
