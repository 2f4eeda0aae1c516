"""Section 2: data types."""

from collections.abc import Iterator

from countermark.share.conformance.http import Answer
from countermark.share.conformance.shapes import (
    BOOLEAN,
    IDENTIFIER,
    INTEGER,
    STRING,
    TIMESTAMP,
    has_type,
    walk,
)
from countermark.share.conformance.table import INFERRED, MUST, Probe, check
from countermark.share.conformance.world import ABSENT


def _properties(p: Probe) -> Iterator[tuple[Answer, str, str, object]]:
    """Properties of all resources: the answer, place, type, value."""
    for name, answer in p.target.resources().items():
        p.see(answer)
        for place, kind, value in walk(name, answer.resource):
            yield answer, place, kind, value


def _all_of(p: Probe, wanted: str) -> None:
    for answer, place, kind, value in _properties(p):
        if kind == wanted:
            p.require(has_type(kind, value), f"{place} is no {kind}", answer)


@check("2-boolean", MUST, "A boolean MUST have a literal (unquoted) value of true or false.", 6)
def booleans(p: Probe) -> None:
    _all_of(p, BOOLEAN)


@check("2-identifier", MUST, "An identifier is a UUID of RFC 4122, version 4 (section 4.4 of it).", 7)
def identifiers(p: Probe) -> None:
    _all_of(p, IDENTIFIER)


@check("2-integer", MUST, "An integer MUST be a JSON integer of at most 54 bits, signed.", 8)
def integers(p: Probe) -> None:
    _all_of(p, INTEGER)


@check("2-string", MUST, "A string is a JSON string.", 16, 152)
def strings(p: Probe) -> None:
    _all_of(p, STRING)


@check("2-list-of-one-type", MUST, "All values within a list MUST conform to the specified type.", 9)
def elements(p: Probe) -> None:
    for answer, place, kind, value in _properties(p):
        if kind.startswith("list of "):
            wanted = str if kind == "list of string" else dict
            good = isinstance(value, list) and all(isinstance(one, wanted) for one in value)
            p.require(good, f"{place} is no {kind}", answer)


@check(
    "2-list-not-empty", MUST, "Every list MUST have at least one value; an empty one is left out.", 10, 11, 12
)
def no_empty_list(p: Probe) -> None:
    answers = p.target.resources()
    for name, answer in [*answers.items(), *p.target.empties().items()]:
        p.see(answer)
        for place, kind, value in walk(name, answer.resource):
            p.require(not kind.startswith("list of ") or value != [], f"{place} is an empty list", answer)
    versions = answers["api-root"].resource.get("versions", ["-"])
    p.require(versions != [], "api-root.versions is empty", answers["api-root"])


@check(
    "2-empty-list-posted",
    INFERRED,
    "Empty lists are prohibited: an envelope with one is malformed.",
    11,
    writes=True,
)
def empty_list_posted(p: Probe) -> None:
    p.target.world()
    p.status(p.ask("POST", p.target.url("objects/"), content=b'{"objects": []}'), 400, 422)


@check(
    "2-timestamp", MUST, "A timestamp MUST be YYYY-MM-DDTHH:MM:SS.ssssssZ: microseconds, UTC, Z.", 13, 14, 15
)
def timestamps(p: Probe) -> None:
    _all_of(p, TIMESTAMP)


@check("2-utf8", MUST, "Strings are Unicode, encoded in UTF-8.", 16)
def utf8(p: Probe) -> None:
    for answer in p.target.resources().values():
        p.see(answer)
        try:
            answer.body.decode("utf-8")
        except UnicodeDecodeError:
            p.require(False, "the body is not UTF-8", answer)


@check("2-bad-utf8-posted", INFERRED, "A body that is not UTF-8 is malformed.", 16, writes=True)
def bad_utf8_posted(p: Probe) -> None:
    p.target.world().posted.append(f"x-test--{ABSENT}")
    body = b'{"objects": [{"type": "x-test", "id": "x-test--' + ABSENT.encode() + b'", "name": "\xff\xfe"}]}'
    answer = p.ask("POST", p.target.url("objects/"), content=body)
    if answer.status == 202:  # taken apart: the object has to be among the failures
        p.require(answer.resource.get("success_count") == 0, "an object that is not UTF-8 was taken", answer)
    else:
        p.status(answer, 400, 422)
