"""`results.json`: every result, and whether it is confirmatory or exploratory (spec/package.md).

Sealing never refuses for a class. Who verifies works it out again with the witness keys and timestamp roots
of their own trust file, and takes no result for confirmatory that is not so by them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.conditions import Facts, missing
from countermark.prove.beforehand.log_view import OUTCOME, START, LogView
from countermark.prove.beforehand.result_files import (
    document_of,
    is_outcome,
    named_run,
    plan_name,
    result_name,
    run_entry,
    texts,
)
from countermark.prove.custody.custody import Custody
from countermark.prove.package.layout import failed
from countermark.records.canonical import canonical_json

__all__ = ["CaseView", "Result", "ResultLink", "check_classes", "check_form", "check_named_run"]
__all__ += ["classify", "encode_results", "plan_name", "results_of"]
RESULTS_SCHEMA_ID = "countermark/results/v1"
RESULTS_JSON = "data/results.json"
Class = Literal["confirmatory", "exploratory"]
CONFIRMATORY: Class = "confirmatory"
EXPLORATORY: Class = "exploratory"
NO_TRUST = "no trust file was given"
NO_LOG = "the case has no log"
_TITLES = {
    "detect": "account networks in the access log",
    "scan": "marks of our keys in a corpus",
    "text": "marks of our keys in text",
    "radioactivity": "marks of our keys in what a model answers",
    "canary": "canaries in what a model answers",
    "lineage": "weights of a model beside those of a reference",
    "identity": "what an endpoint answers beside a reference",
}
_NOT_RESULTS = ("capture", "seal")
_TAKEN_OUT: dict[str, Any] = {
    "heading": "",
    "reasons": [],
    "plan": "",
    "hypothesis": "",
    "acquisitions": [],
    "commitments": [],
}
"""What stands for a field of an entry that was taken out."""


class ResultLink(msgspec.Struct, frozen=True, kw_only=True):
    """What a result is said to rest on."""

    result: str
    """The step: `detect`, `scan`, `attribute-1`."""
    plan: str = ""
    hypothesis: str = ""
    acquisitions: list[str] = []
    """Ids of the acquisitions of its data."""
    run: int | None = None
    """Its run in the log; None: the one whose outcome it is."""


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of `results.json`."""

    result: str
    heading: str
    class_: Class = msgspec.field(name="class")
    reasons: list[str]
    """What is missing for confirmatory, in plain sentences."""
    plan: str
    hypothesis: str
    run: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)] | None
    acquisitions: list[str]
    commitments: list[str]
    """To keys and canaries, of the hypothesis."""


@dataclass(frozen=True, kw_only=True)
class CaseView:
    """What both who seals and who verifies have of a case."""

    matter: str
    steps: Sequence[str]
    documents: Mapping[str, Any]
    """Parsed JSON by name (`data/…`), plans too; fields that were taken out are null."""
    digests: Mapping[str, str]
    """SHA-256 of the payload files as they were sealed, by name."""
    custody: Custody = field(default_factory=Custody)
    log: LogView | None = None
    no_log: str = NO_LOG
    """Where `log` is None, why: `NO_LOG` or `NO_TRUST`."""
    created: datetime | None = None
    """When the case was made."""


def results_of(view: CaseView, links: Sequence[ResultLink] = ()) -> list[Result]:
    """Every result of a case, in the order of its steps; one without a link is exploratory.

    Raises `Error` (usage) for a link to no result, or two to one.
    """
    steps = _results(view.steps)
    by_step = {link.result: link for link in links}
    unknown = sorted(by_step.keys() - set(steps))
    if unknown or len(by_step) != len(links):
        what = f"{unknown[0]} is no result of this case" if unknown else "a result is named twice"
        raise Error(what, hint=f"there are {', '.join(steps)}", exit_code=ExitCode.USAGE)
    named = [by_step.get(step, ResultLink(result=step)) for step in steps]
    return [classify(view, link, named) for link in named]


def encode_results(results: Sequence[Result]) -> bytes:
    """The bytes of `results.json`."""
    document = {"schema": RESULTS_SCHEMA_ID, "results": [msgspec.to_builtins(one) for one in results]}
    return canonical_json(document)


def classify(view: CaseView, link: ResultLink, others: Sequence[ResultLink] = ()) -> Result:
    """The class of a result among all of the case; `reasons` has a sentence for everything not shown."""
    facts = Facts(
        matter=view.matter,
        step=link.result,
        plan_id=link.plan,
        hypothesis_id=link.hypothesis,
        acquisition_ids=link.acquisitions,
        run=_run_of(view, link.result) if link.run is None else link.run,
        documents=view.documents,
        digests=view.digests,
        custody=view.custody,
        log=view.log,
        no_log=view.no_log,
        created=view.created,
        others=others,
    )
    unchecked = view.log is None and view.no_log == NO_TRUST
    reasons = [NO_TRUST] if unchecked else missing(facts)
    kind = EXPLORATORY if reasons else CONFIRMATORY
    return Result(
        result=link.result,
        heading=f"{kind.capitalize()}: {_title(view, link.result)}",
        class_=kind,
        reasons=reasons,
        plan=link.plan,
        hypothesis=link.hypothesis,
        run=facts.run,
        acquisitions=list(link.acquisitions),
        commitments=facts.commitments,
    )


def check_form(
    document: Mapping[str, Any], steps: Sequence[str], *, redacted: bool = False
) -> list[Mapping[str, Any]]:
    """The entries of `results.json`, one a step, each with a heading that says its class, and with reasons
    exactly where it is exploratory; null only where something was taken out. Else raises
    `Error(VERIFICATION_FAILED)`."""
    if document.get("schema") != RESULTS_SCHEMA_ID or set(document) != {"schema", "results"}:
        raise failed(f"{RESULTS_JSON} is not of {RESULTS_SCHEMA_ID}")
    entries = document["results"]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise failed(f"{RESULTS_JSON} has no list of results")
    wanted = _results(steps)
    if [entry.get("result") for entry in entries] != wanted:
        raise failed(f"{RESULTS_JSON} does not have one result a step: {', '.join(wanted)}")
    for entry in entries:
        _check_entry(entry, redacted)
    return entries


def check_classes(view: CaseView, entries: Sequence[Mapping[str, Any]]) -> list[Result]:
    """What is found of each; raises unless every result that says `confirmatory` is, by what is trusted here.

    One that says `exploratory` is not made more of, whatever was found.
    """
    found = []
    links = [
        ResultLink(
            result=entry["result"],
            plan=entry["plan"] or "",
            hypothesis=entry["hypothesis"] or "",
            acquisitions=[one or "" for one in entry["acquisitions"] or ()],  # one taken out is none
            run=entry["run"],
        )
        for entry in entries
    ]
    for entry, link in zip(entries, links, strict=True):
        check_named_run(view, entry["result"])
        one = classify(view, link, links)
        found.append(one)
        if entry["class"] != CONFIRMATORY:
            continue
        if one.reasons:
            raise failed(f"{link.result} says that it is confirmatory, and is not: {'; '.join(one.reasons)}")
        if _is_hidden(view, entry):
            raise failed(f"{link.result} says that it is confirmatory, and what shows it was taken out")
        if entry["run"] is None or texts(entry["commitments"]) != one.commitments:
            raise failed(f"{link.result} does not name its run, or the commitments of its hypothesis")
    return found


def check_named_run(view: CaseView, step: str) -> None:
    """Raise unless a result that says to be of a run of the matter has that run shown."""
    named = named_run(document_of(view.documents, result_name(step)))
    if view.log is None or named is None or named[0] != view.matter:
        return
    if run_entry(view.log, START, named[1]) is None:
        raise Error(
            f"{step} says to be of run {named[1]} of {view.matter}, which is not opened in the log",
            hint="is it in a batch yet? countermark log publish LOG makes the next one when it is due",
            exit_code=ExitCode.VERIFICATION_FAILED,
        )


def _is_hidden(view: CaseView, entry: Mapping[str, Any]) -> bool:
    """Whether something is null that a condition hangs on: what was taken out shows nothing."""
    plan = document_of(view.documents, plan_name(entry["plan"] or ""))
    asked: Mapping[str, Any] = {}
    asked = next((one for one in plan.get("hypotheses") or () if one.get("id") == entry["hypothesis"]), asked)
    lists = (entry["acquisitions"], entry["commitments"], asked.get("commitments"))
    return plan.get("plan_id") is None or any(one is None or None in one for one in lists)


def _results(steps: Sequence[str]) -> list[str]:
    return [step for step in steps if step not in _NOT_RESULTS]


def _run_of(view: CaseView, step: str) -> int | None:
    """The run whose outcome this result is; where none is, the one that the result itself names."""
    sealed = view.digests.get(result_name(step))
    for _, entry in view.log.entries(OUTCOME) if view.log else ():
        run = entry.payload.get("run")
        if isinstance(run, int) and is_outcome(entry, sealed):
            return run
    named = named_run(document_of(view.documents, result_name(step)))
    return named[1] if named and named[0] == view.matter else None


def _title(view: CaseView, step: str) -> str:
    kind = step if step in _TITLES else document_of(view.documents, result_name(step)).get("kind")
    return _TITLES.get(str(kind), f"attribution {kind}")


def _check_entry(entry: Mapping[str, Any], redacted: bool) -> None:
    name = entry["result"]
    full = {key: _filled(key, value) for key, value in entry.items()} if redacted else entry
    try:
        one = msgspec.convert(full, Result)
    except msgspec.ValidationError as error:
        raise failed(f"{RESULTS_JSON}: {name}: {error}") from error
    if entry["heading"] is not None and not one.heading.startswith(f"{one.class_.capitalize()}:"):
        raise failed(f"{RESULTS_JSON}: the heading of {name} does not say its class")
    if bool(one.reasons) is (one.class_ == CONFIRMATORY):  # null are only reasons that were none
        raise failed(f"{RESULTS_JSON}: {name} gives reasons for being confirmatory, or none for not being it")


def _filled(key: str, value: Any) -> Any:
    """A field of an entry with something in place of what was taken out of it."""
    if isinstance(value, list):
        return ["" if one is None else one for one in value]
    return _TAKEN_OUT.get(key) if value is None else value
