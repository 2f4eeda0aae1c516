"""Checks objects that come in: is this an object of STIX 2.1 that may be stored and passed on?

In this order: bounds of its JSON, OASIS' schemas, the rules that schemas do not check, markings, patterns.
What STIX allows is allowed: types, properties and extensions that nobody here knows are kept as they came.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from countermark.records.canonical import sha256_hex
from countermark.share.stix.bounds import Refused, read_object
from countermark.share.stix.marked import check_marking
from countermark.share.stix.oasis import Schemas, schemas
from countermark.share.stix.patterns import Effort, check_pattern
from countermark.share.stix.rules import TIME, check_rules

SPEC_VERSION = "2.1"
REQUEST_EFFORT = 100_000
"""Characters of complex patterns in one request to a server: some 3 seconds."""
_MAX_TIME = 30
_HEAD = re.compile(r"[!-~]{1,300}")


class _Names(msgspec.Struct):
    id: Any = None
    type: Any = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One object after its check."""

    stix_id: str
    """Empty where the object has none that could be told back."""
    type: str
    version: str | None
    """`modified`, else `created`, as the object spells it; None for an object with neither."""
    spec_version: str
    """Always `2.1`: objects of STIX 2.0 are refused."""
    data: bytes
    """The bytes that came."""
    sha256: str
    """Of the canonical JSON (RFC 8785) of the object, so that its spelling does not count; of the bytes where
    there is no such form. Lower-case hex."""
    problem: str
    """Why it cannot be taken, in one line; empty when it can."""


def check_objects(raw: Sequence[bytes], *, effort_for_patterns: int = REQUEST_EFFORT) -> list[Checked]:
    """One result for each, in order. It never raises for what the bytes hold.

    Patterns that are not of the plain form are parsed up to so many characters in all (some 25 µs each);
    objects with further ones are refused.
    """
    known, effort = schemas(), Effort(effort_for_patterns)
    return [_check(bytes(one), known, effort) for one in raw]


def _check(data: bytes, known: Schemas, effort: Effort) -> Checked:
    try:
        stix, digest = read_object(data)
    except Refused as refused:
        names = _names(data)
        return Checked(
            stix_id=_named(names.id),
            type=_named(names.type),
            version=None,
            spec_version=SPEC_VERSION,
            data=data,
            sha256=sha256_hex(data),
            problem=str(refused),
        )
    problem = ""
    try:
        _check_stix(stix, known, effort)
    except Refused as refused:
        problem = str(refused)
    version = stix.get("modified", stix.get("created"))
    return Checked(
        stix_id=_named(stix.get("id")),
        type=_named(stix.get("type")),
        version=version if isinstance(version, str) and _is_time(version) else None,
        spec_version=SPEC_VERSION,
        data=data,
        sha256=digest,
        problem=problem,
    )


def _check_stix(stix: dict[str, Any], known: Schemas, effort: Effort) -> None:
    kind = stix.get("type")
    if not isinstance(kind, str):
        raise Refused("type: it is missing or no text")
    if kind == "bundle":
        raise Refused("type: a StixBundle is no object; send what it holds")
    observable = _is_observable(stix, kind, known)
    if stix.get("spec_version", SPEC_VERSION if observable else "2.0") != SPEC_VERSION:
        raise Refused("spec_version: only objects of STIX 2.1 are taken")
    problem = known.problem(stix, observable=observable)
    if problem:
        raise Refused(problem)
    check_rules(stix, known)
    if kind == "marking-definition":
        check_marking(stix)
    elif kind == "indicator" and stix["pattern_type"] == "stix":
        check_pattern(stix["pattern"], stix.get("pattern_version", SPEC_VERSION), effort)
    elif kind == "observed-data" and "objects" in stix:
        _check_observed(stix["objects"], known)


def _is_observable(stix: dict[str, Any], kind: str, known: Schemas) -> bool:
    """An SCO; one of a type that STIX does not know has neither `created` nor `modified`."""
    if kind in known.types:
        return kind in known.observables
    return "created" not in stix and "modified" not in stix


def _check_observed(objects: dict[str, Any], known: Schemas) -> None:
    """The deprecated form of observed-data, which holds its observables."""
    for one in objects.values():
        if not isinstance(one, dict) or not isinstance(one.get("type"), str):
            raise Refused("objects: an observable has no type")
        if one["type"] in known.types - known.observables:
            raise Refused("objects: it holds what is no observable")
        problem = known.problem(one, observable=True)
        if problem:
            raise Refused(f"objects: {problem}"[:300])
        check_rules(one, known)


def _names(data: bytes) -> _Names:
    """What an object that is out of bounds is called, so that its sender can be told."""
    try:
        return msgspec.json.decode(data, type=_Names)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Names()


def _named(value: object) -> str:
    """An id or a type that may be told back."""
    return value if isinstance(value, str) and _HEAD.fullmatch(value) else ""


def _is_time(text: str) -> bool:
    return len(text) <= _MAX_TIME and TIME.fullmatch(text) is not None
