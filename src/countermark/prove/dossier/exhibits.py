"""The exhibit list of a case: what its package holds and what stands beside it, in a fixed order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from countermark.prove.beforehand.result_files import plan_name
from countermark.prove.custody.custody import Custody
from countermark.prove.custody.terms import TermsEntry
from countermark.prove.dossier.dossier import UNCHECKED, Exhibit, ExhibitKind, Outcome
from countermark.prove.package.layout import (
    ATTESTATIONS,
    CAPTURE_JSON,
    CUSTODY,
    ENTRIES,
    FINDINGS_JSON,
    RUNS,
    SCAN_JSON,
    TERMS,
    attribution_name,
    run_of,
)
from countermark.prove.package.tables import ACCEPTANCES, MEMBERS, REQUESTS
from countermark.records.attributions import POSITIVE, Attribution

_ATTRIBUTIONS: dict[str, tuple[ExhibitKind, str]] = {
    "text": ("text-marks", "Marks of our keys in a text"),
    "radioactivity": ("answer-marks", "Marks of our keys in what a model answers"),
    "canary": ("canaries", "Planted random items in what a model answers"),
    "lineage": ("lineage", "Weights of a model beside those of a reference"),
    "identity": ("identity", "What an endpoint answers beside a reference"),
}


@dataclass(frozen=True, kw_only=True)
class Contained:
    """What an exhibit list is made of, as a verified package holds it."""

    digests: Mapping[str, str]
    """SHA-256 of every file by name, as it is."""
    findings: Mapping[str, Any]
    scan: Mapping[str, Any] | None = None
    attributions: Sequence[Attribution] = ()
    results: Sequence[Mapping[str, Any]] = ()
    plans: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    custody: Custody = field(default_factory=Custody)
    terms: Sequence[TermsEntry] = ()


def exhibits_of(
    found: Contained, beside: Iterable[Exhibit] = (), *, sealed: bool = True, checked: bool = True
) -> list[Exhibit]:
    """All exhibits, numbered from 1: results first, then what they rest on, then what stands `beside`.

    What a redaction took out whole is no exhibit. `checked`: the verification worked out the classes.
    """
    there = (one for one in _contained(found) if one.sha256)
    listed = [*(replace(one, sealed=sealed) for one in there), *beside]
    if not checked:
        listed = [
            replace(one, result_class=UNCHECKED) if one.result_class == "confirmatory" else one
            for one in listed
        ]
    return [replace(one, number=number) for number, one in enumerate(listed, 1)]


def _contained(found: Contained) -> Iterator[Exhibit]:
    yield from _results(found)
    yield from _requests(found)
    yield from _terms(found)
    yield from _fixed_before(found)
    yield from _custody(found)
    for name in sorted(name for name in found.digests if name.startswith(RUNS)):
        yield _file(found, "run", f"What came out of run {run_of(name)} of the log, which is no result", name)


def _results(found: Contained) -> Iterator[Exhibit]:
    classes = {str(one.get("result")): str(one.get("class") or "") for one in found.results}

    def result(kind: ExhibitKind, title: str, name: str, step: str, shown: bool) -> Exhibit:
        outcome: Outcome = "shown" if shown else "not shown"
        return replace(
            _file(found, kind, title, name), outcome=outcome, result_class=classes.get(step, "exploratory")
        )

    networks = has_networks(found.findings)
    yield result("networks", "Account networks in the access log", FINDINGS_JSON, "detect", networks)
    if found.scan is not None:
        yield result(
            "corpus-marks", "Marks of our keys in a corpus", SCAN_JSON, "scan", has_marks(found.scan)
        )
    for number, one in enumerate(found.attributions, 1):
        kind, title = kind_of(one)
        name, step = attribution_name(number), f"attribute-{number}"
        yield result(kind, title, name, step, is_shown(one))
        if one.controls:
            controls = (
                f"Negative controls of result {number}: {len(one.controls)} unrelated ones, tested alike"
            )
            yield _file(found, "negative-controls", controls, name)


def kind_of(one: Attribution) -> tuple[ExhibitKind, str]:
    """Kind and title of an attribution's exhibit; a plug-in's own is called by its name."""
    other = f"Result of the plug-in {one.kind}" if one.kind else "Result whose kind was taken out"
    return _ATTRIBUTIONS.get(one.kind, ("run", other))


def has_networks(findings: Mapping[str, Any]) -> bool:
    """Whether there is a network that no analyst rejected."""
    return any(one.get("disposition") != "rejected" for one in findings.get("campaigns") or ())


def has_marks(scan: Mapping[str, Any]) -> bool:
    """Whether the corpus as a whole, or a document of it, passed."""
    return any(one.get("passes") for one in scan.get("pooled") or ()) or bool(scan.get("documents_passing"))


def is_shown(one: Attribution) -> bool:
    """Whether the verdict says that something was shown."""
    return one.verdict.startswith(POSITIVE)


def _requests(found: Contained) -> Iterator[Exhibit]:
    yield _file(found, "members", "Accounts of each network, one a line", MEMBERS)
    yield _file(
        found, "requests", "The access log as it was read, with the digests of its files", CAPTURE_JSON
    )
    yield _file(found, "requests", "Requests of the accounts of the networks, one a line", REQUESTS)


def _terms(found: Contained) -> Iterator[Exhibit]:
    for one in found.terms:
        since = f", in force from {one.effective}" if one.effective else ""
        title = f"{one.title or 'Terms'}, version {one.version or 'not shown'}{since}"
        yield _file(found, "terms", title, TERMS + (one.file or ""))
    yield _file(found, "acceptances", "Who accepted which terms, and when, one a line", ACCEPTANCES)


def _fixed_before(found: Contained) -> Iterator[Exhibit]:
    for plan_id, plan in sorted(found.plans.items()):
        yield _file(
            found, "plan", f"Analysis plan {plan_id}: {plan.get('title') or 'no title'}", plan_name(plan_id)
        )
    yield _file(found, "log", "The public log: what was fixed, when, and every run", ENTRIES)
    stamps = sorted(name for name in found.digests if name.startswith(ATTESTATIONS) and name.endswith(".tsr"))
    for number, name in enumerate(stamps, 1):
        yield _file(found, "timestamp", f"Timestamp {number} over the seal", name)


def _custody(found: Contained) -> Iterator[Exhibit]:
    yield _file(found, "custody", "Chain of custody: who took, held and handled the evidence", CUSTODY)
    for number, one in enumerate(found.custody.acquisitions, 1):
        by = f"by {one.by}" if one.by else "by a person who is not named here"
        title = f"Acquisition {one.id or ''}: {one.what or 'files'}, {by}"
        record = _file(found, "acquisition", title, CUSTODY)
        yield replace(record, name=f"{CUSTODY}, record {one.id or number}", sha256=one.digest)
    for hold in found.custody.holds:
        yield _file(found, "hold", f"Legal hold {hold.id or ''}, by {hold.by or 'not named here'}", CUSTODY)


def _file(found: Contained, kind: ExhibitKind, title: str, name: str) -> Exhibit:
    digest = found.digests.get(name, "")
    return Exhibit(number=0, kind=kind, title=title, name=name, sha256=digest, sealed=True)
