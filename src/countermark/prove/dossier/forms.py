"""The form of the documents that a report reads and no step of the verification has looked into.

A package may be signed by whoever is trusted and still hold a size that is a text. Every field may be null:
that is what a redaction leaves.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from countermark.prove.package.layout import CAPTURE_JSON, FINDINGS_JSON, SCAN_JSON, failed

Count = Annotated[int, msgspec.Meta(ge=0)]
Level = Annotated[float, msgspec.Meta(gt=0, le=1)]
P = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Reason(msgspec.Struct):
    sign: str | None = None
    text: str | None = None


class _Window(msgspec.Struct):
    first: str | None = None
    last: str | None = None


class _Campaign(msgspec.Struct):
    campaign_id: str | None = None
    kind: str | None = None
    size: Count | None = None
    window: _Window | None = None
    p_value: P | None = None
    log10_p_value: float | None = None
    q_value: P | None = None
    reasons: list[_Reason] | None = None
    disposition: str | None = None


class _Events(msgspec.Struct):
    accounts: Count | None = None
    first_ts: str | None = None
    last_ts: str | None = None


class _Rate(msgspec.Struct):
    trials: Count | None = None
    wrong: Count | None = None


class _Rates(msgspec.Struct):
    measured_on: str | None = None
    rates: dict[str, _Rate] | None = None


class _Findings(msgspec.Struct):
    campaigns: list[_Campaign] | None = None
    events: _Events | None = None
    fdr: Level | None = None
    tested: Count | None = None
    not_testable: Count | None = None
    conclusive: bool | None = None
    calibrated_to: Level | None = None
    notes: list[str | None] | None = None
    kind_error_rates: _Rates | None = None


class _Pooled(msgspec.Struct):
    key: str | None = None
    scored_tokens: Count | None = None
    passes: bool | None = None
    log10_p_value: float | None = None
    adjusted_log10_p_value: float | None = None


class _Scan(msgspec.Struct):
    null: str | None = None
    key_id: str | None = None
    weak: str | None = None
    family: Count | None = None
    alpha: Level | None = None
    pooled: list[_Pooled] | None = None
    documents_passing: Count | None = None


class _Counts(msgspec.Struct):
    records: Count | None = None
    quarantined: Count | None = None
    conflicting_request_ids: Count | None = None


class _Capture(msgspec.Struct):
    counts: _Counts | None = None
    costs: list[str | None] | None = None
    tombstones: list[dict[str, Any]] | None = None


_FORMS: dict[str, type[msgspec.Struct]] = {
    FINDINGS_JSON: _Findings,
    SCAN_JSON: _Scan,
    CAPTURE_JSON: _Capture,
}


def check_forms(documents: Mapping[str, Any]) -> None:
    """Raise `Error(VERIFICATION_FAILED)` for a document with a field of another kind than it can have."""
    for name, form in _FORMS.items():
        if name not in documents:
            continue
        try:
            msgspec.convert(documents[name], form)
        except msgspec.ValidationError as error:
            raise failed(f"{name} is not as expected: {error}") from error
