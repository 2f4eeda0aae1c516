"""Revocation: an object and all that the member published that hangs on it (STIX 2.1, section 3.6.1)."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from countermark.errors import Error
from countermark.share.stix.terms import Terms
from countermark.share.stix.versions import Object, revoked

_HANGS = {
    "indicates": "source_ref",
    "based-on": "target_ref",
    "consists-of": "target_ref",
    "uses": "target_ref",
}
"""By relationship: which end goes with the other. An indicator goes with its campaign, never a campaign with
its indicator."""


def withdraw(stix_ids: Iterable[str], terms: Terms) -> list[Object]:
    """Revoking versions of these objects of `terms.earlier`, of what hangs on them and of every relationship,
    sighting and note of ours that names them; those revoked before and those never published are passed over.

    An observable (an address, a domain) has no versions and cannot be revoked: in its place goes what says
    something of it, the indicators and the Observed Data. Raises `Error` for an object that another made.
    """
    own = {
        stix_id: one
        for stix_id, one in terms.earlier.items()
        if one.get("created_by_ref") == terms.who.identity_id and "modified" in one
    }
    asked = [named for one in stix_ids for named in _of_observable(terms.earlier.get(one), own) or [one]]
    foreign = [one for one in asked if one in terms.earlier and one not in own]
    if foreign:
        raise Error(f"{foreign[0]} was made by another member, and only its creator revokes it")
    ends: dict[str, list[tuple[str, str]]] = {}
    for stix_id, one in own.items():
        for name in ("source_ref", "target_ref", "sighting_of_ref"):
            if isinstance(one.get(name), str):
                ends.setdefault(one[name], []).append((stix_id, name))
        for about in one.get("object_refs", ()) if one["type"] == "note" else ():
            ends.setdefault(about, []).append((stix_id, "object_refs"))
    gone: dict[str, None] = {}
    waiting = [one for one in asked if one in own]
    while waiting:
        stix_id = waiting.pop()
        if stix_id in gone:
            continue
        gone[stix_id] = None
        for relation_id, end in ends.get(stix_id, ()):
            waiting.append(relation_id)
            other = _hanging(own[relation_id].get("relationship_type"), end)
            if other and own[relation_id].get(other) in own:
                waiting.append(own[relation_id][other])
    return [
        revoked(own[stix_id], terms.who.identity_id, terms.now)
        for stix_id in sorted(gone)
        if own[stix_id].get("revoked") is not True
    ]


def _of_observable(one: Mapping[str, Any] | None, own: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Our objects that speak of an observable of ours; empty for what is none."""
    value = None if one is None or "created" in one else one.get("value", one.get("number"))
    if one is None or value is None:
        return []
    literal = re.escape(f"'{value}'") if isinstance(value, str) else f"(?<![0-9]){value}(?![0-9])"
    compared = re.compile(rf"{re.escape(one['type'])}:.*{literal}")
    return [
        stix_id
        for stix_id, made in own.items()
        if (made["type"] == "observed-data" and one["id"] in made.get("object_refs", ()))
        or (made["type"] == "indicator" and compared.search(str(made.get("pattern"))))
    ]


def _hanging(relation: object, end: str) -> str:
    """The other end of a relationship where that goes too; else empty."""
    goes = _HANGS.get(relation, "") if isinstance(relation, str) else ""
    return goes if goes and goes != end else ""
