"""What a verified package holds, as plain records: what was taken out of it is left out, never guessed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from countermark.prove.custody.terms import TermsEntry, decode_terms
from countermark.prove.dossier.exhibits import Contained
from countermark.prove.dossier.forms import check_forms
from countermark.prove.package.bag import TAG_MANIFEST
from countermark.prove.package.layout import (
    PLANS,
    RESULTS,
    SCAN_JSON,
    TERMS_JSON,
    Member,
    attribution_name,
    data_of,
    failed,
)
from countermark.prove.package.payload import Payload
from countermark.prove.verifying.verify_state import State
from countermark.records.attributions import Attribution, ValidityDomain
from countermark.records.canonical import file_sha256

MAX_LINE = 1 << 20
TAKEN_OUT = "parts of this result were taken out of the package, and its figures are not shown"


def contained(state: State) -> Contained:
    """The documents of the package; `state` is that of a verification that did not fail.

    Raises `Error(VERIFICATION_FAILED)` where a document is not of its form.
    """
    payload = state.read
    check_forms(payload.documents)
    return Contained(
        digests={name: one.sha256 for name, one in state.contents.items()},
        findings=payload.findings,
        scan=payload.documents.get(SCAN_JSON),
        attributions=[_attribution(payload, at) for at in range(1, state.case.attributions + 1)],
        results=list(payload.documents[RESULTS]["results"]),
        plans=_plans(payload),
        custody=state.custody,
        terms=_terms(state),
    )


def _attribution(payload: Payload, number: int) -> Attribution:
    """The record; one that lacks what was taken out keeps its kind and verdict, and says why it is short."""
    document = payload.documents.get(attribution_name(number), {})
    try:
        return msgspec.convert(document, Attribution)
    except msgspec.ValidationError as error:
        if attribution_name(number) not in payload.redacted | payload.absent:
            raise failed(f"{attribution_name(number)} is no attribution: {error}") from error
    return Attribution(
        kind=str(document.get("kind") or ""),
        verdict=str(document.get("verdict") or ""),
        reasons=[TAKEN_OUT],
        conclusions=[],
        tests=[],
        alpha=0.01,
        family=1,
        minimum_detectable={},
        other_explanations=[],
        controls=[],
        validity_domain=ValidityDomain(measured={}, where=""),
        not_validated=[],
        inputs={},
        parameters={},
        origin={},
        software={},
        files={},
    )


def _plans(payload: Payload) -> dict[str, Mapping[str, Any]]:
    """By plan id, which is the name of the file."""
    return {
        name.removeprefix(PLANS).removesuffix(".json"): document
        for name, document in payload.documents.items()
        if name.startswith(PLANS)
    }


def _terms(state: State) -> list[TermsEntry]:
    if TERMS_JSON not in state.contents:
        return []
    return decode_terms(data_of(state.contents, TERMS_JSON), redacted=TERMS_JSON in state.read.redacted).terms


def keep_table(state: State, name: str, folder: Path) -> Path | None:
    """A table as a file below `folder`, without the rows that were taken out; None where it is not there.

    Raises `Error(VERIFICATION_FAILED)` where it is no longer what was verified.
    """
    member = state.contents.get(name)
    if member is None:
        return None
    target = folder / name.rpartition("/")[2]
    if _copy(member, name, target) != member.sha256:
        raise failed(f"{name} changed while it was read")
    return target


def _copy(member: Member, name: str, target: Path) -> str:
    digest = hashlib.sha256()
    with member.open() as stream, target.open("xb") as copy:
        while line := stream.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                raise failed(f"{name} has a line over {MAX_LINE >> 20} MiB")
            digest.update(line)
            if line.strip() != b"null":
                copy.write(line)
    return digest.hexdigest()


def package_sha256(package: Path, state: State) -> str:
    """Of the zip; of a folder that of its tag manifest, which leads to every file."""
    return state.contents[TAG_MANIFEST].sha256 if package.is_dir() else file_sha256(package)
