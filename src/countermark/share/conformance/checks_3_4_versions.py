"""Section 3.4.1: match[version] and match[spec_version]."""

from countermark.share.conformance.http import query
from countermark.share.conformance.table import MUST, NotApplicable, Probe, check


def _versions(p: Probe, wanted: str | None) -> list[tuple[str, list[object]]]:
    """Versions of the object with three, at manifest, objects and object, by the name of the endpoint."""
    stix_id = p.target.world().many[0]["id"]
    found = []
    for rest in ("manifest/", "objects/", f"objects/{stix_id}/"):
        parameters = {} if rest.count("/") == 2 else {"match_id": stix_id}
        if wanted is not None:
            parameters["match_version"] = wanted
        answer = p.ok(p.ask("GET", p.target.url(rest) + query(**parameters)))
        dicts = [one for one in answer.items() if isinstance(one, dict)]
        found.append((rest.partition("/")[0], [one.get("modified", one.get("version")) for one in dicts]))
    return found


@check(
    "3.4.1-latest",
    MUST,
    "Without match[version] the server MUST return only the latest version.",
    60,
    writes=True,
)
def latest(p: Probe) -> None:
    newest = p.target.world().many[-1]["modified"]
    for name, versions in _versions(p, None):
        p.require(versions == [newest], f"{name}: not the latest version alone", *p.asked)


@check("3.4.1-keywords", MUST, "last, first, all and several values select versions.", 63, writes=True)
def keywords(p: Probe) -> None:
    first, second, third = (one["modified"] for one in p.target.world().many)
    wanted = {"last": {third}, "first": {first}, "all": {first, second, third}, "first,last": {first, third}}
    for keyword, versions in wanted.items():
        for name, found in _versions(p, keyword):
            good = len(found) == len(versions) and {str(one) for one in found} == versions
            p.require(good, f"{name}: other versions for {keyword}", p.asked[-1])


@check("3.4.1-value", MUST, "A version that is given selects exactly that one.", 65, writes=True)
def value(p: Probe) -> None:
    second = p.target.world().many[1]["modified"]
    for name, found in _versions(p, second):
        p.require(found == [second], f"{name}: not exactly that version", p.asked[-1])


@check("3.4.1-created", MUST, "For an object that is not versioned, created is the version.", 61, writes=True)
def created(p: Probe) -> None:
    mark = p.target.world().mark
    for rest in ("manifest/", "objects/"):
        answer = p.ok(
            p.ask("GET", p.target.url(rest) + query(match_id=mark["id"], match_version=mark["created"]))
        )
        found = [one.get("id") for one in answer.items() if isinstance(one, dict)]
        p.require(found == [mark["id"]], f"{rest}: created does not find it", answer)


@check(
    "3.4.1-latest-spec", MUST, "Without match[spec_version] only the latest of an object.", 57, writes=True
)
def latest_spec(p: Probe) -> None:
    types = p.target.here.get("media_types", ["application/stix+json"])
    if "application/stix+json;version=2.0" not in types:
        raise NotApplicable("the collection does not list STIX 2.0")
    world = p.target.world()
    new = world.indicator()
    old = {key: new[key] for key in ("type", "id", "created", "modified", "name", "valid_from")}
    old |= {"labels": ["anomalous-activity"], "pattern": new["pattern"]}
    for one in (old, new):
        p.ok(p.see(world.post(one)), 202)
    path = p.target.url("objects/")
    answer = p.ok(p.ask("GET", path + query(match_id=new["id"])))
    specs = [one.get("spec_version") for one in answer.items() if isinstance(one, dict)]
    p.require(specs == ["2.1"], "not the object of 2.1 alone", answer)
    answer = p.ok(p.ask("GET", path + query(match_id=new["id"], match_spec_version="2.0")))
    specs = [one.get("spec_version") for one in answer.items() if isinstance(one, dict)]
    p.require(specs == [None], "not the object of 2.0 alone", answer)
