"""Sections 5.1 to 5.3: collections and manifests."""

from countermark.share.conformance.http import query
from countermark.share.conformance.table import INFERRED, MUST, OPEN, SHOULD, NotApplicable, Probe, check
from countermark.share.conformance.world import ABSENT


@check("5.1-collections", INFERRED, "The collection and the list of collections say the same.", 32)
def collections(p: Probe) -> None:
    answer = p.ok(p.see(p.target.resources()["collection"]))
    for name in ("id", "can_read", "can_write"):
        p.require(answer.resource.get(name) == p.target.here.get(name), f"{name} is another", answer)


@check("5.2-unknown", MUST, "A collection that is not there is answered with 404.", 32)
def unknown(p: Probe) -> None:
    for rest in ("", "objects/", "manifest/"):
        p.status(p.ask("GET", p.target.url(rest, ABSENT)), 404)


@check("5.2.1-alias-unique", MUST, "An alias MUST be unique within an API root.", 110)
def alias_unique(p: Probe) -> None:
    answer = p.see(p.target.resources()["collections"])
    aliases = [one["alias"] for one in p.target.collections if isinstance(one.get("alias"), str)]
    p.require(len(set(aliases)) == len(aliases), "an alias is given twice", answer)


@check(
    "5.2.1-alias-answers",
    OPEN,
    "An alias in place of the id leads to the collection (an example says so).",
    110,
)
def alias_answers(p: Probe) -> None:
    for one in p.target.collections:
        if isinstance(one.get("alias"), str) and one["alias"].isascii() and one["alias"].isalnum():
            answer = p.ask("GET", p.target.url("", one["alias"]))
            p.require(answer.resource.get("id") == one["id"], "it does not", answer)
            return
    raise NotApplicable("no collection has an alias")


def _media_types(p: Probe) -> list[object]:
    found = p.target.here.get("media_types", ["application/stix+json"])
    return found if isinstance(found, list) else []


@check("5.2.1-media-types", MUST, "media_types MUST describe all that the collection can store.", 112, 117)
def media_types(p: Probe) -> None:
    known = _media_types(p)
    for answer in (
        p.target.resources()["manifest"],
        p.ask("GET", p.target.url("manifest/") + query(limit=50)),
    ):
        for one in p.see(answer).items():
            if isinstance(one, dict) and "media_type" in one:
                p.require(one["media_type"] in known, "a record has another media type", answer)


@check("5.3-empty", MUST, "Without records `objects` MUST be omitted: an empty object.", 113)
def empty(p: Probe) -> None:
    answer = p.ok(p.see(p.target.empties()["manifest"]))
    p.require(answer.value == {}, "it is no empty object", answer)


@check(
    "5.3-same-as-objects", MUST, "Ids and versions of the manifest are those of the objects.", 114, 115, 118
)
def same_as_objects(p: Probe) -> None:
    found = p.target.resources()
    manifest, objects = p.ok(p.see(found["manifest"])), p.ok(p.see(found["objects"]))
    records = {one.get("id"): one.get("version") for one in manifest.items() if isinstance(one, dict)}
    given = {one.get("id"): one for one in objects.items() if isinstance(one, dict)}
    p.require(set(records) == set(given), "other ids for the same query", manifest, objects)
    for stix_id, one in given.items():
        version = one.get("modified", one.get("created"))
        if version is not None and stix_id in records:
            p.require(records[stix_id] == version, "another version for the same query", manifest, objects)


@check("5.3-created", MUST, "Without modified the server MUST use created as version.", 115, writes=True)
def created(p: Probe) -> None:
    mark = p.target.world().mark
    answer = p.ok(p.ask("GET", p.target.url("manifest/") + query(match_id=mark["id"])))
    versions = [one.get("version") for one in answer.items() if isinstance(one, dict)]
    p.require(versions == [mark["created"]], "the version is not `created`", answer)


@check(
    "5.3-neither",
    SHOULD,
    "Without both the version is consistent: the same at manifest and versions.",
    116,
    writes=True,
)
def neither(p: Probe) -> None:
    stix_id = p.target.world().sco["id"]
    manifest = p.ok(p.ask("GET", p.target.url("manifest/") + query(match_id=stix_id)))
    versions = p.ok(p.ask("GET", p.target.url(f"objects/{stix_id}/versions/")))
    found = [one.get("version") for one in manifest.items() if isinstance(one, dict)]
    p.require(found == versions.items("versions"), "they are not the same", manifest, versions)
