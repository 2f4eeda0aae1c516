"""What the payload says of itself, read the same way when it is sealed and when it is verified."""

from dataclasses import dataclass
from typing import Any

import msgspec

from countermark.prove.case import Case, decode_case
from countermark.prove.layout import (
    CAPTURE_JSON,
    CASE,
    EVENTS,
    FINDINGS,
    FINDINGS_JSON,
    METHOD_JSON,
    SCAN,
    SCAN_JSON,
    Contents,
    attribution_name,
    check_name,
    data_of,
    failed,
    read_object,
)
from countermark.records.attributions import ATTRIBUTION_SCHEMA_ID, Attribution
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.records.findings import FINDINGS_SCHEMA_ID
from countermark.records.scans import SCAN_SCHEMA_ID

_NOT_IN_REVISION = ("revision", "disposition")


@dataclass(frozen=True)
class Payload:
    """The parsed files of a payload, and the digests of all of them."""

    case: Case
    digests: dict[str, str]
    """SHA-256 (hex) of every payload file, by name in the bag (`data/…`)."""
    capture: dict[str, Any]
    findings: dict[str, Any]
    method: dict[str, Any]
    scan: dict[str, Any] | None
    """`scan.json`, where the case has a watermark scan."""
    attributions: list[dict[str, Any]]
    """Every `attribution.json`, in order."""

    @property
    def capture_outputs(self) -> dict[str, str]:
        """What capture wrote: its manifest, and every file that the manifest lists, in the package or not."""
        listed = captured_files(self.capture)
        return {CAPTURE_JSON: self.digests[CAPTURE_JSON]} | {
            EVENTS + name: one for name, one in listed.items()
        }

    @property
    def detect_outputs(self) -> dict[str, str]:
        """What detect wrote: `findings.json` and every file that it lists."""
        listed = findings_files(self.findings)
        return {FINDINGS_JSON: self.digests[FINDINGS_JSON]} | {
            FINDINGS + name: one for name, one in listed.items()
        }

    @property
    def scan_outputs(self) -> dict[str, str]:
        """What the scan wrote: `scan.json` and every file that it lists; nothing without a scan."""
        if self.scan is None:
            return {}
        listed = listed_files(self.scan, SCAN_JSON)
        return {SCAN_JSON: self.digests[SCAN_JSON]} | {SCAN + name: one for name, one in listed.items()}

    def attribution_outputs(self, number: int) -> dict[str, str]:
        """What an attribution wrote, `number` from 1: `attribution.json` and every file that it lists."""
        name = attribution_name(number)
        listed = listed_files(self.attributions[number - 1], name)
        outputs = {attribution_name(number, file): one for file, one in listed.items()}
        return {name: self.digests[name]} | outputs

    @property
    def step_outputs(self) -> dict[str, dict[str, str]]:
        """What each step before the seal wrote, by step."""
        outputs = {"capture": self.capture_outputs, "detect": self.detect_outputs}
        if self.scan is not None:
            outputs["scan"] = self.scan_outputs
        numbers = range(1, len(self.attributions) + 1)
        return outputs | {f"attribute-{number}": self.attribution_outputs(number) for number in numbers}


def read_payload(contents: Contents) -> Payload:
    """Parse the payload's JSON files strictly; nothing is compared yet."""
    case = decode_case(data_of(contents, CASE))
    attributions = [attribution_name(number) for number in range(1, case.attributions + 1)]
    return Payload(
        case=case,
        digests={name: one.sha256 for name, one in contents.items() if name.startswith("data/")},
        capture=read_object(data_of(contents, CAPTURE_JSON), CAPTURE_JSON),
        findings=read_object(data_of(contents, FINDINGS_JSON), FINDINGS_JSON),
        method=read_object(data_of(contents, METHOD_JSON), METHOD_JSON),
        scan=read_object(data_of(contents, SCAN_JSON), SCAN_JSON) if case.has_scan else None,
        attributions=[read_object(data_of(contents, name), name) for name in attributions],
    )


def captured_files(capture: dict[str, Any]) -> dict[str, str]:
    """Name and SHA-256 of every file that `capture.json` lists."""
    return _listed(named_digests(capture, "files"), CAPTURE_JSON)


def findings_files(findings: dict[str, Any]) -> dict[str, str]:
    """Name and SHA-256 of every file that `findings.json` lists."""
    return listed_files(findings, FINDINGS_JSON)


def listed_files(manifest: dict[str, Any], name: str) -> dict[str, str]:
    """Name and SHA-256 of every file that the JSON file of a stage lists under `files`."""
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise failed(f"{name} does not list files with their SHA-256")
    return _listed(list(files.items()), name)


def named_digests(capture: dict[str, Any], key: str) -> list[tuple[str, str]]:
    """Name and SHA-256 of each entry of a list in `capture.json` (`files`, `sources`); names may repeat."""
    entries = capture.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise failed(f"{CAPTURE_JSON} has no list of {key}")
    pairs = [(entry.get("name"), entry.get("sha256")) for entry in entries]
    if not all(isinstance(name, str) and _is_sha256(digest) for name, digest in pairs):
        raise failed(f"{CAPTURE_JSON} does not list {key} with their SHA-256")
    return pairs


def _listed(pairs: list[tuple[str, str]], manifest: str) -> dict[str, str]:
    files = dict(pairs)
    if len(files) != len(pairs) or not all(_is_sha256(digest) for digest in files.values()):
        raise failed(f"{manifest} lists a file twice, or without its SHA-256")
    for name in files:
        check_name(name)
        if "/" in name or manifest.endswith("/" + name):
            raise failed(f"{manifest} lists {name}, which cannot stand beside it")
    return files


def check_payload(payload: Payload) -> None:
    """Raise unless exactly the files that belong there are there and every digest written in one agrees."""
    needed = {CASE: payload.digests[CASE]}
    for step, outputs in payload.step_outputs.items():
        needed |= {} if step == "capture" else outputs
    events = payload.capture_outputs
    needed |= events if payload.case.events_included else {CAPTURE_JSON: events[CAPTURE_JSON]}
    for name in sorted(needed.keys() | payload.digests.keys()):
        if name not in payload.digests:
            raise failed(f"{name} is missing")
        if name not in needed:
            raise failed(f"{name} is listed by nothing")
        if needed[name] != payload.digests[name]:
            raise failed(f"{name} does not have the digest that is written beside it")


def check_findings(payload: Payload) -> None:
    """Raise unless the findings are of this capture and each campaign has the revision of its content."""
    findings = payload.findings
    if findings.get("schema") != FINDINGS_SCHEMA_ID:
        raise failed(f"findings.json has a schema other than {FINDINGS_SCHEMA_ID}")
    events = findings.get("events")
    if not isinstance(events, dict) or events.get("capture_sha256") != payload.digests[CAPTURE_JSON]:
        raise failed("the findings were not made of the events that capture.json describes")
    campaigns = findings.get("campaigns")
    if not isinstance(campaigns, list) or not all(isinstance(campaign, dict) for campaign in campaigns):
        raise failed("findings.json has no list of campaigns")
    for campaign in campaigns:
        if campaign.get("revision") != revision(campaign):
            raise failed(
                f"campaign {campaign.get('campaign_id')!r} does not have the revision of its content"
            )
    if payload.scan is not None and payload.scan.get("schema") != SCAN_SCHEMA_ID:
        raise failed(f"scan.json has a schema other than {SCAN_SCHEMA_ID}")
    for number, attribution in enumerate(payload.attributions, start=1):
        if attribution.get("schema") != ATTRIBUTION_SCHEMA_ID:
            raise failed(f"attribution {number} has a schema other than {ATTRIBUTION_SCHEMA_ID}")
        _check_attribution(attribution, number)


def _check_attribution(attribution: dict[str, Any], number: int) -> None:
    """What is sealed says no more than `attribute` can say."""
    try:
        record = msgspec.convert(attribution, Attribution)
    except msgspec.ValidationError as error:
        raise failed(f"attribution {number} is none: {error}") from error
    if not record.agrees:
        raise failed(f"attribution {number} has a verdict that does not follow from its conclusions")
    if not record.seed_is_shown:
        raise failed(f"attribution {number} has a verdict in a case, and no log entry that fixed its seed")


def revision(campaign: dict[str, Any]) -> str:
    """Digest of a campaign's content, by the rule of `records.findings.Campaign.revision`."""
    content = {key: value for key, value in campaign.items() if key not in _NOT_IN_REVISION}
    try:
        return sha256_hex(canonical_json(content))[:32]
    except (ValueError, RecursionError) as error:
        raise failed("a campaign cannot be written as canonical JSON") from error


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")
