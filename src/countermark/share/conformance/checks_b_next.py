"""Appendix B: `next` is not trusted, and re-evaluated against query and rights."""

from countermark.share.conformance.checks_3_4_filters import ids_of
from countermark.share.conformance.checks_3_5_paging import first_page
from countermark.share.conformance.http import FIRST, SECOND, query
from countermark.share.conformance.table import MUST, OPEN, NotApplicable, Probe, check


def _continued(token: str) -> str:
    return query(next=token)[1:]


@check("B-next-forged", MUST, "The value of next MUST NOT be implicitly trusted: a changed one.", 172)
def forged(p: Probe) -> None:
    scope, records = p.target.scope()
    _, token = first_page(p, f"{scope}&limit=2")
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    for one in (flipped, token[: len(token) // 2], token[::-1] + "x", "../../etc/passwd", "1 OR 1=1"):
        answer = p.ask("GET", p.target.url("objects/") + f"{scope}&limit=2&{_continued(one)}")
        if answer.status == 200:
            known = {record["id"] for record in records}
            p.require(set(ids_of(answer)) <= known, "objects outside of the query", answer)
        else:
            p.status(answer, 400, 404)


@check("B-next-other-query", MUST, "next MUST be reevaluated in the context of the query.", 173)
def other_query(p: Probe) -> None:
    scope, records = p.target.scope()
    _, token = first_page(p, f"{scope}&limit=2")
    wanted = records[0]["id"]
    answer = p.ask("GET", p.target.url("objects/") + f"{query(match_id=wanted)}&limit=2&{_continued(token)}")
    if answer.status == 200:
        p.require(set(ids_of(answer)) <= {wanted}, "objects of the other query", answer)
    else:
        p.status(answer, 400, 404)


@check("B-next-other-endpoint", MUST, "next MUST be reevaluated: at another endpoint.", 173, 77)
def other_endpoint(p: Probe) -> None:
    scope, _ = p.target.scope()
    _, token = first_page(p, f"{scope}&limit=2")
    answer = p.ask("GET", p.target.url("manifest/") + f"{scope}&limit=2&{_continued(token)}")
    if answer.status == 200:
        records = [one for one in answer.items() if isinstance(one, dict)]
        p.require(all("date_added" in one for one in records), "a manifest of something else", answer)
    else:
        p.status(answer, 400, 404)


@check("B-next-other-collection", MUST, "next MUST be reevaluated: in another collection.", 172, 173)
def other_collection(p: Probe) -> None:
    scope, records = p.target.scope()
    other = p.target.other(lambda one: one.get("can_read") is True)
    if other is None:
        raise NotApplicable("the caller reads no second collection")
    _, token = first_page(p, f"{scope}&limit=2")
    answer = p.ask("GET", p.target.url("objects/", other["id"]) + f"{scope}&limit=2&{_continued(token)}")
    if answer.status == 200:
        known = {one["id"] for one in records}
        p.require(not known & set(ids_of(answer)), "objects of the other collection", answer)
    else:
        p.status(answer, 400, 404)


@check("B-next-other-caller", MUST, "next MUST NOT give what the caller is not authorized to have.", 172, 173)
def other_caller(p: Probe) -> None:
    visible = {one["id"]: one for one in p.target.collections_of(SECOND)}
    here = p.target.here["id"]
    if visible.get(here, {}).get("can_read") is True:
        raise NotApplicable("the second caller may read the collection")
    scope, _ = p.target.scope()
    _, token = first_page(p, f"{scope}&limit=2")
    answer = p.ask("GET", p.target.url("objects/") + f"{scope}&limit=2&{_continued(token)}", who=SECOND)
    p.status(answer, 400, 401, 403, 404)
    readable = [one for one in visible.values() if one.get("can_read") is True]
    for one in readable[:1]:
        path = p.target.url("objects/", one["id"]) + f"{scope}&limit=2&{_continued(token)}"
        answer = p.ask("GET", path, who=SECOND)
        p.require(answer.status != 200 or not ids_of(answer), "objects of a hidden collection", answer)


@check("B-cap", OPEN, "Servers should consider a cap on objects per response.", 174)
def cap(p: Probe) -> None:
    answer = p.ask("GET", p.target.url("manifest/") + query(limit=9_007_199_254_740_991), who=FIRST)
    p.status(answer, 200, 400)
    p.require(len(answer.items()) <= 10_000, "there is none", answer)
