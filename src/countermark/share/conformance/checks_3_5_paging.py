"""Sections 3.4 (next) and 3.5: pages."""

from countermark.share.conformance.checks_3_4_filters import ids_of, in_order
from countermark.share.conformance.http import Answer, query
from countermark.share.conformance.table import INFERRED, MUST, OPEN, NotApplicable, Probe, check

_MOST_PAGES = 30


def first_page(p: Probe, parameters: str, rest: str = "objects/") -> tuple[Answer, str]:
    """A page that has a `next`, and it; raises `NotApplicable` where the server gives none."""
    answer = p.ok(p.ask("GET", p.target.url(rest) + parameters))
    token = answer.resource.get("next")
    if not isinstance(token, str) or not 0 < len(token) < 4000:
        raise NotApplicable("the server gives no `next` (it need not)")
    return answer, token


@check("3.5-walk", MUST, "`next` with the original query continues it: no gap, nothing twice.", 50, 67)
def walk(p: Probe) -> None:
    scope, records = p.target.scope()
    answer, token = first_page(p, f"{scope}&limit=2")
    found = ids_of(answer)
    for _ in range(_MOST_PAGES):
        answer = p.ask("GET", p.target.url("objects/") + f"{scope}&limit=2&{query(next=token)[1:]}")
        if not p.status(answer, 200):
            return
        found += ids_of(answer)
        token = answer.resource.get("next", "")
        if not isinstance(token, str) or not token:
            break
    p.require(in_order(records, found), "the pages are not what one page gives", answer)


@check("3.5-walk-by-date", MUST, "Without `next` one continues with the last date as added_after.", 68, 44)
def walk_by_date(p: Probe) -> None:
    scope, records = p.target.scope()
    dates = {str(one.get("date_added")) for one in records}
    if len(dates) < len(records):
        raise NotApplicable("objects share one date_added: see 3.3-no-ties")
    found, after = [], ""
    for _ in range(_MOST_PAGES):
        answer = p.ok(p.ask("GET", p.target.url("objects/") + f"{scope}&limit=2{after}"))
        found += ids_of(answer)
        last = answer.headers.get("x-taxii-date-added-last", "")
        if answer.resource.get("more") is not True or not last:
            break
        after = "&" + query(added_after=last)[1:]
    p.require(in_order(records, found), "the pages are not what one page gives", answer)


@check(
    "3.5-next-without-limit", INFERRED, "`next` without limit is re-evaluated or malformed: 200 or 400.", 50
)
def next_without_limit(p: Probe) -> None:
    scope, _ = p.target.scope()
    _, token = first_page(p, f"{scope}&limit=2")
    p.status(p.ask("GET", p.target.url("objects/") + f"{scope}&{query(next=token)[1:]}"), 200, 400)


@check(
    "3.5-next-again", OPEN, "The same `next` gives the same page again: else a lost answer loses objects.", 50
)
def next_again(p: Probe) -> None:
    scope, _ = p.target.scope()
    _, token = first_page(p, f"{scope}&limit=2")
    path = p.target.url("objects/") + f"{scope}&limit=2&{query(next=token)[1:]}"
    one, two = p.ok(p.ask("GET", path)), p.ask("GET", path)
    p.require(two.status == 200 and ids_of(one) == ids_of(two), "the second answer is another", one, two)


@check(
    "3.5-server-limit", MUST, "`more` MUST be true when the server's own limit leaves objects out.", 67, 49
)
def server_limit(p: Probe) -> None:
    answer = p.ok(p.ask("GET", p.target.url("manifest/")))
    if answer.resource.get("more") is True:
        return
    again = p.ok(p.ask("GET", p.target.url("manifest/") + query(limit=len(answer.items()) + 1)))
    p.require(
        len(again.items()) <= len(answer.items()), "objects were left out, and `more` is not true", answer
    )


@check("3.5-next-only-with-more", INFERRED, "`next` MAY be there if `more` is true: not without it.", 75)
def next_only_with_more(p: Probe) -> None:
    for name in ("manifest", "objects", "object", "versions"):
        answer = p.see(p.target.resources()[name])
        good = "next" not in answer.resource or answer.resource.get("more") is True
        p.require(good, f"{name} has `next` and not `more`", answer)
