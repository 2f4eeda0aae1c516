"""Markings: the five of TLP 2.0 as OASIS publishes them, and a member's own policy as IEP 2.0.

TLP 2.0: OASIS, cti-stix-common-objects, extension-definition-specifications/tlp-2.0 (ids, names and `created`
from there). IEP: the same repository, iep-marking-definition-762, a draft of 19 December 2022, whose JSON
Schema cannot be met by the form that its text gives; the text is followed. IEP knows TLP 1's words only, so
an object that carries both is under both, and the stricter one holds.
"""

from datetime import date
from typing import Literal, get_args

import msgspec

from countermark.share.stix.versions import Object

Tlp = Literal["clear", "green", "amber", "amber+strict", "red"]
TLPS: tuple[Tlp, ...] = get_args(Tlp)
TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
IEP_EXTENSION = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
_TLP_IDS: dict[Tlp, str] = {
    "clear": "94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "e828b379-4e03-4974-9ac4-e53a884c97c1",
}
_TLP_1 = {"clear": "white", "amber+strict": "amber"}


class Iep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A member's sharing policy in FIRST's words (IEP 2.0); the values are the draft's."""

    name: str
    description: str
    start_date: date
    end_date: date | None = None
    iep_id: str
    """UUID of the policy."""
    encrypt_in_transit: Literal["must", "may"] = "must"
    permitted_actions: Literal[
        "none",
        "contact-for-instruction",
        "internally-visible-actions",
        "externally-visible-indirect-actions",
        "externally-visible-direct-actions",
    ] = "internally-visible-actions"
    affected_party_notifications: Literal["may", "must-not"] = "must-not"
    provider_attribution: Literal["may", "must", "must-not"] = "must-not"
    unmodified_resale: Literal["may", "must-not"] = "must-not"


def tlp_marking(tlp: Tlp) -> Object:
    """The marking definition, the same for everybody."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": f"marking-definition--{_TLP_IDS[tlp]}",
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{tlp.upper()}",
        "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": tlp}},
    }


def iep_marking(iep: Iep, marking_id: str, tlp: Tlp) -> Object:
    """A member's policy as a marking definition, created on its first day."""
    policy = {
        "extension_type": "property-extension",
        "encrypt_in_transit": iep.encrypt_in_transit,
        "permitted_actions": iep.permitted_actions,
        "affected_party_notifications": iep.affected_party_notifications,
        "tlp": _TLP_1.get(tlp, tlp),
        "provider_attribution": iep.provider_attribution,
        "unmodified_resale": iep.unmodified_resale,
        "iep_id": iep.iep_id,
        "iep_version": 2.0,
        "description": iep.description,
        "start_date": f"{iep.start_date}T00:00:00Z",
    }
    if iep.end_date is not None:
        policy["end_date"] = f"{iep.end_date}T00:00:00Z"
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": marking_id,
        "created": f"{iep.start_date}T00:00:00.000Z",
        "name": iep.name,
        "external_references": [{"source_name": "iep", "external_id": iep.iep_id}],
        "extensions": {IEP_EXTENSION: policy},
    }
