"""What the JSON files of results say, and which runs of the log they came out of (spec/package.md)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from countermark.prove.beforehand.log_view import OUTCOME, LogView
from countermark.prove.custody.custody import Acquisition, time_of
from countermark.prove.package.layout import CAPTURE_JSON, FINDINGS_JSON, SCAN_JSON, attribution_name
from countermark.trust.entries import Entry

CAMPAIGNS, CORPUS = "campaigns", "mark in corpus"
"""The tests of `detect` and of `watermark scan`, as plans name them."""


def plan_name(plan_id: str) -> str:
    """Name of a plan's file in a package."""
    return f"data/plans/{plan_id}.json"


def result_name(step: str) -> str:
    """Name of the JSON file that a step wrote."""
    names = {"detect": FINDINGS_JSON, "scan": SCAN_JSON}
    return names.get(step) or attribution_name(int(step.removeprefix("attribute-")))


def named_run(document: Mapping[str, Any]) -> tuple[str, int] | None:
    """Matter and number of the run that a result says to be of; None where it names none."""
    said = document.get("case_run", document)
    matter, run = (said.get("matter"), said.get("run")) if isinstance(said, dict) else (None, None)
    if isinstance(matter, str) and isinstance(run, int) and not isinstance(run, bool):
        return matter, run
    return None


def run_entry(log: LogView, kind: str, run: int) -> Entry | None:
    """The opened start or outcome of a run."""
    return next((entry for _, entry in log.entries(kind) if entry.payload.get("run") == run), None)


def run_of(log: LogView, matter: str, sha256: str | None) -> int | None:
    """The first run of a matter that is done and whose outcome a file of this digest is."""
    found = [entry.payload for _, entry in log.entries(OUTCOME) if is_outcome(entry, sha256)]
    runs = [one.get("run") for one in found if one.get("matter") == matter]
    return min((one for one in runs if isinstance(one, int)), default=None)


def is_outcome(entry: Entry, sha256: str | None) -> bool:
    """Whether a run is done and a file of this digest came out of it."""
    digests = entry.payload.get("digests")
    listed = digests.values() if isinstance(digests, dict) else ()
    return entry.payload.get("status") == "done" and sha256 is not None and sha256 in listed


def began_at(acquisition: Acquisition) -> datetime | None:
    """True time at which it began; None where a part of that was taken out or cannot be."""
    started, offset = acquisition.started, acquisition.clock.offset_seconds
    if started is None or offset is None:
        return None
    try:
        return time_of(started) - timedelta(seconds=offset)
    except (OverflowError, ValueError):
        return None


def inputs_of(documents: Mapping[str, Any], step: str) -> list[tuple[str, str]]:
    """Name and SHA-256 of the data that a result is of."""
    if is_attribution(step):
        inputs = document_of(documents, result_name(step)).get("inputs")
        return [(name, str(one)) for name, one in inputs.items()] if isinstance(inputs, dict) else []
    sources = document_of(documents, CAPTURE_JSON if step == "detect" else SCAN_JSON).get("sources")
    rows = [one for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []
    return [(str(one.get("name")), str(one.get("sha256"))) for one in rows]


def decided(documents: Mapping[str, Any], step: str) -> tuple[set[str], Any]:
    """Names of the tests that decided a result, and its level."""
    document = document_of(documents, result_name(step))
    if step == "detect":
        return {CAMPAIGNS}, document.get("fdr")
    if step == "scan":
        return {CORPUS}, document.get("alpha")
    tests = document.get("tests")
    rows = [one for one in tests if isinstance(one, dict)] if isinstance(tests, list) else []
    return {str(one.get("name")) for one in rows if one.get("decides") is True}, document.get("alpha")


def document_of(documents: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A JSON object of the payload; empty where there is none."""
    document = documents.get(name)
    return document if isinstance(document, dict) else {}


def texts(value: Any) -> list[str]:
    """The texts of a list; nothing where it is none."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def place_of(step: str) -> int:
    """Number of an attribution, 0 of another step."""
    return int(step.removeprefix("attribute-")) if is_attribution(step) else 0


def is_attribution(step: str) -> bool:
    return step.startswith("attribute-")
