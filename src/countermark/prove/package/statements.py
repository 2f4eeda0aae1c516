"""The in-toto Statements of a case: digests and roots, so that a verifier can write each of them again.

Source: https://github.com/in-toto/attestation, `spec/v1/statement.md` and `resource_descriptor.md`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from countermark.prove.leaves.leaves import Root
from countermark.prove.package.case import Case
from countermark.prove.package.layout import (
    CLOSE,
    REDACTION,
    by_root_alone,
    decode_canonical,
    envelope_name,
    failed,
)
from countermark.prove.package.payload import Payload, is_sha256
from countermark.records.canonical import canonical_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
CAPTURE_TYPE = "urn:countermark:capture:v2"
SCAN_TYPE = "urn:countermark:watermark-scan:v2"
ATTRIBUTE_TYPE = "urn:countermark:attribute:v2"
DETECT_TYPE = "urn:countermark:detect:v2"
SEAL_TYPE = "urn:countermark:seal:v2"
CLOSE_TYPE = "urn:countermark:close:v2"
REDACTION_TYPE = "urn:countermark:redaction:v1"

_TYPES = {"capture": CAPTURE_TYPE, "detect": DETECT_TYPE, "scan": SCAN_TYPE, "seal": SEAL_TYPE}


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


class SealPredicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The predicate of the seal."""

    case_id: str
    created: str
    leaves: list[Root]
    materials: list[Subject]
    software: dict[str, str]
    timestamps: int


def step_statement(
    step: str, case_id: str, outputs: Mapping[str, str], materials: Sequence[tuple[str, str]]
) -> bytes:
    """A step before the seal: what it wrote (subjects), of what (materials), name and SHA-256 each."""
    predicate = {"case_id": case_id, "materials": _descriptors(materials)}
    return write_statement(_TYPES.get(step, ATTRIBUTE_TYPE), outputs, predicate)


def seal_statement(payload: Payload, roots: Sequence[Root], steps: Mapping[str, str]) -> bytes:
    """The seal covers every payload file, by its digest or by the root of its leaves alone.

    Materials are the envelopes of the steps (name to SHA-256).
    """
    predicate = {
        "case_id": payload.case.case_id,
        "created": payload.case.created,
        "leaves": [msgspec.to_builtins(root) for root in sorted(roots, key=lambda root: root.name)],
        "materials": _descriptors(steps.items()),
        "software": payload.case.software,
        "timestamps": payload.case.timestamps,
    }
    subjects = {name: digest for name, digest in payload.sealed.items() if not by_root_alone(name)}
    return write_statement(SEAL_TYPE, subjects, predicate)


def close_statement(case_id: str, sealed: Mapping[str, str], nonces: list[str]) -> bytes:
    """Covers the seal's envelope and the timestamps over it (name to SHA-256): no byte is left unsigned."""
    return write_statement(CLOSE_TYPE, sealed, {"case_id": case_id, "nonces": nonces})


def decode_statement(data: bytes, name: str, predicate_type: str) -> Statement:
    """Read a Statement strictly: canonical, no unknown field, the expected types, subjects sorted."""
    statement: Statement = decode_canonical(data, name, Statement)
    if statement.type != STATEMENT_TYPE or statement.predicate_type != predicate_type:
        raise failed(f"{name} is not a Statement of type {predicate_type}")
    names = [subject.name for subject in statement.subject]
    if names != sorted(set(names)):
        raise failed(f"{name} has subjects that are not sorted, each once")
    if any(set(one.digest) != {"sha256"} or not is_sha256(one.digest["sha256"]) for one in statement.subject):
        raise failed(f"{name} has a subject without exactly one SHA-256")
    return statement


def seal_predicate(statement: Statement, name: str) -> SealPredicate:
    """The predicate of a seal, strictly."""
    try:
        predicate = msgspec.convert(statement.predicate, SealPredicate)
    except msgspec.ValidationError as error:
        raise failed(f"{name} has no predicate of a seal: {error}") from error
    names = [root.name for root in predicate.leaves]
    if names != sorted(set(names)):
        raise failed(f"{name} has leaves that are not sorted, each once")
    return predicate


def sealed_files(statement: Statement, predicate: SealPredicate, name: str) -> dict[str, str]:
    """Every payload file that a seal covers with its SHA-256, empty where it has the root of leaves alone."""
    subjects = subjects_of(statement)
    for one in subjects:
        if by_root_alone(one):
            raise failed(f"{name} has the digest of {one}, which is covered by the root of its leaves alone")
    return subjects | {root.name: "" for root in predicate.leaves if by_root_alone(root.name)}


def said_materials(statement: Statement, name: str) -> list[tuple[str, str]]:
    """What a Statement itself says that its step was made of: all there is where the document is gone."""
    try:
        rows = msgspec.convert(statement.predicate.get("materials"), list[Subject])
    except msgspec.ValidationError as error:
        raise failed(f"{name} has no list of materials") from error
    if any(set(row.digest) != {"sha256"} or not is_sha256(row.digest["sha256"]) for row in rows):
        raise failed(f"{name} has a material without exactly one SHA-256")
    return [(row.name, row.digest["sha256"]) for row in rows]


def subjects_of(statement: Statement) -> dict[str, str]:
    """Name to SHA-256."""
    return {subject.name: subject.digest["sha256"] for subject in statement.subject}


def envelope_types(case: Case, redacted: bool) -> dict[str, str]:
    """Envelope name to predicate type, of all envelopes that belong into the package."""
    types = {envelope_name(step): _TYPES.get(step, ATTRIBUTE_TYPE) for step in case.steps}
    return types | {CLOSE: CLOSE_TYPE} | ({REDACTION: REDACTION_TYPE} if redacted else {})


def write_statement(predicate_type: str, subjects: Mapping[str, str], predicate: dict[str, Any]) -> bytes:
    """Canonical bytes of a Statement."""
    try:
        document = {
            "_type": STATEMENT_TYPE,
            "subject": _descriptors(subjects.items()),
            "predicateType": predicate_type,
            "predicate": predicate,
        }
        return canonical_json(document)
    except (ValueError, RecursionError) as error:
        raise failed("the payload holds a value that canonical JSON cannot") from error


def _descriptors(digests: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests)]
