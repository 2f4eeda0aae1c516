"""Test identifiers that both members have (spec/identifiers.md): public, and no real item can equal one."""

from countermark.records.canonical import canonical_json
from countermark.share.overlap.hash_to_group import hash_to_group
from countermark.share.overlap.identifiers import framed
from countermark.share.overlap.messages import PLANTED
from countermark.share.overlap.voprf import CONTEXT

PLANTED_KIND = "planted"


def planted_items(run: str, member: str, peer: str) -> list[bytes]:
    """The framed items of a run of two members, the same whichever of them asks.

    ValueError where the two are one.
    """
    first, second = sorted((member, peer), key=str.encode)
    if first == second:
        raise ValueError("a run is of two members")
    return [
        framed(PLANTED_KIND, canonical_json([run, first, second, number]).decode())
        for number in range(PLANTED)
    ]


def planted_points(run: str, member: str, peer: str) -> list[bytes]:
    """HashToGroup of each, in order."""
    return [hash_to_group(item, CONTEXT) for item in planted_items(run, member, peer)]
