"""The sharing policy applied: every field of every object that would leave is allowed or refused, by a rule.

Default deny: a field that no rule names, a value that has not the form of its rule, a value under its floor,
a reference to an object that does not leave, is refused. A refused field that the object needs keeps the
object here; another is taken out. Where a condition of the whole release does not hold, nothing leaves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
import rfc8785

from countermark.records.canonical import canonical_json
from countermark.share.policy import fields
from countermark.share.policy.context import Ground, unmet
from countermark.share.policy.forms import as_time
from countermark.share.policy.review import (
    LIFE,
    REFERENCE,
    REVOCATION,
    SHAPE,
    TYPES,
    VERSION,
    Field,
    Review,
    Reviewed,
)
from countermark.share.policy.values import field_of, life_problem
from countermark.share.stix.atlas import table as atlas_table
from countermark.share.stix.markings import TLPS, tlp_marking

OBSERVABLES = frozenset({"ipv4-addr", "ipv6-addr", "autonomous-system", "domain-name", "network-traffic"})
"""Types whose id is made from the value alone: who knows the id can find the value by trying."""
MAX_OBJECT_BYTES = 1 << 18
MAX_OBJECTS = 50_000


@dataclass
class _Draft:
    """An object while it is looked at."""

    given: Mapping[str, Any]
    id: str
    type: str
    seen: dict[fields.Way, Field] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    stays: str = ""
    """Why it does not leave."""

    def refuse(self, way: fields.Way, why: Field, essential: bool) -> None:
        self.seen[way] = why
        if essential and not self.stays:
            self.stays = f"{why.path}: {why.reason}" if why.path else why.reason

    def finish(self) -> Reviewed:
        cuts = [way for way, one in self.seen.items() if not one.allowed]
        sent = None if self.stays else fields.without(self.given, cuts)
        listed = list(self.seen.values())
        return Reviewed(self.id, self.type, not self.stays, listed, self.stays, self.classes, sent)


def evaluate(ground: Ground, objects: Iterable[Mapping[str, Any]]) -> Review:
    """Apply the policy to objects (plain data, as JSON has them). Pure: nothing is read, written or sent."""
    table = fields.table_of(ground.policy)
    drafts = [_draft(ground, table, one) for one in objects]
    _refuse_twins(drafts)
    _refuse_references(ground, drafts)
    _refuse_changed(ground, drafts)
    conditions = unmet(ground)
    if drafts and all(one.stays or REVOCATION in one.classes for one in drafts):
        # a withdrawal tells nothing new, and a legal basis that ran out must not stand in its way
        conditions = {key: why for key, why in conditions.items() if key == "purpose"}
    for one in drafts:
        if conditions and not one.stays:
            one.stays = f"a condition does not hold: {'; '.join(conditions.values())}"
    return Review(conditions, [one.finish() for one in drafts])


def _draft(ground: Ground, table: fields.Table, given: Mapping[str, Any]) -> _Draft:
    draft = _Draft(given, str(given.get("id", ""))[:300], str(given.get("type", ""))[:300])
    problem = _shape_problem(given) or _id_problem(ground, draft)
    if problem:
        draft.refuse((), Field("", False, SHAPE, reason=problem), True)
    elif given.get("revoked") is True:
        _revocation(ground, draft)
    elif draft.type not in ground.policy.types:
        _type_refused(ground, draft)
    else:
        _fields(ground, table, draft)
        problem = _version_problem(ground, draft)
        if problem:
            draft.refuse((), Field("", False, VERSION, reason=problem), True)
    return draft


def _shape_problem(given: Mapping[str, Any]) -> str:
    try:
        for _ in fields.leaves(given):
            pass
        if len(canonical_json(given)) > MAX_OBJECT_BYTES:
            return f"an object over {MAX_OBJECT_BYTES >> 10} KiB"
    except fields.TooMuch as error:
        return str(error)
    except (rfc8785.CanonicalizationError, TypeError, ValueError, RecursionError):
        return "no plain JSON"
    kind, identity = given.get("type"), given.get("id")
    if not isinstance(kind, str) or not isinstance(identity, str) or not identity.startswith(f"{kind}--"):
        return "an object whose id is not of its type"
    return ""


def _id_problem(ground: Ground, draft: _Draft) -> str:
    """Ids of version 1 tell machine and time; those of 3 and 5 are found by trying what they are made of."""
    if draft.type in OBSERVABLES or draft.id == ground.context.member_id or draft.id[-22:-21] == "4":
        return ""
    return "its id is no random one (UUID version 4): such an id can tell what it was made from"


def _version_problem(ground: Ground, draft: _Draft) -> str:
    """Why no such version may follow the one that left: STIX 2.1, section 3.6."""
    before = ground.released.get(draft.id)
    if before is None or "modified" not in before:
        return ""
    if before.get("revoked") is True:
        return "it was withdrawn, and no version may follow"
    if as_time(before.get("created")) != as_time(draft.given.get("created")):
        return "it left with another time of creation"
    then, now = as_time(before.get("modified")), as_time(draft.given.get("modified"))
    return "a later version of it left" if then and now and now < then else ""


def _refuse_changed(ground: Ground, drafts: list[_Draft]) -> None:
    """A version that left is not given another content."""
    for one in drafts:
        before = ground.released.get(one.id)
        if one.stays or before is None or before.get("modified") != one.given.get("modified"):
            continue
        sent = one.finish().sent
        if sent is not None and canonical_json(sent) != canonical_json(before):
            why = "this version of it left with another content"
            one.refuse((), Field("", False, VERSION, reason=why), True)


def _fields(ground: Ground, table: fields.Table, draft: _Draft) -> None:
    for way, value in fields.leaves(draft.given):
        rule = fields.rule_for(table, draft.type, way)
        one = field_of(ground, rule, way, value, draft.classes)
        draft.seen[way] = one
        if not one.allowed:
            draft.refuse(way, one, fields.essential(draft.type, way, rule))
    for name in sorted(fields.REQUIRED.get(draft.type, frozenset()) - set(draft.given)):
        rule_id = LIFE if name == "valid_until" else SHAPE
        draft.refuse((name,), Field(name, False, rule_id, reason="it is missing"), True)
    if draft.type == "indicator" and not draft.stays:
        problem = life_problem(ground, draft.given, draft.classes)
        if problem:
            draft.refuse(("valid_until",), Field("valid_until", False, LIFE, reason=problem), True)


def _type_refused(ground: Ground, draft: _Draft) -> None:
    topic = next((one for one in ground.policy.topics if draft.type in one.types), None)
    rule = topic.id if topic else TYPES
    why = topic.why if topic else f"no object of type {draft.type} leaves"
    for way, _ in fields.leaves(draft.given):
        refused = Field(fields.shown(way), False, rule, reason=why, sources=topic.sources if topic else ())
        draft.seen[way] = refused
    draft.stays = why


def _revocation(ground: Ground, draft: _Draft) -> None:
    """A withdrawal: the object as it left, with `revoked` and a later `modified`, and nothing else."""
    before = ground.released.get(draft.id)
    then, now = as_time((before or {}).get("modified")), as_time(draft.given.get("modified"))
    good = before is not None and then is not None and now is not None and then < now
    if not good or _bare(before or {}) != _bare(draft.given):
        draft.stays = "a revocation repeats an object that left, with revoked and a later modified alone"
    else:
        draft.classes[REVOCATION] = 0
    for way, leaf in fields.leaves(draft.given):
        value = None if draft.stays else leaf
        draft.seen[way] = Field(
            fields.shown(way), not draft.stays, REVOCATION, reason=draft.stays, value=value
        )


def _bare(value: Mapping[str, Any]) -> bytes:
    return canonical_json({key: one for key, one in value.items() if key not in ("modified", "revoked")})


def _refuse_twins(drafts: list[_Draft]) -> None:
    """One id and version with two contents would leave it open which of them was approved."""
    seen: dict[tuple[str, Any], _Draft] = {}
    for one in drafts:
        version = msgspec.json.encode(one.given.get("modified"))
        first = seen.setdefault((one.id, version), one)
        if first is not one and not one.stays:
            one.refuse((), Field("", False, SHAPE, reason="the same id and version stands twice"), True)


def _refuse_references(ground: Ground, drafts: list[_Draft]) -> None:
    """Refuse what refers to an object that stays, until nothing does: an id can be made from the value."""
    given = {one.id for one in drafts}
    changed = True
    while changed:
        leaving = {one.id for one in drafts if not one.stays}
        changed = False
        for one in drafts:
            if not one.stays and REVOCATION not in one.classes:
                changed |= _refuse_of(ground, one, given, leaving)


def _refuse_of(ground: Ground, draft: _Draft, given: set[str], leaving: set[str]) -> bool:
    found = False
    for way, value in fields.leaves(draft.given):
        if not _is_reference(way) or not draft.seen[way].allowed or value in leaving:
            continue
        problem = _outside_problem(ground, way, str(value), given)
        if problem:
            refused = Field(fields.shown(way), False, REFERENCE, reason=problem)
            needed = fields.essential(draft.type, way, None) and not _others(draft, way)
            draft.refuse(way, refused, needed)
            found = True
    return found


def _outside_problem(ground: Ground, way: fields.Way, value: str, given: set[str]) -> str:
    """Why a reference to what is not in the release may not leave; empty where it may."""
    name = [step for step in way if isinstance(step, str)][-1]
    if name == "object_marking_refs":
        return "" if value in _shared_markings() else "it is under a marking that does not leave with it"
    if value in given or value.partition("--")[0] in OBSERVABLES:
        return "it names an object that stays"
    known = value in ground.released or value in _techniques() or value == ground.context.member_id
    # what is sighted is another's object, which has its id from there
    if known or name == "sighting_of_ref" or value[-22:-21] == "4":
        return ""
    return "it names an object by an id that is no random one (UUID version 4)"


@cache
def _shared_markings() -> frozenset[str]:
    """TLP 2.0, which every reader has, but for red."""
    return frozenset(tlp_marking(one)["id"] for one in TLPS if one != "red")


@cache
def _techniques() -> frozenset[str]:
    return frozenset(one.stix_id for one in atlas_table().techniques)


def _others(draft: _Draft, way: fields.Way) -> bool:
    """Whether the list that the reference is in still holds another that is allowed."""
    others = (one for one in draft.seen if one[:-1] == way[:-1] and one != way)
    return isinstance(way[-1], int) and any(draft.seen[one].allowed for one in others)


def _is_reference(way: fields.Way) -> bool:
    names = [step for step in way if isinstance(step, str)]
    return bool(names) and names[-1].endswith(("_ref", "_refs"))
