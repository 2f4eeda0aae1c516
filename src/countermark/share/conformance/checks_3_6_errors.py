"""Sections 3.6 to 3.8: errors, envelopes, names of properties."""

import re

from countermark.share.conformance.http import NOBODY, Answer
from countermark.share.conformance.shapes import RESOURCES, has_type, is_stix_id, missing, unknown
from countermark.share.conformance.table import INFERRED, MUST, NotApplicable, Probe, check
from countermark.share.conformance.world import ABSENT, envelope


def _errors(p: Probe) -> list[tuple[str, Answer]]:
    """Failures that have a body; one is not due (3.1)."""
    return [(name, p.see(one)) for name, one in p.target.failures().items() if one.body]


def _is_error(answer: Answer) -> bool:
    value = answer.resource
    types = all(has_type(kind, value[key]) for key, (kind, _) in RESOURCES["error"].items() if key in value)
    return isinstance(value.get("title"), str) and bool(value["title"]) and types


@check("3.6.1-error", INFERRED, "A body of a failure (it MAY have one, 3.1) is an error resource.", 19, 70)
def error(p: Probe) -> None:
    for name, answer in _errors(p):
        p.require(_is_error(answer), f"{name}: the body is no error resource", answer)


@check("3.6.1-error-of-401", INFERRED, "So is the body of a failed authentication.", 19, 70)
def error_of_401(p: Probe) -> None:
    answer = p.ask("GET", p.target.url("objects/"), who=NOBODY)
    if answer.status < 400:
        raise NotApplicable("the server asks for no credentials")
    p.require(not answer.body or _is_error(answer), "the body is no error resource", answer)


@check("3.6.1-http-status", MUST, "http_status MUST match the HTTP status code.", 71)
def http_status(p: Probe) -> None:
    for name, answer in _errors(p):
        given = answer.resource.get("http_status", str(answer.status))
        p.require(given == str(answer.status), f"{name}: http_status is another", answer)


@check("3.6.1-details", INFERRED, "details is a JSON object.", 72)
def details(p: Probe) -> None:
    for name, answer in _errors(p):
        p.require(
            isinstance(answer.resource.get("details", {}), dict), f"{name}: details is no object", answer
        )


@check("3.7-envelope", MUST, "STIX content MUST be returned in an envelope.", 73)
def is_envelope(p: Probe) -> None:
    for name in ("objects", "object"):
        answer = p.ok(p.see(p.target.resources()[name]))
        good = isinstance(answer.value, dict) and not {"type", "id", "spec_version"} & set(answer.value)
        p.require(good, f"the body of {name} is no envelope", answer)


@check("3.7-stix-objects", MUST, "What an envelope lists MUST be STIX Objects.", 74)
def stix_objects(p: Probe) -> None:
    for name in ("objects", "object"):
        answer = p.ok(p.see(p.target.resources()[name]))
        for one in answer.items():
            good = isinstance(one, dict) and is_stix_id(one.get("id"))
            good = good and one.get("type") == one["id"].partition("--")[0] != "bundle"
            p.require(good, f"{name} lists what is no STIX Object", answer)


_NO_OBJECTS = {
    "a number": b'{"objects": [7]}',
    "an object without an id": envelope({"type": "indicator", "spec_version": "2.1"}),
    "a bundle": envelope({"type": "bundle", "id": f"bundle--{ABSENT}"}),
    "an id that is none": envelope({"type": "x-nope", "spec_version": "2.1", "id": "not-an-id"}),
}


@check("3.7-no-stix-posted", INFERRED, "What is no STIX Object is not taken as one.", 74, 123, writes=True)
def no_stix_posted(p: Probe) -> None:
    p.target.world().posted += [f"bundle--{ABSENT}", "not-an-id"]
    for name, body in _NO_OBJECTS.items():
        answer = p.ask("POST", p.target.url("objects/"), content=body)
        if answer.status == 202:
            p.require(answer.resource.get("success_count") == 0, f"{name} was taken", answer)
        else:
            p.status(answer, 400, 422)


@check(
    "3.7-incomplete-posted",
    INFERRED,
    "Objects MUST be STIX, and answers valid (8.2.1.5): an Indicator without pattern is not taken.",
    74,
    151,
    writes=True,
)
def incomplete_posted(p: Probe) -> None:
    world = p.target.world()
    whole = world.indicator()
    part = {key: whole[key] for key in whole if key not in ("pattern", "pattern_type", "valid_from")}
    answer = p.see(world.post(part))
    if answer.status == 202:
        p.require(answer.resource.get("success_count") == 0, "it was taken", answer)
    else:
        p.status(answer, 400, 422)
    found = p.ask("GET", p.target.url(f"objects/{part['id']}/"))
    p.require(found.status == 404 or not found.items(), "it is served", found)


@check("3.8-required", MUST, "Properties marked required MUST be present, spelled exactly.", 76, 77, 145)
def required(p: Probe) -> None:
    for name, answer in p.target.resources().items():
        for place in missing(name, p.see(answer).resource):
            p.require(False, f"{place} is missing", answer)


@check("3.8-names", MUST, "Property names MUST be exactly the same, including case.", 76)
def names(p: Probe) -> None:
    for name, answer in p.target.resources().items():
        known = {re.sub("[^a-z]", "", one): one for shape in RESOURCES.values() for one in shape}
        for key in unknown(name, p.see(answer).resource):
            near = known.get(re.sub("[^a-z]", "", key.lower()), key)
            p.require(near == key, f"{key[:60]} in place of {near}", answer)
