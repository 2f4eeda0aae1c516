"""Section 3.3: sorting."""

from countermark.share.conformance.http import query
from countermark.share.conformance.table import MUST, OPEN, Probe, Undetermined, check


@check(
    "3.3-order-of-arrival",
    MUST,
    "Objects and manifest MUST be sorted in ascending order by the date they were added.",
    39,
    writes=True,
)
def order_of_arrival(p: Probe) -> None:
    world = p.target.world()
    wanted = [world.a["id"], world.b["id"], world.c["id"]]
    for name in ("manifest/", "objects/"):
        answer = p.ok(p.ask("GET", p.target.url(name) + query(match_id=",".join(reversed(wanted)))))
        found = [one.get("id") for one in answer.items() if isinstance(one, dict)]
        _same_items(found, wanted)
        p.require(found == wanted, f"{name} is not in order of arrival", answer)
    path = p.target.url(f"objects/{world.many[0]['id']}/") + query(match_version="all")
    answer = p.ok(p.ask("GET", path))
    versions = [one.get("modified") for one in answer.items() if isinstance(one, dict)]
    wanted = [one["modified"] for one in world.many]
    _same_items(versions, wanted)
    p.require(versions == wanted, "versions of one object are not in order of arrival", answer)


def _same_items(found: list[object], wanted: list[str]) -> None:
    if sorted(map(str, found)) != sorted(wanted):
        raise Undetermined("the answer has other objects than were asked for")


@check("3.3-manifest-ascending", MUST, "date_added never goes down from record to record.", 39)
def manifest_ascending(p: Probe) -> None:
    dates: list[str] = []
    for path in (p.target.url("manifest/"), p.target.resources()["manifest"].path):
        answer = p.ok(p.ask("GET", path))
        dates = [str(one.get("date_added")) for one in answer.items() if isinstance(one, dict)]
        p.require(dates == sorted(dates), "date_added goes down", answer)


@check("3.3-collections-order", MUST, "Collections MUST come in a consistent order across requests.", 40)
def collections_order(p: Probe) -> None:
    answers = [p.ok(p.ask("GET", f"{p.target.root}collections/")) for _ in range(5)]
    orders = [
        [one.get("id") for one in answer.items("collections") if isinstance(one, dict)] for answer in answers
    ]
    for answer, order in zip(answers, orders, strict=True):
        same = order == orders[0] or set(map(str, order)) != set(map(str, orders[0]))
        p.require(same, "the order changed", answer, answers[0])


@check("3.3-no-ties", OPEN, "Paging by added_after alone loses objects that share one date_added.", 39, 44)
def no_ties(p: Probe) -> None:
    records = p.target.scope()[1]
    dates = [str(one.get("date_added")) for one in records]
    p.require(len(set(dates)) == len(dates), "objects share one date_added", p.target.resources()["manifest"])
