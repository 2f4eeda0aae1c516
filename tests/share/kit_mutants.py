"""Broken servers, and the checks that have to find each of them out."""

import json
from collections.abc import Callable
from typing import Any

from exchange_parties import ABSENT, OTHER, READ_ONLY, SHARED, TAXII, WRITE_ONLY
from kit_faults import (
    FIRST,
    JSON,
    LAST,
    Fault,
    asked,
    body_of,
    crash_on,
    each_object,
    error,
    headers_of,
    in_turn,
    keeps_what_is_deleted,
    lenient,
    next_is_lost,
    next_of_another_query,
    of_status,
    parameters,
    query_of,
    remembering,
    stores_half,
    takes_incomplete,
    trusts_next,
    within,
    without,
)
from kit_runs import made

from countermark.share.conformance.world import ABSENT as KIT_ABSENT

BARE = "application/taxii+json"


def _with(**more: Any) -> Any:
    return lambda body: body | more


def _without(*names: str) -> Any:
    return lambda body: {key: value for key, value in body.items() if key not in names}


def _dated(_: Any, found: Any) -> bool:
    return FIRST in found.headers and found.status_code == 200


def _limit_and_one(query: dict[str, str]) -> dict[str, str]:
    limit = query.get("limit", "")
    return query | {"limit": str(int(limit) + 1)} if limit.isdigit() and 0 < int(limit) < 99 else query


def _milliseconds(headers: Any) -> None:
    for name in (FIRST, LAST):
        headers[name] = headers[name][:23] + "Z"


def _drop(*names: str) -> Any:
    def change(headers: Any) -> None:
        for name in names:
            headers.pop(name, None)

    return change


def _set(name: str, value: str) -> Any:
    return lambda headers: headers.update({name: value})


def _reversed(name: str) -> Any:
    return lambda body: body | ({name: body[name][::-1]} if name in body else {})


def _of_root(body: dict[str, Any], *more: str) -> dict[str, Any]:
    return body | {"api_roots": [*body["api_roots"], *more]}


def _renamed(body: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("title", "Title"): value for key, value in body.items()}


def _as_bundle(body: dict[str, Any]) -> dict[str, Any]:
    return {"type": "bundle", "id": f"bundle--{SHARED}", **body}


def _taken() -> Any:
    status = {"id": ABSENT, "status": "complete", "total_count": 1, "success_count": 1}
    body = status | {"failure_count": 0, "pending_count": 0}
    return made(202, {"content-type": TAXII}, json.dumps(body).encode())


def _nothing() -> Any:
    dates = {FIRST: "2026-01-01T00:00:00.000000Z", LAST: "2026-01-01T00:00:00.000000Z"}
    return made(200, {"content-type": TAXII} | dates, b"{}")


def _of_marking(record: Any) -> Any:
    version = "2026-01-01T00:00:00.000Z" if record["id"].startswith("marking") else record["version"]
    return record | {"version": version}


def _pattern_gone(body: dict[str, Any]) -> dict[str, Any]:
    return body and body | {"objects": [_without("pattern")(one) for one in body["objects"]]}


def _entries(body: dict[str, Any], **change: Any) -> dict[str, Any]:
    """Change what a status says of each object."""
    return body | {"successes": [one | change for one in body["successes"]]} if "successes" in body else body


def _with_details(found: Any) -> Any:
    body = json.loads(found.read()) | {"details": "none"}
    return made(found.status_code, found.headers, json.dumps(body).encode())


def _of_another_type(body: dict[str, Any]) -> dict[str, Any]:
    return body and body | {"objects": [one | {"type": "bundle"} for one in body["objects"]]}


def _is_posted(*bodies: bytes) -> Any:
    return lambda request: request.method == "POST" and request.read() in bodies


def _empty(body: dict[str, Any]) -> dict[str, Any]:
    return body or {"objects": []}


def _html(_: Any) -> Any:
    return made(401, {"content-type": "text/html", "www-authenticate": "Bearer"}, b"<p>Unauthorized</p>")


def _no_error(found: Any) -> Any:
    return made(found.status_code, found.headers, b'{"error": "no"}')


def _told_200(found: Any) -> Any:
    return made(
        found.status_code,
        found.headers,
        json.dumps(json.loads(found.read()) | {"http_status": "200"}).encode(),
    )


def _accepts(*texts: str) -> Any:
    return lambda request: request.headers.get("accept") in texts


MUTANTS: dict[str, Callable[[], Fault]] = {
    "401 in HTML": lambda: of_status(401, _html),
    "401 without a challenge": lambda: headers_of(
        lambda _, a: a.status_code == 401, _drop("www-authenticate")
    ),
    "403 to nobody": lambda: of_status(401, lambda _: error(403)),
    "406 without a version": lambda: asked(_accepts(BARE), lambda: error(406)),
    "406 for table 5.3": lambda: asked(
        lambda r: "stix+json" in r.headers.get("accept", ""), lambda: error(406)
    ),
    "406 for spaces": lambda: asked(lambda r: "; " in r.headers.get("accept", ""), lambda: error(406)),
    "415 without a version": lambda: asked(
        lambda r: r.headers.get("content-type") == BARE, lambda: error(415)
    ),
    "GET without a version": lambda: headers_of(
        lambda r, a: r.method == "GET" and a.status_code == 200, _set("content-type", BARE)
    ),
    "400 as plain JSON": lambda: headers_of(lambda _, a: a.status_code == 400, _set("content-type", JSON)),
    "404 in HTML": lambda: of_status(404, lambda _: error(404, "text/html", b"<p>none</p>")),
    "no First": lambda: headers_of(_dated, _drop(FIRST)),
    "no dates on empty": lambda: headers_of(
        lambda r, a: _dated(r, a) and a.headers.get("content-length") == "2", _drop(FIRST, LAST)
    ),
    "dates in milliseconds": lambda: headers_of(_dated, _milliseconds),
    "dates of the clock": lambda: headers_of(
        _dated, lambda h: h.update({LAST: "2026-12-31T00:00:00.000000Z"})
    ),
    "crash on added_after": lambda: crash_on("added_after"),
    "crash on version": lambda: crash_on("match[version]"),
    "lenient limit": lambda: lenient("limit"),
    "lenient next": lambda: lenient("next"),
    "limit and one": lambda: query_of(_limit_and_one),
    "no more": lambda: body_of("/objects/", _without("more")),
    "next is lost": lambda: next_is_lost,
    "newest first": lambda: body_of("/objects/", _reversed("objects")),
    "all versions": lambda: query_of(lambda q: q if "match[version]" in q else q | {"match[version]": "all"}),
    "first is last": lambda: query_of(
        lambda q: q | {"match[version]": "last"} if q.get("match[version]") == "first" else q
    ),
    "no match[type]": lambda: without("match[type]"),
    "no match[spec_version]": lambda: without("match[spec_version]"),
    "added_after and that very one": lambda: query_of(
        lambda q: q | {"added_after": q["added_after"][:-4] + "000Z"} if "added_after" in q else q
    ),
    "error by another name": lambda: of_status(404, _no_error),
    "http_status 200": lambda: of_status(404, _told_200),
    "a bundle": lambda: body_of("/objects/", _as_bundle),
    "empty lists": lambda: body_of("/objects/", _empty),
    "an http:// root": lambda: body_of("/taxii2/", lambda b: _of_root(b, "http://example.com/x/")),
    "a root with a query": lambda: body_of("/taxii2/", lambda b: _of_root(b, "/x/?a=b")),
    "a root with ../": lambda: body_of("/taxii2/", lambda b: _of_root(b, "../x/")),
    "a root twice": lambda: body_of("/taxii2/", lambda b: _of_root(b, *b["api_roots"])),
    "default is no root": lambda: body_of("/taxii2/", _with(default="/other/")),
    "Title": lambda: body_of("/taxii2/", _renamed),
    "a custom x-A": lambda: body_of("/taxii2/", _with(**{"x-A": 1})),
    "version 2.0 alone": lambda: body_of("/exchange/", _with(versions=[f"{BARE};version=2.0"])),
    "versions without version": lambda: body_of("/exchange/", _with(versions=[BARE, f"{BARE};version=2.1"])),
    "length as text": lambda: body_of("/exchange/", _with(max_content_length="65536")),
    "413 too early": lambda: asked(lambda r: len(r.read()) > 40_000, lambda: error(413)),
    "no 413": lambda: of_status(413, lambda _: error(422)),
    "201 for 202": lambda: of_status(202, lambda a: made(201, a.headers, a.read())),
    "a duplicate fails": remembering,
    "incomplete is taken": lambda: takes_incomplete,
    "half is stored": lambda: stores_half,
    "statuses are forgotten": lambda: asked(lambda r: "/status/" in r.url.path, lambda: error(404)),
    "status 7": lambda: body_of("/objects/", _with(id="7"), "POST"),
    "status done": lambda: body_of("/objects/", _with(status="done"), "POST"),
    "total is one": lambda: body_of("/objects/", _with(total_count=1), "POST"),
    "dates of three digits": lambda: each_object("date_added", lambda v: v[:23] + "Z"),
    "another media type": lambda: each_object("media_type", lambda _: "application/stix+json;version=2.0"),
    "can_read is 1": lambda: body_of(f"/{SHARED}/", _with(can_read=1)),
    "collections in turn": lambda: in_turn(_reversed("collections")),
    "nothing is deleted": lambda: keeps_what_is_deleted,
    "204 for DELETE": lambda: (
        lambda r, f: made(204, {}, b"") if (a := f(r)).status_code == 200 and r.method == "DELETE" else a
    ),
    "403 for hidden": lambda: (
        lambda r, f: error(403) if (a := f(r)).status_code == 404 and r.method == "DELETE" else a
    ),
    "next of another collection": lambda: trusts_next(OTHER),
    "next of another endpoint": lambda: trusts_next(f"{SHARED}/manifest"),
    "the write-only is read": lambda: within(WRITE_ONLY, "GET", 403, _nothing),
    "the read-only is written": lambda: within(READ_ONLY, "POST", 403, _taken),
    "404 for a read-only DELETE": lambda: within(READ_ONLY, "DELETE", 403, lambda: error(404)),
    "404 for a write-only DELETE": lambda: within(WRITE_ONLY, "DELETE", 403, lambda: error(404)),
    "the collections for nobody": lambda: asked(
        lambda r: "authorization" not in r.headers and r.url.path.endswith("/collections/"), _nothing
    ),
    "a false token reads": lambda: asked(
        lambda r: "false" in r.headers.get("authorization", "") and r.url.path.endswith("/manifest/"),
        _nothing,
    ),
    "carol reads with a next": lambda: within(SHARED, "GET", 404, _nothing),
    "next of another query": lambda: next_of_another_query,
    "nothing for an unknown object": lambda: asked(
        lambda r: r.url.path.endswith(f"{SHARED}/objects/indicator--{KIT_ABSENT}/") and r.method == "GET",
        _nothing,
    ),
    "another version of markings": lambda: body_of(
        "manifest/", lambda b: b | {"objects": [_of_marking(one) for one in b["objects"]]} if b else b
    ),
    "crash on bad UTF-8": lambda: asked(lambda r: b"\xff" in r.read(), lambda: error(500)),
    "an empty list is taken": lambda: asked(_is_posted(b'{"objects": []}'), _taken),
    "no envelope is taken": lambda: asked(_is_posted(b"{}"), _taken),
    "a number is taken": lambda: asked(_is_posted(b'{"objects": [7]}'), _taken),
    "broken JSON crashes": lambda: asked(_is_posted(b'{"objects": ['), lambda: error(500)),
    "custom properties crash": lambda: asked(lambda r: b"x_conformance" in r.read(), lambda: error(500)),
    "no incidents": lambda: asked(
        lambda r: "incident" in parameters(r).get("match[type]", ""), lambda: error(400)
    ),
    "patterns are not served": lambda: body_of("/objects/", _pattern_gone),
    "no POST": lambda: asked(lambda r: r.method == "POST" and r.read() == b"{}", lambda: error(405)),
    "no Last": lambda: headers_of(_dated, _drop(LAST)),
    "406 for many": lambda: asked(lambda r: ", " in r.headers.get("accept", ""), lambda: error(406)),
    "400 for text/html": lambda: asked(_accepts("text/html"), lambda: error(400)),
    "crash without Accept": lambda: asked(lambda r: "accept" not in r.headers, lambda: error(500)),
    "crash on text/plain": lambda: asked(
        lambda r: r.headers.get("content-type") == "text/plain", lambda: error(500)
    ),
    "a list as collection": lambda: body_of(f"/{SHARED}/", lambda b: [b]),
    "titles are numbers": lambda: body_of(f"/{SHARED}/", _with(title=7)),
    "a root that crashes": lambda: asked(lambda r: r.url.path == "/exchange/", lambda: error(500)),
    "unknown roots are there": lambda: asked(lambda r: r.url.path.startswith("/no-api-root"), _nothing),
    "text/html as version": lambda: body_of(
        "/exchange/", _with(versions=["text/html;version=2.1", f"{BARE};version=2.1"])
    ),
    "unknown statuses are there": lambda: asked(
        lambda r: KIT_ABSENT in r.url.path and "/status/" in r.url.path, _nothing
    ),
    "crash on no UUID": lambda: asked(lambda r: r.url.path.endswith("/no-uuid/"), lambda: error(500)),
    "negative counts": lambda: body_of("/objects/", _with(pending_count=-1), "POST"),
    "ids of nothing": lambda: body_of("/objects/", lambda b: _entries(b, id=f"malware--{ABSENT}"), "POST"),
    "versions are the clock": lambda: body_of(
        "/objects/", lambda b: _entries(b, version="2026-01-01T00:00:00.000Z"), "POST"
    ),
    "an empty list of collections": lambda: body_of(
        "/exchange/collections/", lambda b: b or {"collections": []}
    ),
    "unknown collections are there": lambda: asked(
        lambda r: f"/collections/{KIT_ABSENT}/" in r.url.path, _nothing
    ),
    "an alias twice": lambda: body_of(
        "/exchange/collections/",
        lambda b: b and {"collections": [one | {"alias": "same"} for one in b["collections"]]},
    ),
    "an empty list of records": lambda: body_of("manifest/", _empty),
    "an empty list of versions": lambda: body_of("versions/", lambda b: b or {"versions": []}),
    "versions lack one": lambda: body_of("versions/", lambda b: b and b | {"versions": b["versions"][-1:]}),
    "DELETE of all specifications": lambda: query_of(
        lambda q: {name: value for name, value in q.items() if name != "match[spec_version]"}, "DELETE"
    ),
    "no match[id]": lambda: without("match[id]"),
    "a version is any version": lambda: query_of(
        lambda q: q | {"match[version]": "all"} if "T" in q.get("match[version]", "") else q
    ),
    "crash on huge limits": lambda: asked(
        lambda r: len(parameters(r).get("limit", "")) > 15, lambda: error(500)
    ),
    "crash on unknown fields": lambda: asked(lambda r: "match[foo]" in parameters(r), lambda: error(500)),
    "next without more": lambda: body_of("/objects/", lambda b: b and {"next": "x"} | b),
    "details as text": lambda: of_status(404, _with_details),
    "types of another kind": lambda: body_of("/objects/", _of_another_type),
    "crash on a changed next": lambda: asked(
        lambda r: "passwd" in parameters(r).get("next", ""), lambda: error(500)
    ),
}
