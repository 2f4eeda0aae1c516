"""Objects, contexts and keys for the tests of the sharing policy."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from countermark.share.policy.context import Context, Ground, Scrubbed, resolve
from countermark.share.policy.document import Policy, default_policy
from countermark.share.policy.legal import Basis, Gdpr

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EXTENSION = "extension-definition--890072db-0eb5-4304-ad3b-a2578fcc795a"
MEMBER = "identity--11111111-1111-4111-8111-111111111111"
TLP_AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
ADDRESS, OTHER_ADDRESS = "8.8.4.4", "9.9.9.9"
JA4 = "t13d1516h2_8daaf6152771_e5627efa2ab1"
COUNTS = [
    ("address", ADDRESS, 7),
    ("address", OTHER_ADDRESS, 4),
    ("asn", "64500", 40),
    ("ja4", JA4, 9),
    ("email-domain", "mail.example", 12),
]
US = Basis(
    "us-counsel",
    "US",
    "Counsel's memorandum",
    "all",
    date(2026, 10, 1),
    date(2027, 3, 31),
    "C. Ounsel",
    date(2026, 10, 1),
)
EU = Basis(
    *("eu-counsel", "EU", "GDPR", "Article 6(1)(f)", date(2026, 10, 1), date(2027, 3, 31), "C. Ounsel"),
    date(2026, 10, 1),
    gdpr=Gdpr("6-1-f", "matter 12", "adequacy-45"),
)


def identifier(kind: str, number: int) -> str:
    """An id of a type."""
    return f"{kind}--00000000-0000-4000-8000-{number:012d}"


def common(kind: str, number: int, **more: Any) -> dict[str, Any]:
    """What every versioned object has."""
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": identifier(kind, number),
        "created": "2026-11-20T08:00:00.000Z",
        "modified": "2026-11-20T08:00:00.000Z",
        "created_by_ref": MEMBER,
        "object_marking_refs": [TLP_AMBER],
        **more,
    }


def indicator(
    number: int = 1, pattern: str = f"[ipv4-addr:value = '{ADDRESS}']", **more: Any
) -> dict[str, Any]:
    """An indicator that leaves."""
    given = {
        "name": "IPv4 address of campaign dc-01234567",
        "indicator_types": ["malicious-activity"],
        "pattern": pattern,
        "pattern_type": "stix",
        "pattern_version": "2.1",
        "valid_from": "2026-11-20T00:00:00Z",
        "valid_until": "2026-11-22T00:00:00Z",
        "confidence": 70,
    }
    return common("indicator", number, **{**given, **more})


def campaign(number: int = 2, **more: Any) -> dict[str, Any]:
    """A campaign that leaves."""
    extension = {"extension_type": "property-extension", "kind": "harvest", "accounts_at_least": 1000}
    given = {
        "name": "Distillation campaign dc-01234567",
        "first_seen": "2026-11-01T00:00:00Z",
        "extensions": {EXTENSION: extension},
        "external_references": [{"source_name": "mitre-atlas", "external_id": "AML.T0024.002"}],
    }
    return common("campaign", number, **{**given, **more})


def relationship(
    source: dict[str, Any], target: dict[str, Any], number: int = 3, **more: Any
) -> dict[str, Any]:
    """A relationship that leaves."""
    ends = {"relationship_type": "indicates", "source_ref": source["id"], "target_ref": target["id"]}
    return common("relationship", number, **ends, **more)


def context(**more: Any) -> Context:
    """A context with every condition met."""
    given: dict[str, Any] = {
        "member_id": MEMBER,
        "member_name": "Alpha",
        "purpose": "security",
        "ground": "fabricated-accounts",
        "acted_upon": date(2026, 11, 18),
        "scrubbed": Scrubbed("A. Nalyst", date(2026, 11, 19)),
        "jurisdictions": ["US"],
        "legal_basis": ["us-counsel"],
    }
    return Context(**{**given, **more})


def ground(policy: Policy | None = None, *, now: datetime = NOW, **more: Any) -> Ground:
    """The context resolved, with the counts."""
    released = more.pop("released", None)
    counts = more.pop("floor_counts", COUNTS)
    bases = {US.id: US, EU.id: EU}
    return resolve(
        policy or default_policy(), context(**more), bases, now=now, counts=counts, released=released
    )


def write_context(path: Path, **more: Any) -> Path:
    """A context file; its counts are those above."""
    counts = [{"kind": kind, "value": value, "accounts": count} for kind, value, count in COUNTS]
    document = {**msgspec.to_builtins(context(**more)), "counts": counts}
    path.write_text(json.dumps(document))
    return path


def write_legal(path: Path, *bases: Basis) -> Path:
    """A file of legal bases."""
    records = [msgspec.to_builtins(one) for one in bases or (US, EU)]
    path.write_text(json.dumps({"schema": "countermark/legal-bases/v1", "records": records}))
    return path


def write_objects(path: Path, *objects: dict[str, Any]) -> Path:
    """JSON lines."""
    path.write_text("".join(json.dumps(one) + "\n" for one in objects))
    return path
