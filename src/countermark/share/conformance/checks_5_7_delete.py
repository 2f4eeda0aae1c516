"""Section 5.7: deleting an object. Each check deletes what it added itself."""

from typing import Any

from countermark.share.conformance.checks_3_4_filters import ids_of
from countermark.share.conformance.checks_3_5_paging import first_page
from countermark.share.conformance.http import TAXII, Answer, query
from countermark.share.conformance.table import MUST, OPEN, Probe, Undetermined, check


def _gone(p: Probe, one: dict[str, Any], parameters: str = "") -> Answer:
    """DELETE it; raises `Undetermined` where the server does not."""
    answer = p.ask("DELETE", p.target.url(f"objects/{one['id']}/") + parameters)
    if answer.status != 200:
        p.evidence.append(answer)
        raise Undetermined(f"DELETE was answered {answer.status}: see 5.7-success")
    return answer


def _new(p: Probe, number: int = 1) -> list[dict[str, Any]]:
    """Objects that were added to be deleted."""
    world = p.target.world()
    made = [world.indicator() for _ in range(number)]
    for one in made:
        p.ok(p.see(world.post(one)), 200, 201, 202)
    return made


@check(
    "5.7-success",
    MUST,
    "DELETE by STIX id is answered with 200, in the media type of TAXII.",
    128,
    132,
    writes=True,
)
def success(p: Probe) -> None:
    one = _new(p)[0]
    answer = p.ask("DELETE", p.target.url(f"objects/{one['id']}/"))
    if p.status(answer, 200):
        p.require(answer.is_taxii, f"Content-Type is not {TAXII}", answer)


@check("5.7-gone", MUST, "After a DELETE any attempt to fetch that object MUST return 404.", 129, writes=True)
def gone(p: Probe) -> None:
    one = _new(p)[0]
    _gone(p, one)
    p.status(p.ask("GET", p.target.url(f"objects/{one['id']}/")), 404)


@check(
    "5.7-gone-from-lists", MUST, "Manifest and contents MUST NOT return a deleted object.", 130, writes=True
)
def gone_from_lists(p: Probe) -> None:
    one = _new(p)[0]
    _gone(p, one)
    for rest in ("manifest/", "objects/"):
        answer = p.ask("GET", p.target.url(rest) + query(match_id=one["id"], match_version="all"))
        p.require(one["id"] not in ids_of(answer), f"{rest}: it is there", answer)


@check("5.7-gone-from-next", MUST, "Nor is it returned by an older `next`.", 130, writes=True)
def gone_from_next(p: Probe) -> None:
    made = _new(p, 3)
    scope = query(match_id=",".join(one["id"] for one in made))
    first, token = first_page(p, f"{scope}&limit=1")
    rest = [one for one in made if one["id"] not in ids_of(first)]
    _gone(p, rest[0])
    answer = p.ask("GET", p.target.url("objects/") + f"{scope}&limit=1&{query(next=token)[1:]}")
    p.require(rest[0]["id"] not in ids_of(answer), "the deleted object is there", answer)


def _two_versions(p: Probe) -> tuple[dict[str, Any], dict[str, Any]]:
    world = p.target.world()
    one = world.indicator(minutes=1)
    two = world.indicator(minutes=2, like=one)
    for version in (one, two):
        p.ok(p.see(world.post(version)), 200, 201, 202)
    return one, two


@check(
    "5.7-one-version",
    MUST,
    "match[version] selects what is deleted; other versions stay.",
    133,
    51,
    writes=True,
)
def one_version(p: Probe) -> None:
    one, two = _two_versions(p)
    _gone(p, one, query(match_version=one["modified"]))
    answer = p.ok(p.ask("GET", p.target.url(f"objects/{one['id']}/") + query(match_version="all")), 200, 404)
    found = [each.get("modified") for each in answer.items() if isinstance(each, dict)]
    p.require(found == [two["modified"]], "not the other version alone is left", answer)


@check(
    "5.7-version-gone",
    MUST,
    "After a DELETE any attempt to fetch that version MUST return 404.",
    129,
    writes=True,
)
def version_gone(p: Probe) -> None:
    one, _ = _two_versions(p)
    version = query(match_version=one["modified"])
    _gone(p, one, version)
    p.status(p.ask("GET", p.target.url(f"objects/{one['id']}/") + version), 404)


@check("5.7-spec-version", MUST, "match[spec_version] selects what is deleted.", 133, 51, writes=True)
def spec_version(p: Probe) -> None:
    one = _new(p)[0]
    p.ask("DELETE", p.target.url(f"objects/{one['id']}/") + query(match_spec_version="9.9"))
    answer = p.ask("GET", p.target.url(f"objects/{one['id']}/"))
    p.require(ids_of(answer) == [one["id"]], "an object of another specification version was deleted", answer)


@check(
    "5.7-all-versions",
    OPEN,
    "DELETE without a filter: all versions, or the last one (3.4.1).",
    129,
    writes=True,
)
def all_versions(p: Probe) -> None:
    one, _ = _two_versions(p)
    _gone(p, one)
    p.status(p.ask("GET", p.target.url(f"objects/{one['id']}/")), 404)
