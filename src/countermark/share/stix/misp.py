"""Hand-over to MISP: STIX objects as one event, and an event as STIX objects, with a list of what is lost.

misp-stix converts. Around it stands what it gets wrong (measured with misp-stix 2026.10.12): it imports
revoked objects and exports deleted attributes as live ones, merges an indicator with an observable of the
same value and loses both, forgets sightings of what it merged, puts an event's TLP on the grouping only, says
`tlp:amber` with the marking of TLP 1, and makes text of AS numbers. Its errors and warnings are no list of
losses, so the list is made by converting back and comparing (`differences.py`).
"""

import hashlib
import logging
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.stix.differences import Item, Loss, differences
from countermark.share.stix.misp_markings import event_tag, mark_with_event
from countermark.share.stix.schemas import check_objects

MAX_OBJECTS = 20_000
MAX_EVENT_BYTES = 64 << 20
REVOKED = "revoked: what was taken back is not handed over"
DELETED = "deleted in MISP: not handed over"
CARRIED = "its value stands in an indicator that is handed over; the converter would lose both"
NO_PLACE = "MISP has no place for it"
NOT_COMPARED = "the converter cannot read back what it made of the event"
_AS_NUMBER = re.compile(r"(autonomous-system:number = )'(?:AS)?(\d{1,10})'", re.ASCII)
_ONE_RUN = "countermark/misp-event/v1"
_UNSUPPORTED = frozenset({"infrastructure", "language-content", "extension-definition"})
_ATTRIBUTES, _OBJECTS = "Attribute", "Object"


def to_misp(objects: Sequence[Mapping[str, Any]], *, title: str = "") -> tuple[Item, list[Loss]]:
    """One MISP event (`{"Event": {…}}`), and what of the objects it does not hold.

    It is distributed to one's own organisation only (`distribution` 0); whoever imports it decides on more.
    The event's UUID is made of the objects' ids, so later versions of the same objects are the same event.
    Raises `Error` for too many objects, for none that can be handed over, and where the converter fails.
    """
    given = {str(one["id"]): dict(one) for one in objects}
    if len(given) > MAX_OBJECTS:
        raise Error(f"more than {MAX_OBJECTS} objects do not fit in one event", hint="hand over a part")
    kept, why = _selected(given)
    sightings = [one for one in kept.values() if one["type"] == "sighting"]
    event = _event(kept, why, title or "Distillation campaigns")
    _finish(event, given, kept)
    _add_sightings(event, sightings, given)
    back, _ = _objects({"Event": event})
    came_back = {one["id"]: one for one in back}
    why |= {key: NO_PLACE for key in given if key not in came_back and key not in why}
    return {"Event": event}, differences(given, came_back, why)


def from_misp(event: Mapping[str, Any]) -> tuple[list[Item], list[Loss]]:
    """STIX objects of an event, checked; and what of the event they do not hold, by event, attribute, object.

    Attributes that MISP marks as deleted are left out. A TLP tag of the event holds for all of it; such a tag
    does not say of which version it is, and is read as TLP 2.0 (only `tlp:white` is of TLP 1).
    Raises `Error` for what is no event.
    """
    if len(msgspec.json.encode(event)) > MAX_EVENT_BYTES:
        raise Error(f"the event is larger than {MAX_EVENT_BYTES >> 20} MiB", exit_code=ExitCode.NO_INPUT)
    made, dropped = _objects(event)
    before = _parts(event)
    why = {key: DELETED for key, part in before.items() if _deleted(part)}
    try:
        after = _parts(_event_of(made))
    except Error:  # then nobody can say what came over, and all of it is listed
        after, why = {}, {key: why.get(key, NOT_COMPARED) for key in before}
    return made, [*differences(before, after, why), *dropped]


def _selected(given: Mapping[str, Item]) -> tuple[dict[str, Item], dict[str, str]]:
    """What goes to the converter, and why the rest does not."""
    why = {key: REVOKED for key, one in given.items() if one.get("revoked") is True}
    patterns = [
        str(one.get("pattern")) for key, one in given.items() if one["type"] == "indicator" and key not in why
    ]
    values = {value for pattern in patterns for value in re.findall(r"= '?([^'\]]+)'?", pattern)}
    for key, one in given.items():
        value = one.get("value", one.get("number"))
        if value is not None and "created" not in one and str(value) in values:
            why.setdefault(key, CARRIED)
    for key, one in given.items():
        refs = one.get("object_refs")
        if one["type"] == "observed-data" and refs and all(why.get(ref) == CARRIED for ref in refs):
            why.setdefault(key, CARRIED)
        elif one["type"] in _UNSUPPORTED:
            why.setdefault(key, NO_PLACE)
    kept = {key: one for key, one in given.items() if key not in why}
    for key, one in list(kept.items()):
        ends = [one[name] for name in ("source_ref", "target_ref", "sighting_of_ref") if name in one]
        if any(end not in kept for end in ends):
            why[key] = "what it relates is not handed over"
            del kept[key]
    return kept, why


def _event(kept: Mapping[str, Item], why: dict[str, str], title: str) -> Item:
    """The converter's event of these objects, sightings aside."""
    import stix2
    from misp_stix_converter import ExternalSTIX2toMISPParser

    parsed = []
    for key, one in kept.items():
        if one["type"] == "sighting":
            continue
        try:
            parsed.append(stix2.parse(one, allow_custom=True, version="2.1"))
        except Exception:  # stix2 raises what it likes
            why[key] = "the converter's parser cannot read it"
    if not parsed:
        raise Error("none of the objects can be handed over to MISP", exit_code=ExitCode.NO_INPUT)
    number = hashlib.sha256("\n".join([_ONE_RUN, *sorted(kept)]).encode()).digest()[:16]
    with _converting():
        parser = ExternalSTIX2toMISPParser()
        bundle_id = f"bundle--{uuid.UUID(bytes=number, version=4)}"
        parser.load_stix_bundle(stix2.v21.Bundle(objects=parsed, id=bundle_id, allow_custom=True))
        parser.parse_stix_bundle(single_event=True, title=title)
        event = msgspec.json.decode(parser.misp_event.to_json(), type=dict[str, Any])
    for messages in parser.errors.values():
        for message in messages:
            for key in re.findall(r"[a-z0-9-]+--[0-9a-f-]{36}", str(message)):
                why.setdefault(key, "the converter failed on it")
    return event


def _finish(event: Item, given: Mapping[str, Item], kept: Mapping[str, Item]) -> None:
    """Who, when, for whom, under which TLP; and times of versions, which the converter leaves out."""
    times = [str(one["modified"]) for one in kept.values() if "modified" in one]
    event["distribution"], event["analysis"], event["threat_level_id"] = "0", "2", "4"
    if times:
        event["date"] = max(times)[:10]
        event["timestamp"] = str(_seconds(max(times)))
    creators = [str(one["created_by_ref"]) for one in kept.values() if "created_by_ref" in one]
    if creators:
        creator = max(sorted(set(creators)), key=creators.count)
        event["Orgc"] = {"name": _name(creator, given), "uuid": creator[-36:]}
    tag = event_tag(kept.values())
    if tag and all(one.get("name") != tag for one in event.setdefault("Tag", [])):
        event["Tag"].append({"name": tag})
    by_uuid = {key[-36:]: one for key, one in kept.items() if one["type"] == "indicator"}
    for part in [*event.get(_ATTRIBUTES, []), *event.get(_OBJECTS, [])]:
        part["distribution"] = "5"  # as the event
        if part["uuid"] in by_uuid:
            part["timestamp"] = str(_seconds(by_uuid[part["uuid"]]["modified"]))


def _add_sightings(event: Item, sightings: Iterable[Item], given: Mapping[str, Item]) -> None:
    """Ours instead of the converter's: with a UUID, without which it cannot read its own event back."""
    by_uuid = {part["uuid"]: part for part in event.get(_ATTRIBUTES, [])}
    for one in sightings:
        attribute = by_uuid.get(one["sighting_of_ref"][-36:])
        if attribute is None:
            continue
        seer = (one.get("where_sighted_refs") or [one.get("created_by_ref", "")])[0]
        entry = {
            "uuid": one["id"][-36:],
            "type": "0",
            "date_sighting": str(_seconds(str(one.get("last_seen", one["modified"])))),
        }
        if seer:
            entry["Organisation"] = {"uuid": seer[-36:], "name": _name(seer, given)}
            attribute.setdefault("Sighting", []).append(entry)


def _objects(event: Mapping[str, Any]) -> tuple[list[Item], list[Loss]]:
    """The converter's objects of an event, set right and checked; what was dropped for not being valid."""
    from misp_stix_converter import MISPtoSTIX21Parser

    body = event.get("Event", event)
    if not isinstance(body, dict) or not isinstance(body.get("uuid"), str):
        raise Error("this is no MISP event", exit_code=ExitCode.NO_INPUT)
    body = _living(body)
    started = time.time()
    with _converting():
        parser = MISPtoSTIX21Parser()
        parser.parse_misp_event({"Event": body})
        made = msgspec.json.decode(parser.bundle.serialize(), type=dict[str, Any])["objects"]
    made = [_set_right(one, body, started) for one in made]
    made = mark_with_event(made, body)
    checked = check_objects([msgspec.json.encode(one) for one in made])
    good = [one for one, check in zip(made, checked, strict=True) if not check.problem]
    dropped = [
        Loss(id=str(one.get("id")), why=f"the converter's object is not valid: {check.problem}")
        for one, check in zip(made, checked, strict=True)
        if check.problem
    ]
    return good, dropped


def _event_of(objects: Sequence[Item]) -> Item:
    """The event that MISP would make of the objects that were made of an event."""
    import stix2
    from misp_stix_converter import InternalSTIX2toMISPParser

    with _converting():
        parser = InternalSTIX2toMISPParser()
        bundle = stix2.v21.Bundle(
            objects=[stix2.parse(one, allow_custom=True, version="2.1") for one in objects], allow_custom=True
        )
        parser.load_stix_bundle(bundle)
        parser.parse_stix_bundle(single_event=True)
        return msgspec.json.decode(parser.misp_event.to_json(), type=dict[str, Any])


def _living(body: Mapping[str, Any]) -> Item:
    """An event without what was deleted in it, and with a date and a maker, which the converter asks for."""
    event = dict(body)
    event["Tag"] = _parts_named(body, "Tag")
    for name in (_ATTRIBUTES, _OBJECTS):
        event[name] = [dict(one) for one in _parts_named(body, name) if not _deleted(one)]
    for one in event[_OBJECTS]:
        one[_ATTRIBUTES] = [part for part in _parts_named(one, _ATTRIBUTES) if not _deleted(part)]
    event.setdefault("date", datetime.now(UTC).date().isoformat())
    event.setdefault("Orgc", {"name": "unknown", "uuid": str(uuid.UUID(int=0, version=4))})
    for part in event[_ATTRIBUTES]:
        if "Sighting" in part:
            part["Sighting"] = [_with_uuid(one, part) for one in _parts_named(part, "Sighting")]
    return event


def _deleted(part: Mapping[str, Any]) -> bool:
    return part.get("deleted") in (True, 1, "1", "true")


def _with_uuid(sighting: Item, part: Item) -> Item:
    """The converter raises for a sighting without one."""
    if isinstance(sighting.get("uuid"), str):
        return sighting
    digest = hashlib.sha256(f"{part.get('uuid')}\n".encode() + msgspec.json.encode(sighting, order="sorted"))
    return sighting | {"uuid": str(uuid.UUID(bytes=digest.digest()[:16], version=4))}


def _set_right(one: Item, event: Mapping[str, Any], started: float) -> Item:
    """AS numbers are numbers; what the converter dates to now is of the event's time."""
    if isinstance(one.get("pattern"), str):
        one["pattern"] = _AS_NUMBER.sub(r"\1\2", one["pattern"])
    stamp = str(event.get("timestamp", ""))
    moment = (
        _rfc3339(int(stamp)) if stamp.isdecimal() and len(stamp) < 12 else f"{event['date']}T00:00:00.000Z"
    )
    for name in ("created", "modified", "published", "valid_from"):
        if isinstance(one.get(name), str) and _seconds(one[name]) >= int(started):
            one[name] = moment
    return one


def _parts(event: Mapping[str, Any]) -> dict[str, Item]:
    """An event as items: itself, its attributes, its objects, and the attributes of those."""
    event = event.get("Event", event)
    nested = (_ATTRIBUTES, _OBJECTS)
    items = {"event": {name: value for name, value in event.items() if name not in nested}}
    for one in _parts_named(event, _ATTRIBUTES):
        items[f"attribute {one.get('uuid')}"] = one
    for one in _parts_named(event, _OBJECTS):
        items[f"object {one.get('uuid')}"] = {k: v for k, v in one.items() if k != _ATTRIBUTES}
        for part in _parts_named(one, _ATTRIBUTES):
            items[f"attribute {part.get('uuid')}"] = part | {"of_object": one.get("uuid")}
    return items


def _parts_named(holder: Mapping[str, Any], name: str) -> list[Item]:
    found = holder.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Error(f"this is no MISP event: {name} is no list of objects", exit_code=ExitCode.NO_INPUT)
    return found


def _name(stix_id: str, given: Mapping[str, Item]) -> str:
    """An identity's name as the objects give it."""
    return str(given.get(stix_id, {}).get("name", stix_id[-36:]))


def _seconds(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise Error("a time in it is no RFC 3339", exit_code=ExitCode.NO_INPUT) from None


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def _converting() -> Iterator[None]:
    """The converter's exceptions become one `Error`, and its logging does not reach the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    except Exception as error:  # misp-stix raises what it likes; told by its kind, as words may quote input
        raise Error(
            f"misp-stix cannot convert this ({type(error).__name__})", exit_code=ExitCode.NO_INPUT
        ) from None
    finally:
        logging.disable(before)
