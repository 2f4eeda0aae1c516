"""What the documents of the stages say, held against each other."""

from collections.abc import Iterable
from typing import Any

import msgspec

from countermark.prove.beforehand.plan_form import check_plan_document
from countermark.prove.package.layout import (
    CAPTURE_JSON,
    FINDINGS_JSON,
    PLANS,
    SCAN_JSON,
    attribution_name,
    failed,
)
from countermark.prove.package.payload import Payload
from countermark.records.attributions import ATTRIBUTION_SCHEMA_ID, Attribution
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.records.findings import FINDINGS_SCHEMA_ID
from countermark.records.scans import SCAN_SCHEMA_ID

_NOT_IN_REVISION = ("revision", "disposition")


def check_stages(payload: Payload, taken: Iterable[str] = ()) -> None:
    """Raise unless the findings are of this capture and every document says no more than its stage can.

    `taken` are the pointers of fields of `findings.json` that were taken out.
    """
    _check_findings(
        payload, {pointer.split("/")[2] for pointer in taken if pointer.startswith("/campaigns/")}
    )
    _check_plans(payload)
    scan = payload.documents.get(SCAN_JSON)
    if scan is not None and scan.get("schema") != SCAN_SCHEMA_ID:
        raise failed(f"scan.json has a schema other than {SCAN_SCHEMA_ID}")
    for number in range(1, payload.case.attributions + 1):
        name = attribution_name(number)
        attribution = payload.documents.get(name)
        if attribution is None:
            continue
        if attribution.get("schema") != ATTRIBUTION_SCHEMA_ID:
            raise failed(f"attribution {number} has a schema other than {ATTRIBUTION_SCHEMA_ID}")
        if name not in payload.redacted:
            _check_attribution(attribution, number)


def _check_plans(payload: Payload) -> None:
    """A plan has the form of one and stands under its own id; null is only what was taken out of it."""
    for name, document in payload.documents.items():
        if name.startswith(PLANS):
            check_plan_document(document, name, redacted=name in payload.redacted)


def _check_findings(payload: Payload, touched: set[str]) -> None:
    findings = payload.findings
    if findings.get("schema") != FINDINGS_SCHEMA_ID:
        raise failed(f"findings.json has a schema other than {FINDINGS_SCHEMA_ID}")
    events = findings.get("events")
    if not isinstance(events, dict) or events.get("capture_sha256") != payload.sealed[CAPTURE_JSON]:
        raise failed("the findings were not made of the events that capture.json describes")
    campaigns = findings.get("campaigns")
    if campaigns is None and FINDINGS_JSON in payload.redacted:
        return  # an empty list that was taken out
    if not isinstance(campaigns, list) or not all(isinstance(campaign, dict) for campaign in campaigns):
        raise failed("findings.json has no list of campaigns")
    for number, campaign in enumerate(campaigns):
        if str(number) not in touched and campaign.get("revision") != revision(campaign):
            name = campaign.get("campaign_id")
            raise failed(f"campaign {name!r} does not have the revision of its content")


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
