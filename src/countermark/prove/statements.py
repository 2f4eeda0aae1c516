"""The in-toto Statements of a case. Each follows from the payload, so that verify can write it again.

Source: https://github.com/in-toto/attestation, `spec/v1/statement.md` and `resource_descriptor.md`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from countermark.prove.case import Case
from countermark.prove.layout import CAPTURE_JSON, decode_canonical, envelope_name, failed
from countermark.prove.payload import Payload, named_digests
from countermark.records.canonical import canonical_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
CAPTURE_TYPE = "urn:countermark:capture:v1"
SCAN_TYPE = "urn:countermark:watermark-scan:v1"
ATTRIBUTE_TYPE = "urn:countermark:attribute:v1"
DETECT_TYPE = "urn:countermark:detect:v1"
SEAL_TYPE = "urn:countermark:seal:v1"
CLOSE_TYPE = "urn:countermark:close:v1"

_MAX_SAFE_INTEGER = 2**53 - 1


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ResourceDescriptor with the two fields that are used here."""

    name: str
    digest: dict[str, str]


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An in-toto Statement v1; the predicate's form depends on its type."""

    type: str = msgspec.field(name="_type")
    subject: list[Subject]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: dict[str, Any]


def capture_statement(payload: Payload) -> bytes:
    """Capture made the events; materials are the log files that it read."""
    predicate = {
        "case_id": payload.case.case_id,
        "materials": _descriptors(named_digests(payload.capture, "sources")),
        "capture": {key: value for key, value in payload.capture.items() if key != "files"},
    }
    return _statement(CAPTURE_TYPE, payload.capture_outputs, predicate)


def detect_statement(payload: Payload) -> bytes:
    """Detect made the findings; its material is the capture manifest, which lists the events."""
    predicate = {
        "case_id": payload.case.case_id,
        "materials": _descriptors([(CAPTURE_JSON, payload.digests[CAPTURE_JSON])]),
        "method": payload.method,
    }
    return _statement(DETECT_TYPE, payload.detect_outputs, predicate)


def scan_statement(payload: Payload) -> bytes:
    """A scan made its answer of a corpus; materials are the corpus files that it read."""
    scan = payload.scan or {}
    predicate = {
        "case_id": payload.case.case_id,
        "materials": _descriptors(named_digests(scan, "sources")),
        "scan": {key: value for key, value in scan.items() if key != "files"},
    }
    return _statement(SCAN_TYPE, payload.scan_outputs, predicate)


def attribution_statement(payload: Payload, number: int) -> bytes:
    """An attribution, `number` from 1; materials are the suspect, the reference side and every control."""
    attribution = payload.attributions[number - 1]
    predicate = {
        "case_id": payload.case.case_id,
        "materials": _descriptors(_inputs(attribution)),
        "attribution": {key: value for key, value in attribution.items() if key != "files"},
    }
    return _statement(ATTRIBUTE_TYPE, payload.attribution_outputs(number), predicate)


def _inputs(attribution: dict[str, Any]) -> list[tuple[str, str]]:
    inputs = attribution.get("inputs")
    if not isinstance(inputs, dict) or not all(isinstance(one, str) for one in inputs.values()):
        raise failed("an attribution does not name its inputs with their SHA-256")
    return list(inputs.items())


def step_statements(payload: Payload) -> dict[str, bytes]:
    """Statements of the steps before the seal, by envelope name."""
    made = {"capture": capture_statement, "detect": detect_statement, "scan": scan_statement}
    statements = {envelope_name(step): made[step](payload) for step in payload.case.steps if step in made}
    for number in range(1, payload.case.attributions + 1):
        statements[envelope_name(f"attribute-{number}")] = attribution_statement(payload, number)
    return statements


def seal_statement(payload: Payload, steps: Mapping[str, str]) -> bytes:
    """The seal covers every payload file; materials are the envelopes of the steps (name to SHA-256)."""
    predicate = {
        "case_id": payload.case.case_id,
        "created": payload.case.created,
        "materials": _descriptors(steps.items()),
        "software": payload.case.software,
        "timestamps": payload.case.timestamps,
    }
    return _statement(SEAL_TYPE, payload.digests, predicate)


def close_statement(case_id: str, sealed: Mapping[str, str], nonces: list[str]) -> bytes:
    """Covers the seal's envelope and the timestamps over it (name to SHA-256): no byte is left unsigned."""
    return _statement(CLOSE_TYPE, sealed, {"case_id": case_id, "nonces": nonces})


def decode_statement(data: bytes, name: str, predicate_type: str) -> Statement:
    """Read a Statement strictly: canonical, no unknown field, the expected types, subjects sorted."""
    statement: Statement = decode_canonical(data, name, Statement)
    if statement.type != STATEMENT_TYPE or statement.predicate_type != predicate_type:
        raise failed(f"{name} is not a Statement of type {predicate_type}")
    names = [subject.name for subject in statement.subject]
    if names != sorted(set(names)):
        raise failed(f"{name} has subjects that are not sorted, each once")
    if any(set(subject.digest) != {"sha256"} for subject in statement.subject):
        raise failed(f"{name} has a subject without exactly one SHA-256")
    return statement


def subjects_of(statement: Statement) -> dict[str, str]:
    """Name to SHA-256."""
    return {subject.name: subject.digest["sha256"] for subject in statement.subject}


def step_types(case: Case) -> dict[str, str]:
    """Envelope name to predicate type, for the steps of a case."""
    kinds = {"capture": CAPTURE_TYPE, "detect": DETECT_TYPE, "scan": SCAN_TYPE, "seal": SEAL_TYPE}
    return {envelope_name(step): kinds.get(step, ATTRIBUTE_TYPE) for step in case.steps}


def _statement(predicate_type: str, subjects: Mapping[str, str], predicate: dict[str, Any]) -> bytes:
    try:
        document = {
            "_type": STATEMENT_TYPE,
            "subject": _descriptors(subjects.items()),
            "predicateType": predicate_type,
            "predicate": _plain(predicate),
        }
        return canonical_json(document)
    except (ValueError, RecursionError) as error:
        raise failed("the payload holds a value that canonical JSON cannot") from error


def _descriptors(digests: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests)]


def _plain(value: Any) -> Any:
    """Integers beyond 2^53 - 1, which RFC 8785 cannot hold, become decimal strings."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_SAFE_INTEGER:
        return str(value)
    return value
