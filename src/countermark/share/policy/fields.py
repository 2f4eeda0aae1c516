"""The leaves of a STIX object, the rule that names each, and taking out what is refused.

A leaf is a value that is no object and no list, or an empty one. Its place is the names on the way to it,
with `[]` for an element of a list. A rule's place is compared name by name: a name that holds a dot names
nothing.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from countermark.share.policy.document import Policy, Rule

MAX_LEAVES = 5000
MAX_DEPTH = 16
Way = tuple[str | int, ...]
"""Names and list positions from the object down to a leaf."""

_VERSIONED = {"type", "spec_version", "id", "created", "modified", "created_by_ref"}
REQUIRED: Mapping[str, frozenset[str]] = {
    kind: frozenset(_VERSIONED | set(more.split()))
    for kind, more in {
        "attack-pattern": "name",
        "campaign": "name",
        "identity": "name",
        "indicator": "pattern pattern_type valid_from valid_until",
        "infrastructure": "name",
        "note": "content object_refs",
        "observed-data": "first_observed last_observed number_observed object_refs",
        "relationship": "relationship_type source_ref target_ref",
        "sighting": "sighting_of_ref",
    }.items()
} | {
    "autonomous-system": frozenset({"type", "id", "number"}),
    "domain-name": frozenset({"type", "id", "value"}),
    "extension-definition": frozenset(_VERSIONED | {"name", "schema", "version", "extension_types"}),
    "ipv4-addr": frozenset({"type", "id", "value"}),
    "ipv6-addr": frozenset({"type", "id", "value"}),
    "marking-definition": frozenset({"type", "spec_version", "id", "created", "extensions"}),
    "network-traffic": frozenset({"type", "id", "protocols"}),
}
"""Properties without which an object of the type is none: STIX 2.1, sections 3 to 7. `valid_until` and
`created_by_ref` are ours: without an author nobody can withdraw an object."""
ESSENTIAL = frozenset({"revoked", "object_marking_refs", "granular_markings", "created_by_ref", "defanged"})
"""Taken out, these would let an object say more, or something else, than it said."""


class TooMuch(Exception):
    """An object that is too deep or has too many values to be looked at."""


def leaves(value: Any, way: Way = ()) -> Iterator[tuple[Way, Any]]:
    """Every leaf with its way, in the object's order; raises `TooMuch`."""
    for count, leaf in enumerate(_leaves(value, way)):
        if count >= MAX_LEAVES:
            raise TooMuch(f"over {MAX_LEAVES:,} values")
        yield leaf


def _leaves(value: Any, way: Way) -> Iterator[tuple[Way, Any]]:
    if len(way) > MAX_DEPTH:
        raise TooMuch(f"over {MAX_DEPTH} levels deep")
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*way, name))
    elif isinstance(value, list) and value:
        for at, inner in enumerate(value):
            yield from _leaves(inner, (*way, at))
    else:
        yield way, value


def place_of(way: Way) -> str:
    """A way as a rule spells it; empty (no rule) where a name holds what rules use as punctuation."""
    parts: list[str] = []
    for step in way:
        if isinstance(step, int):
            parts[-1] += "[]"
        elif not step or any(character in step for character in ".[]:* "):
            return ""
        else:
            parts.append(step)
    return ".".join(parts)


def shown(way: Way) -> str:
    """A way for people: `external_references[0].url`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in way)
    return text.removeprefix(".")[:300]


Table = Mapping[tuple[str, str], Rule]


def table_of(policy: Policy) -> Table:
    """Type and place to rule."""
    table = {}
    for rule in policy.rules:
        for place in rule.places:
            kind, _, path = place.partition(":")
            table[kind, path] = rule
    return table


def rule_for(table: Table, kind: str, way: Way) -> Rule | None:
    """The rule that names a leaf of an object of that type; None: nothing does."""
    place = place_of(way)
    return (table.get((kind, place)) or table.get(("*", place))) if place else None


def essential(kind: str, way: Way, rule: Rule | None) -> bool:
    """Whether the object cannot leave without this leaf."""
    first = way[0] if way else ""
    return (
        first in ESSENTIAL
        or first in REQUIRED.get(kind, frozenset(_VERSIONED))
        or (rule is not None and rule.essential)
    )


def without(value: Mapping[str, Any], ways: list[Way]) -> dict[str, Any]:
    """A copy without these leaves: in a list the whole element goes, and what is left empty goes too."""
    result: dict[str, Any] = copy.deepcopy(dict(value))
    cuts = {_cut(way) for way in ways}
    for way in sorted(
        cuts, key=lambda one: [(isinstance(step, int), str(step).zfill(8)) for step in one], reverse=True
    ):
        _remove(result, way)
    return result


def _cut(way: Way) -> Way:
    """Where to cut: at the outermost element of a list, else at the leaf."""
    for at, step in enumerate(way):
        if isinstance(step, int):
            return way[: at + 1]
    return way


def _remove(value: Any, way: Way) -> None:
    chain = [value]
    for step in way[:-1]:
        chain.append(chain[-1][step])
    del chain[-1][way[-1]]
    for at in range(len(chain) - 1, 0, -1):
        if not chain[at]:
            del chain[at - 1][way[at - 1]]
