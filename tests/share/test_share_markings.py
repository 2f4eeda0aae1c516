"""The markings that the context asks for are on what leaves, from FINDINGS to the released objects."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from findings_samples import findings
from policy_samples import write_context, write_objects
from test_policy_commands import TODAY, Desk, desk

from countermark.share.policy.approvals import approved
from countermark.share.stix.markings import IEP_EXTENSION, TLP_EXTENSION, Iep
from countermark.share.stix.schemas import check_objects

__all__ = ["desk"]
AMBER_STRICT = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"  # as OASIS published it
RULES = Iep(
    name="Alliance rules",
    description="For members alone.",
    start_date=date(2026, 11, 1),
    end_date=date(2027, 11, 1),
    iep_id="6f0a3d52-8d5c-4d5e-9f63-2f0b1f6f2a11",
    permitted_actions="externally-visible-direct-actions",
    encrypt_in_transit="may",
)


def released(desk: Desk, **more: Any) -> list[dict[str, Any]]:
    """What leaves of FINDINGS with identifiers, once both have approved."""
    write_context(desk.folder / "context.yaml", acted_upon=TODAY - timedelta(days=1), **more)
    folder, accounts = findings(desk.folder / "findings")
    day = {"first_seen": str(TODAY), "last_seen": str(TODAY)}
    lines = [{"account_id": one, "kind": "proxy-exit", "value": "9.9.9.9", **day} for one in accounts]
    write_objects(desk.folder / "identifiers.jsonl", *lines)
    done = desk.review(folder, "--identifiers", desk.folder / "identifiers.jsonl")
    assert done.code == 0, done.err
    release = desk.folder / "findings.release"
    for role in ("security", "counsel"):
        assert desk.approve(release, role).code == 0
    sent = approved(release, datetime.now(UTC))[1]
    assert [one.problem for one in check_objects(sent)] == [""] * len(sent)
    return [json.loads(one) for one in sent]


def test_iep_and_tlp_of_the_context_are_on_every_object_that_leaves(desk: Desk) -> None:
    objects = released(desk, tlp="amber+strict", iep=RULES)
    markings = {one["id"]: one for one in objects if one["type"] == "marking-definition"}
    (iep_id,) = (name for name, one in markings.items() if IEP_EXTENSION in one["extensions"])
    assert markings[AMBER_STRICT]["extensions"][TLP_EXTENSION]["tlp_2_0"] == "amber+strict"
    iep = markings[iep_id]["extensions"][IEP_EXTENSION]
    assert (iep["iep_id"], iep["iep_version"], iep["tlp"]) == (RULES.iep_id, 2.0, "amber")
    assert iep["permitted_actions"] == "externally-visible-direct-actions"
    assert (iep["encrypt_in_transit"], iep["affected_party_notifications"]) == ("may", "must-not")
    assert (iep["start_date"], iep["end_date"]) == ("2026-11-01T00:00:00Z", "2027-11-01T00:00:00Z")
    assert iep["description"] == "For members alone."
    marked = [one for one in objects if one["type"] != "marking-definition"]
    assert {"campaign", "identity", "indicator", "infrastructure", "relationship"} <= {
        one["type"] for one in marked
    }
    for one in marked:
        assert set(one["object_marking_refs"]) == {AMBER_STRICT, iep_id}, one["type"]


@pytest.mark.parametrize("tlp", ["clear", "green", "amber"])
def test_without_iep_there_is_the_tlp_alone(desk: Desk, tlp: str) -> None:
    objects = released(desk, tlp=tlp)
    (marking,) = (one for one in objects if one["type"] == "marking-definition")
    assert marking["extensions"][TLP_EXTENSION]["tlp_2_0"] == tlp
    for one in objects:
        assert one is marking or one["object_marking_refs"] == [marking["id"]]
