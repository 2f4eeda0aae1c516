"""Revocation: an object and all that the member published that hangs on it (STIX 2.1, section 3.6.1)."""

from collections.abc import Iterable

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
    """Revoking versions of these objects of `terms.earlier`, of what hangs on them and of every relationship
    and sighting of ours that names them; those revoked before and those never published are passed over.

    Raises `Error` for an object that another member made.
    """
    own = {
        stix_id: one
        for stix_id, one in terms.earlier.items()
        if one.get("created_by_ref") == terms.who.identity_id and "modified" in one
    }
    asked = list(stix_ids)
    foreign = [one for one in asked if one in terms.earlier and one not in own]
    if foreign:
        raise Error(f"{foreign[0]} was made by another member, and only its creator revokes it")
    ends: dict[str, list[tuple[str, str]]] = {}
    for stix_id, one in own.items():
        for name in ("source_ref", "target_ref", "sighting_of_ref"):
            if isinstance(one.get(name), str):
                ends.setdefault(one[name], []).append((stix_id, name))
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


def _hanging(relation: object, end: str) -> str:
    """The other end of a relationship where that goes too; else empty."""
    goes = _HANGS.get(relation, "") if isinstance(relation, str) else ""
    return goes if goes and goes != end else ""
