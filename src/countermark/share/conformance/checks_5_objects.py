"""Sections 5.4, 5.6 and 5.8: objects, one object, its versions."""

from countermark.share.conformance.checks_3_4_filters import ids_of
from countermark.share.conformance.http import query
from countermark.share.conformance.table import MUST, Probe, check
from countermark.share.conformance.world import ABSENT


@check("5.4-empty", MUST, "If no objects are returned, the response MUST include an empty envelope.", 119)
def empty(p: Probe) -> None:
    for name in ("objects", "object"):
        answer = p.see(p.target.empties()[name])
        if p.status(answer, 200):
            p.require(answer.value == {}, f"{name}: it is no empty envelope", answer)


@check("5.6-by-id", MUST, "{object-id} MUST be the STIX id.", 125)
def by_id(p: Probe) -> None:
    answer = p.see(p.target.resources()["object"])
    if p.status(answer, 200):
        p.require(ids_of(answer) == [p.target.scope()[1][0]["id"]], "it gives another object", answer)


@check("5.6-unknown", MUST, "An object that is not there is answered with 404.", 127)
def unknown(p: Probe) -> None:
    p.status(p.ask("GET", p.target.url(f"objects/indicator--{ABSENT}/")), 404)


@check("5.6-as-it-came", MUST, "What was added is what is given.", 151, 152, writes=True)
def as_it_came(p: Probe) -> None:
    world = p.target.world()
    for sent in (world.a, world.many[-1], world.malicious, world.mark, world.sco):
        answer = p.ok(p.ask("GET", p.target.url(f"objects/{sent['id']}/")))
        p.require(answer.items() == [sent], f"{sent['type']}: not what was added", answer)


@check("5.8-versions", MUST, "The versions of an object are those that were added.", 134, writes=True)
def versions(p: Probe) -> None:
    many = p.target.world().many
    answer = p.ok(p.ask("GET", p.target.url(f"objects/{many[0]['id']}/versions/")))
    wanted = sorted(one["modified"] for one in many)
    p.require(sorted(map(str, answer.items("versions"))) == wanted, "they are others", answer)


@check("5.8-created", MUST, "For an object without modified the server MUST use created.", 134, writes=True)
def created(p: Probe) -> None:
    mark = p.target.world().mark
    answer = p.ok(p.ask("GET", p.target.url(f"objects/{mark['id']}/versions/")))
    p.require(answer.items("versions") == [mark["created"]], "the version is not `created`", answer)


@check("5.8.1-empty", MUST, "Without versions the key MUST be omitted: an empty object.", 135)
def no_versions(p: Probe) -> None:
    answer = p.see(p.target.empties()["versions"])
    if p.status(answer, 200):
        p.require(answer.value == {}, "it is no empty object", answer)


@check("5.8-unknown", MUST, "Versions of an object that is not there are answered with 404.", 32)
def unknown_versions(p: Probe) -> None:
    p.status(p.ask("GET", p.target.url(f"objects/indicator--{ABSENT}/versions/") + query(limit=1)), 404)
