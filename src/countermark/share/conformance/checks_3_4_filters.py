"""Section 3.4: what filters let through."""

from typing import Any

from countermark.share.conformance.http import Answer, query
from countermark.share.conformance.shapes import is_timestamp
from countermark.share.conformance.table import MUST, NotApplicable, Probe, Undetermined, check


def ids_of(answer: Answer) -> list[str]:
    """Ids of objects or records."""
    return [str(one.get("id")) for one in answer.items() if isinstance(one, dict)]


def in_order(records: list[dict[str, Any]], found: list[str]) -> bool:
    """Whether `found` are just these records, each once, by date; of two with one date either comes first."""
    dates = {one["id"]: str(one.get("date_added")) for one in records}
    order = [dates.get(one, "") for one in found]
    return sorted(found) == sorted(dates) and order == sorted(order)


def _ids_at(p: Probe, rest: str, parameters: str) -> tuple[list[str], Answer]:
    answer = p.ok(p.ask("GET", p.target.url(rest) + parameters))
    return ids_of(answer), answer


@check("3.4-added-after", MUST, "Only objects added after the given timestamp, that one left out.", 44, 31)
def added_after(p: Probe) -> None:
    scope, records = p.target.scope()
    middle = records[(len(records) - 1) // 2]
    if not is_timestamp(middle.get("date_added")):
        raise Undetermined("the manifest has no timestamps")
    later = [one for one in records if str(one.get("date_added")) > middle["date_added"]]
    for rest in ("manifest/", "objects/"):
        found, answer = _ids_at(p, rest, f"{scope}&{query(added_after=middle['date_added'])[1:]}")
        p.require(middle["id"] not in found, "the object of that very time is there", answer)
        p.require(in_order(later, found), "not all and only the later objects", answer)


@check("3.4-oldest-first", MUST, "Without added_after the server MUST return the oldest objects first.", 45)
def oldest_first(p: Probe) -> None:
    scope, records = p.target.scope()
    for rest in ("manifest/", "objects/"):
        found, answer = _ids_at(p, rest, f"{scope}&limit=1")
        oldest = {one["id"] for one in records if one.get("date_added") == records[0].get("date_added")}
        p.require(len(found) == 1 and found[0] in oldest, "limit=1 does not give the oldest", answer)


@check("3.4-limit", MUST, "Responses MUST NOT contain more objects than were requested.", 47)
def limit(p: Probe) -> None:
    scope, records = p.target.scope()
    one = f"objects/{records[-1]['id']}/"
    for size in (1, 2, 3):
        for rest in ("manifest/", "objects/"):
            found, answer = _ids_at(p, rest, f"{scope}&limit={size}")
            p.require(len(found) <= size, f"{len(found)} for limit={size}", answer)
    if not p.target.read_only:
        one = f"objects/{p.target.world().many[0]['id']}/"
    answer = p.ok(p.ask("GET", p.target.url(one) + query(match_version="all", limit=1)))
    p.require(len(answer.items()) <= 1, f"{len(answer.items())} for limit=1", answer)
    answer = p.ok(p.ask("GET", p.target.url(f"{one}versions/") + query(limit=1)))
    p.require(len(answer.items("versions")) <= 1, f"{len(answer.items('versions'))} for limit=1", answer)


@check("3.4-limit-all", MUST, "If no more objects are available than the limit, all MUST be included.", 48)
def limit_all(p: Probe) -> None:
    scope, records = p.target.scope()
    for rest in ("manifest/", "objects/"):
        found, answer = _ids_at(p, rest, f"{scope}&limit={len(records)}")
        p.require(in_order(records, found), "not all objects are there", answer)
        p.require(not answer.resource.get("more"), "`more` though there is nothing more", answer)


@check("3.4-more", MUST, "If more objects are available, `more` MUST be true.", 49, 67)
def more(p: Probe) -> None:
    scope, records = p.target.scope()
    if len(records) < 2:
        raise NotApplicable("it takes two objects")
    for rest in ("manifest/", "objects/"):
        _, answer = _ids_at(p, rest, f"{scope}&limit={len(records) - 1}")
        p.require(answer.resource.get("more") is True, "`more` is not true", answer)


def _narrows(p: Probe, rest: str, parameters: str, wanted: list[str], others: list[str]) -> None:
    """A filter lets through `wanted`, and none of `others`."""
    found, answer = _ids_at(p, rest, parameters)
    p.require(set(wanted) <= set(found), f"{rest}: what matches is not there", answer)
    p.require(not set(others) & set(found), f"{rest}: what does not match is there", answer)


def _of_type(records: list[dict[str, Any]], *types: str) -> list[str]:
    return [one["id"] for one in records if one["id"].partition("--")[0] in types]


@check("3.4-match-id", MUST, "match[id] MUST be supported at manifest and objects.", 51, 31)
def match_id(p: Probe) -> None:
    records = p.target.scope()[1]
    wanted, others = records[0]["id"], [one["id"] for one in records[1:]]
    for rest in ("manifest/", "objects/"):
        _narrows(p, rest, query(match_id=wanted), [wanted], others)


@check("3.4-match-type", MUST, "match[type] MUST be supported at manifest and objects.", 51, 58, 118)
def match_type(p: Probe) -> None:
    scope, records = p.target.scope()
    kind = records[0]["id"].partition("--")[0]
    wanted = _of_type(records, kind)
    others = [one["id"] for one in records if one["id"] not in wanted]
    for rest in ("manifest/", "objects/"):
        _narrows(p, rest, f"{scope}&{query(match_type=kind)[1:]}", wanted, others)
        _, answer = _ids_at(p, rest, query(match_type=kind, limit=20))
        types = {one.partition("--")[0] for one in ids_of(answer)}
        p.require(types <= {kind}, f"{rest}: another type is there", answer)


@check(
    "3.4-match-version",
    MUST,
    "match[version] MUST be supported at manifest, objects and object.",
    51,
    writes=True,
)
def match_version(p: Probe) -> None:
    many = p.target.world().many
    stix_id, first = many[0]["id"], many[0]["modified"]
    for rest, parameters in (
        ("manifest/", query(match_id=stix_id, match_version=first)),
        ("objects/", query(match_id=stix_id, match_version=first)),
        (f"objects/{stix_id}/", query(match_version=first)),
    ):
        answer = p.ok(p.ask("GET", p.target.url(rest) + parameters))
        found = [one.get("modified", one.get("version")) for one in answer.items() if isinstance(one, dict)]
        p.require(found == [first], f"{rest}: not that version alone", answer)


@check("3.4-match-spec-version", MUST, "match[spec_version] MUST be supported at all of them.", 51, 56)
def match_spec_version(p: Probe) -> None:
    scope, records = p.target.scope()
    stix_id = records[0]["id"]
    for rest, prefix in (("manifest/", scope), ("objects/", scope), (f"objects/{stix_id}/", "")):
        join = "&" if prefix else "?"
        none = p.ok(
            p.ask("GET", p.target.url(rest) + prefix + join + query(match_spec_version="9.9")[1:]), 200, 404
        )
        p.require(none.status == 404 or not none.items(), f"{rest}: objects of a version that is none", none)
    answer = p.ok(p.ask("GET", p.target.url("objects/") + scope + "&" + query(match_spec_version="2.1")[1:]))
    versions = {one.get("spec_version", "2.1") for one in answer.items() if isinstance(one, dict)}
    p.require(versions <= {"2.1"}, "objects of another specification version", answer)
    if not p.target.read_only:
        p.require(len(answer.items()) == len(records), "objects of 2.1 are missing", answer)
    rest = f"objects/{stix_id}/versions/"
    none = p.ok(p.ask("GET", p.target.url(rest) + query(match_spec_version="9.9")), 200, 404)
    p.require(
        none.status == 404 or not none.items("versions"), "versions of a specification that is none", none
    )


@check("3.4-match-and", MUST, "All match fields are ANDed together.", 53)
def match_and(p: Probe) -> None:
    records = p.target.scope()[1]
    other = "malware" if not records[0]["id"].startswith("malware--") else "indicator"
    for rest in ("manifest/", "objects/"):
        found, answer = _ids_at(p, rest, query(match_id=records[0]["id"], match_type=other))
        p.require(found == [], "an object that meets one of two filters is there", answer)


@check("3.4-match-or", MUST, "Several values of one field are a logical OR.", 54, writes=True)
def match_or(p: Probe) -> None:
    world, (scope, records) = p.target.world(), p.target.scope()
    wanted = _of_type(records, "indicator", "malware")
    for rest in ("manifest/", "objects/"):
        parameters = f"{scope}&{query(match_type='indicator,malware')[1:]}"
        _narrows(p, rest, parameters, wanted, [world.mark["id"], world.sco["id"]])


_TYPES = (
    "attack-pattern,campaign,course-of-action,grouping,identity,incident,indicator,infrastructure,intrusion-set,location",
    "malware,malware-analysis,note,observed-data,opinion,report,threat-actor,tool,vulnerability,relationship,sighting",
    "artifact,autonomous-system,directory,domain-name,email-addr,email-message,file,ipv4-addr,ipv6-addr,mac-addr",
    "mutex,network-traffic,process,software,url,user-account,windows-registry-key,x509-certificate",
    "marking-definition,language-content,extension-definition",
)


@check("3.4.1-all-types", MUST, "Requests for types of STIX 2.1 MUST NOT result in an error.", 59)
def all_types(p: Probe) -> None:
    for group in _TYPES:
        for rest in ("manifest/", "objects/"):
            p.status(p.ask("GET", p.target.url(rest) + query(match_type=group, limit=1)), 200)
