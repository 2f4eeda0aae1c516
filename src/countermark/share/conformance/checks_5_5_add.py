"""Section 5.5: adding objects."""

import json

from countermark.share.conformance.http import query
from countermark.share.conformance.table import INFERRED, MUST, OPEN, Probe, check
from countermark.share.conformance.world import envelope


@check("5.5-accepted", MUST, "POST is answered with 202 and a status resource.", 120, writes=True)
def accepted(p: Probe) -> None:
    for answer in p.target.world().statuses:
        if p.status(p.see(answer), 202):
            p.require("total_count" in answer.resource, "the body is no status", answer)


@check("5.5-all-taken", INFERRED, "Valid objects are taken: no failures.", 120, 151, writes=True)
def all_taken(p: Probe) -> None:
    for answer in p.target.world().statuses:
        p.require(p.see(answer).resource.get("failure_count") == 0, "valid objects failed", answer)


@check("5.5-duplicate", MUST, "For an exact duplicate the server MUST not return an error.", 121, writes=True)
def duplicate(p: Probe) -> None:
    world = p.target.world()
    answer = p.see(world.post(world.a))
    if p.status(answer, 202):
        good = answer.resource.get("failure_count") == 0
        p.require(good, "it is among the failures (cti-taxii2 issue 106 asks what an error is)", answer)
    found = p.ok(p.ask("GET", p.target.url(f"objects/{world.a['id']}/") + query(match_version="all")))
    p.require(len(found.items()) <= 1, "it is stored twice", found)


@check(
    "5.5-envelope",
    INFERRED,
    "Clients MUST deliver objects in an envelope: nothing else is taken.",
    123,
    writes=True,
)
def in_envelope(p: Probe) -> None:
    world = p.target.world()
    made = world.indicator()
    world.posted.append(made["id"])
    one = json.dumps(made).encode()
    for body in (one, b"[" + one + b"]", b"{}"):
        p.status(p.ask("POST", p.target.url("objects/"), content=body), 400, 422)


@check("5.5-malformed", INFERRED, "A malformed body is answered with 422, or 400.", 124, writes=True)
def malformed(p: Probe) -> None:
    p.target.world()
    for body in (b'{"objects": [', b"", b"[" * 20_000):
        p.status(p.ask("POST", p.target.url("objects/"), content=body), 400, 413, 422)


@check("5.5-all-or-nothing", INFERRED, "What is answered with an error is not stored.", 124, writes=True)
def all_or_nothing(p: Probe) -> None:
    world = p.target.world()
    good = world.indicator()
    world.posted.append(good["id"])
    bad = {"type": "indicator", "spec_version": "2.1"}
    answer = p.ask("POST", p.target.url("objects/"), content=envelope(good, bad))
    found = p.ask("GET", p.target.url(f"objects/{good['id']}/"))
    if answer.status >= 400:
        p.status(answer, 400, 422)
        p.require(found.status == 404, "an object of a refused envelope is stored", answer, found)
    else:
        p.require(answer.resource.get("failure_count"), "the bad object is not among the failures", answer)


@check("5.5-pairs", OPEN, "Two versions in one envelope are both taken.", 120, writes=True)
def pairs(p: Probe) -> None:
    world = p.target.world()
    one = world.indicator(minutes=1)
    answer = p.see(world.post(one, world.indicator(minutes=2, like=one)))
    p.require(answer.resource.get("success_count") == 2, "they are not", answer)
