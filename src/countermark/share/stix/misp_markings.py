"""TLP between STIX markings and MISP tags, where one step too lax is a breach of what was promised."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from countermark.share.stix.differences import Item
from countermark.share.stix.marked import TLP_1
from countermark.share.stix.markings import TLPS, Tlp, tlp_marking

_TAGS = {f"tlp:{one}": one for one in TLPS}
_WHITE = "tlp:white"
_STRICTNESS = (_WHITE, *_TAGS)
"""Tags from the laxest on."""
_MARKING_OF = {tag: tlp_marking(tlp)["id"] for tag, tlp in _TAGS.items()} | {
    _WHITE: next(key for key, word in TLP_1.items() if word == "white")
}
_TAG_OF = {marking: tag for tag, marking in _MARKING_OF.items()} | {
    key: f"tlp:{word}" for key, word in TLP_1.items()
}
_NOT_MARKED = frozenset({"marking-definition", "identity"})


def event_tag(objects: Iterable[Item]) -> str:
    """The strictest TLP tag of what is handed over; empty where nothing is marked."""
    tags = {_TAG_OF[ref] for one in objects for ref in one.get("object_marking_refs", ()) if ref in _TAG_OF}
    return max(tags, key=_STRICTNESS.index, default="")


def mark_with_event(objects: Sequence[Item], event: Mapping[str, Any]) -> list[Item]:
    """Objects of an event under TLP 2.0: their own marking, else the event's; with the definitions they need.

    The converter marks the grouping only, and with TLP 1's amber, green and red.
    """
    tags = [str(tag.get("name", "")).lower() for tag in event.get("Tag", ())]
    of_event = max((tag for tag in tags if tag in _STRICTNESS), key=_STRICTNESS.index, default="")
    kept = [one for one in objects if one["id"] not in _TAG_OF]
    for one in kept:
        if one["type"] in _NOT_MARKED:
            continue
        refs = one.get("object_marking_refs", [])
        own = [_TAG_OF[ref] for ref in refs if ref in _TAG_OF]
        tag = max([*own, *([of_event] if of_event and not own else [])], key=_STRICTNESS.index, default="")
        if tag:
            one["object_marking_refs"] = [
                *(ref for ref in refs if ref not in _TAG_OF),
                _MARKING_OF[tag],
            ]
    used = {ref for one in kept for ref in one.get("object_marking_refs", ())}
    given = {one["id"]: one for one in objects}
    for tag in _STRICTNESS:
        marking = _MARKING_OF[tag]
        if marking in used:
            kept.append(given[marking] if tag == _WHITE and marking in given else _definition(tag))
    return kept


def _definition(tag: str) -> Item:
    if tag != _WHITE:
        tlp: Tlp = _TAGS[tag]
        return tlp_marking(tlp)
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": _MARKING_OF[_WHITE],
        "created": "2017-01-20T00:00:00.000Z",
        "name": "TLP:WHITE",
        "definition_type": "tlp",
        "definition": {"tlp": "white"},
    }
