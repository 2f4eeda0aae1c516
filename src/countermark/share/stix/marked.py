"""Markings that come in: TLP 1 and 2.0 are constants that everybody has, IEP is a policy in known words.

The form of IEP 2.0 is that of the draft's text (see `markings.py`), since its JSON Schema cannot be met.
"""

import re
from typing import Any

from countermark.share.stix.bounds import Refused
from countermark.share.stix.markings import IEP_EXTENSION, TLP_EXTENSION, TLPS, tlp_marking

_TLP_2 = {one["id"]: one for one in map(tlp_marking, TLPS)}
TLP_1 = {
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": "white",
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "green",
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "amber",
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "red",
}
_IEP_WORDS = {
    "encrypt_in_transit": {"must", "may"},
    "permitted_actions": {
        *("none", "contact-for-instruction", "internally-visible-actions"),
        *("externally-visible-indirect-actions", "externally-visible-direct-actions"),
    },
    "affected_party_notifications": {"may", "must-not"},
    "tlp": {"red", "amber", "green", "white"},
    "provider_attribution": {"may", "must", "must-not"},
    "unmodified_resale": {"may", "must-not"},
}
_IEP_OTHER = {"extension_type", "iep_id", "iep_version", "description", "start_date", "end_date"}
_UUID_4_5 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.I)
_NOT_WITH_IEP = ("created_by_ref", "object_marking_refs", "modified")


def check_marking(stix: dict[str, Any]) -> None:
    """Raise `Refused` for a marking definition that pretends to be a constant, or an IEP of other words."""
    name, extensions = stix["id"].lower(), stix.get("extensions", {})
    if name in TLP_1 and (stix.get("definition_type"), stix.get("definition")) != (
        "tlp",
        {"tlp": TLP_1[name]},
    ):
        raise Refused("id: it is that of a marking of TLP 1, and the content is another")
    if name in _TLP_2 or TLP_EXTENSION in extensions:
        official = _TLP_2.get(name)
        if official is None or any(stix.get(key) != value for key, value in official.items()):
            raise Refused("extensions: not one of the five markings of TLP 2.0 as OASIS publishes them")
    if IEP_EXTENSION in extensions:
        _check_iep(stix, extensions)


def _check_iep(stix: dict[str, Any], extensions: dict[str, Any]) -> None:
    if len(extensions) != 1 or any(name in stix for name in _NOT_WITH_IEP):
        raise Refused("extensions: an IEP stands alone, without a creator or markings of its own")
    policy = extensions[IEP_EXTENSION]
    if policy.get("extension_type") != "property-extension" or "name" not in stix:
        raise Refused("extensions: an IEP is a property-extension of a marking definition with a name")
    for name, words in _IEP_WORDS.items():
        if not isinstance(policy.get(name), str) or policy[name] not in words:
            raise Refused(f"extensions: {name} of the IEP is none of its words")
    version = policy.get("iep_version")
    if isinstance(version, bool) or version != 2 or not _UUID_4_5.fullmatch(str(policy.get("iep_id"))):
        raise Refused("extensions: iep_version is 2.0, and iep_id a UUID of version 4 or 5")
    if not set(policy) <= _IEP_WORDS.keys() | _IEP_OTHER:
        raise Refused("extensions: the IEP has a property that it does not know")
