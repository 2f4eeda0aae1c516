"""RELEASE folders of any size that two people approved, without a review: for the tests of the client."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from countermark.records.canonical import canonical_json, sha256_hex
from countermark.share.policy.approvals import decide, read_subject
from countermark.share.policy.document import default_policy
from countermark.share.policy.release import OBJECTS, RELEASE, Held, Release, Rests
from countermark.trust.signing import SigningKey


def indicators(
    count: int, member_id: str, *, start: int = 0, modified: str = "2026-01-01T00:00:00.000Z", **more: Any
) -> list[dict[str, Any]]:
    """Valid indicators with ids of their own."""
    return [
        {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--{uuid.UUID(int=number + (7 << 90), version=4)}",
            "created_by_ref": member_id,
            "created": "2026-01-01T00:00:00.000Z",
            "modified": modified,
            "pattern": f"[ipv4-addr:value = '10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}']",
            "pattern_type": "stix",
            "valid_from": "2026-01-01T00:00:00Z",
        }
        | more
        for number in range(start, start + count)
    ]


def release_folder(
    folder: Path, objects: Sequence[Mapping[str, Any]], member_id: str, keys: Mapping[str, SigningKey]
) -> Path:
    """A folder that `keys["security"]` and `keys["counsel"]` approved."""
    unsigned_folder(folder, objects, member_id)
    now = datetime.now(UTC)
    for role in ("security", "counsel"):
        decide(read_subject(folder, now), role, f"{role} person", keys[role], now, record=lambda *_: None)
    return folder


def unsigned_folder(
    folder: Path, objects: Sequence[Mapping[str, Any]], member_id: str, standing: str | None = None
) -> Path:
    """The same before anybody has approved."""
    now = datetime.now(UTC).replace(microsecond=0)
    lines = [canonical_json(one) for one in objects]
    release = Release(
        release_id="",
        member_id=member_id,
        policy_sha256=default_policy().sha256,
        purpose="security",
        ground="fabricated-accounts",
        legal_basis=[Rests("counsel-1", "EU", (now + timedelta(days=20)).date())],
        classes={"address": 3},
        created=now,
        expires=now + timedelta(days=7),
        standing=standing,
        objects=[
            Held(one["id"], one.get("modified", one.get("created")), sha256_hex(line))
            for one, line in zip(objects, lines, strict=True)
        ],
    )
    release = msgspec.structs.replace(release, release_id=release.right_id)
    folder.mkdir(parents=True)
    (folder / OBJECTS).write_bytes(b"".join(line + b"\n" for line in lines))
    (folder / RELEASE).write_bytes(release.payload + b"\n")
    return folder
