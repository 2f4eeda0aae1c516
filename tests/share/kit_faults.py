"""Faults: ways in which a server may break TAXII, each wrapped round one that does not."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx2
from exchange_parties import SHARED, TAXII
from kit_runs import Forward, made

Fault = Callable[[httpx2.Request, Forward], httpx2.Response]
Asked = Callable[[httpx2.Request], bool]
Body = Callable[[dict[str, Any]], Any]
JSON = "application/json"
FIRST, LAST = "x-taxii-date-added-first", "x-taxii-date-added-last"


def read(response: httpx2.Response) -> dict[str, Any]:
    """The body as JSON; empty where it has none."""
    data = response.read()
    return json.loads(data) if data else {}


def error(status: int, kind: str = TAXII, body: bytes | None = None) -> httpx2.Response:
    """A failure."""
    text = body if body is not None else json.dumps({"title": "a fault", "http_status": str(status)}).encode()
    return made(status, {"content-type": kind}, text)


def parameters(request: httpx2.Request) -> dict[str, str]:
    """Those of the query."""
    return dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))


def with_query(request: httpx2.Request, query: dict[str, str], path: str | None = None) -> httpx2.Request:
    """The same request with another query."""
    url = request.url.copy_with(query=urlencode(query).encode() or None, path=path or request.url.path)
    return httpx2.Request(request.method, url, headers=request.headers, content=request.read())


def posted(request: httpx2.Request) -> list[Any]:
    """Objects that are sent."""
    if request.method != "POST":
        return []
    try:
        objects = json.loads(request.read()).get("objects", [])
    except (ValueError, AttributeError, RecursionError):
        return []
    return [one for one in objects if isinstance(one, dict)] if isinstance(objects, list) else []


def body_of(ending: str, change: Body, method: str = "GET") -> Fault:
    """Change the body of successes whose path ends so."""

    def fault(request: httpx2.Request, forward: Forward) -> httpx2.Response:
        found = forward(request)
        fits = (
            request.method == method and request.url.path.endswith(ending) and found.status_code in (200, 202)
        )
        if not fits:
            return found
        return made(found.status_code, found.headers, json.dumps(change(read(found))).encode())

    return fault


def each_object(key: str, change: Callable[[Any], Any], ending: str = "manifest/") -> Fault:
    """Change a property of every record or object."""

    def changed(body: dict[str, Any]) -> dict[str, Any]:
        for one in body.get("objects", []):
            one[key] = change(one.get(key))
        return body

    return body_of(ending, changed)


def asked(which: Asked, answer: Callable[[], httpx2.Response]) -> Fault:
    """Answer some requests out of hand."""
    return lambda request, forward: answer() if which(request) else forward(request)


def of_status(status: int, change: Callable[[httpx2.Response], httpx2.Response]) -> Fault:
    """Change answers of a status."""

    def fault(request: httpx2.Request, forward: Forward) -> httpx2.Response:
        found = forward(request)
        return change(found) if found.status_code == status else found

    return fault


def headers_of(
    which: Callable[[httpx2.Request, httpx2.Response], bool], change: Callable[[Any], None]
) -> Fault:
    """Change headers of some answers."""

    def fault(request: httpx2.Request, forward: Forward) -> httpx2.Response:
        found = forward(request)
        if which(request, found):
            change(found.headers)
        return found

    return fault


def query_of(change: Callable[[dict[str, str]], dict[str, str]], method: str = "GET") -> Fault:
    """Understand another query than was asked."""

    def fault(request: httpx2.Request, forward: Forward) -> httpx2.Response:
        pairs = parse_qsl(request.url.query.decode(), keep_blank_values=True)
        listing = "/objects" in request.url.path or "/manifest" in request.url.path
        changed = change(dict(pairs))
        if request.method != method or not listing or len(dict(pairs)) < len(pairs) or changed == dict(pairs):
            return forward(request)
        return forward(with_query(request, changed))

    return fault


def without(name: str) -> Fault:
    """Leave a parameter aside."""
    return query_of(lambda query: {key: value for key, value in query.items() if key != name})


def lenient(name: str) -> Fault:
    """Leave a parameter aside where it is malformed."""

    def fault(request: httpx2.Request, forward: Forward) -> httpx2.Response:
        found = forward(request)
        query = parameters(request)
        if found.status_code != 400 or name not in query:
            return found
        del query[name]
        return forward(with_query(request, query))

    return fault


def crash_on(name: str) -> Fault:
    """500 in HTML where a parameter is malformed."""

    def fault(request: httpx2.Request, forward: Forward) -> httpx2.Response:
        found = forward(request)
        crash = found.status_code == 400 and name in parameters(request)
        return error(500, "text/html", b"<h1>500</h1>") if crash else found

    return fault


def trusts_next(from_collection: str, as_rest: str = "objects/") -> Fault:
    """Give the page of a `next` though another collection or endpoint is asked."""

    def fault(request: httpx2.Request, forward: Forward) -> httpx2.Response:
        found = forward(request)
        if found.status_code != 400 or "next" not in parameters(request):
            return found
        path = f"/exchange/collections/{SHARED}/{as_rest}"
        if f"/{from_collection}/" not in request.url.path or request.url.path == path:
            return found
        again = forward(with_query(request, parameters(request), path))
        return again if again.status_code == 200 else found

    return fault


def remembering() -> Fault:
    """Count an object that was sent before among the failures."""
    seen: set[tuple[str, str]] = set()

    def fault(request: httpx2.Request, forward: Forward) -> httpx2.Response:
        keys = [(str(one.get("id")), str(one.get("modified"))) for one in posted(request)]
        found = forward(request)
        again = len(keys) == 1 and keys[0] in seen and found.status_code == 202
        seen.update(keys)
        if not again:
            return found
        body = read(found) | {"success_count": 0, "failure_count": 1}
        body["failures"] = body.pop("successes", [])
        return made(202, found.headers, json.dumps(body).encode())

    return fault


def in_turn(change: Body) -> Fault:
    """Change the list of collections every other time."""
    count = 0

    def changed(body: dict[str, Any]) -> dict[str, Any]:
        nonlocal count
        count += 1
        return change(body) if count % 2 else body

    return body_of("/exchange/collections/", changed)


def stores_half(request: httpx2.Request, forward: Forward) -> httpx2.Response:
    """Refuse an envelope, and store what was good of it."""
    found = forward(request)
    if found.status_code == 422 and len(posted(request)) > 1:
        good = json.dumps({"objects": posted(request)[:1]}).encode()
        headers = {key: value for key, value in request.headers.items() if key != "content-length"}
        forward(httpx2.Request("POST", request.url, headers=headers, content=good))
    return found


def takes_incomplete(request: httpx2.Request, forward: Forward) -> httpx2.Response:
    """Say that an indicator without a pattern was taken."""
    found = forward(request)
    sent = posted(request)
    lacks = len(sent) == 1 and sent[0].get("type") == "indicator" and "pattern" not in sent[0]
    if found.status_code == 202 and lacks:
        body = read(found) | {"success_count": 1, "failure_count": 0}
        body["successes"] = body.pop("failures")
        return made(202, found.headers, json.dumps(body).encode())
    return found


def next_is_lost(request: httpx2.Request, forward: Forward) -> httpx2.Response:
    """Nothing on the second page."""
    found = forward(request)
    if found.status_code == 200 and "next" in parameters(request):
        return made(200, found.headers, b"{}")
    return found


def keeps_what_is_deleted(request: httpx2.Request, forward: Forward) -> httpx2.Response:
    """Say that an object was deleted, and keep it."""
    if request.method == "DELETE":
        found = forward(httpx2.Request("GET", request.url, headers=request.headers))
        if found.status_code == 200 and "objects" in read(found):
            return made(200, {"content-type": TAXII}, b"")
    return forward(request)


def next_of_another_query(request: httpx2.Request, forward: Forward) -> httpx2.Response:
    """Go on with the query that a `next` is of, whatever is asked."""
    found = forward(request)
    query = parameters(request)
    if found.status_code == 400 and "next" in query and query.get("match[id]", ",").count(",") == 0:
        del query["next"], query["match[id]"]
        return forward(with_query(request, query))
    return found


def within(collection: str, method: str, status: int, answer: Callable[[], httpx2.Response]) -> Fault:
    """Another answer in place of a status, in one collection."""

    def fault(request: httpx2.Request, forward: Forward) -> httpx2.Response:
        found = forward(request)
        fits = request.method == method and f"/{collection}/" in request.url.path
        return answer() if fits and found.status_code == status else found

    return fault
