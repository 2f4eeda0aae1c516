"""Section 4.3: statuses."""

from collections.abc import Iterator
from typing import Any

from countermark.share.conformance.http import Answer
from countermark.share.conformance.shapes import is_integer
from countermark.share.conformance.table import INFERRED, MUST, SHOULD, Probe, Undetermined, check
from countermark.share.conformance.world import ABSENT

_COUNTS = {"success_count": "successes", "failure_count": "failures", "pending_count": "pendings"}


@check("4.3-status", MUST, "The status of a request is there by its id.", 96, 93, writes=True)
def status(p: Probe) -> None:
    posted = p.target.world().statuses[0]
    status_id = posted.resource.get("id")
    if not isinstance(status_id, str) or not 0 < len(status_id) < 200 or "/" in status_id:
        raise Undetermined("the answer to a POST has no id")
    answer = p.ask("GET", f"{p.target.root}status/{status_id}/")
    if p.status(answer, 200):
        p.require(answer.resource.get("id") == status_id, "it has another id", answer)


@check("4.3-unknown", MUST, "For a status that is no longer available the server MUST return 404.", 95)
def unknown(p: Probe) -> None:
    p.status(p.ask("GET", f"{p.target.root}status/{ABSENT}/"), 404)


@check("4.3-no-uuid", INFERRED, "An id that can be none is not found, or malformed.", 95)
def no_uuid(p: Probe) -> None:
    p.status(p.ask("GET", f"{p.target.root}status/no-uuid/"), 400, 404)


def _statuses(p: Probe) -> Iterator[tuple[Answer, dict[str, Any]]]:
    for answer in p.target.world().statuses:
        yield p.see(answer), answer.resource


@check("4.3.1-status", MUST, "status MUST be one of complete or pending.", 97, writes=True)
def value(p: Probe) -> None:
    for answer, found in _statuses(p):
        p.require(found.get("status") in ("complete", "pending"), "it is neither", answer)


@check(
    "4.3.1-counts", MUST, "The four counts MUST be integers of zero or more.", 98, 99, 100, 101, writes=True
)
def counts(p: Probe) -> None:
    for answer, found in _statuses(p):
        for name in ("total_count", *_COUNTS):
            number = found.get(name)
            p.require(_counted(number) >= 0, f"{name} is none", answer)


@check("4.3.1-total", MUST, "total_count is the number of objects in the request.", 98, writes=True)
def total(p: Probe) -> None:
    for (answer, found), number in zip(_statuses(p), (1, 1, 1, 1, 1, 1, 3), strict=True):
        started = found.get("status") != "pending" or found.get("total_count") != 0
        p.require(not started or found.get("total_count") == number, f"total_count is not {number}", answer)


@check("4.3.1-sums", INFERRED, "The counts add up; complete leaves nothing pending.", 101, writes=True)
def sums(p: Probe) -> None:
    for answer, found in _statuses(p):
        numbers = [_counted(found.get(name)) for name in _COUNTS]
        if found.get("total_count") and min(numbers) >= 0:
            p.require(sum(numbers) == found["total_count"], "they do not add up", answer)
        if found.get("status") == "complete":
            p.require(not found.get("pending_count"), "complete, and objects are pending", answer)
        for count, name in _COUNTS.items():
            entries = found.get(name, [])
            good = (
                not isinstance(entries, list)
                or not is_integer(found.get(count))
                or len(entries) <= found[count]
            )
            p.require(good, f"{name} is longer than {count}", answer)


def _counted(value: object) -> int:
    """A count; -1 where it is none."""
    return value if isinstance(value, int) and is_integer(value) else -1


def _entries(p: Probe) -> Iterator[tuple[Answer, dict[str, Any]]]:
    for answer, found in _statuses(p):
        for name in _COUNTS.values():
            for one in found.get(name) or []:
                if isinstance(one, dict):
                    yield answer, one


@check("4.3.1-ids", MUST, "For STIX objects the id MUST be the STIX Object id.", 102, writes=True)
def ids(p: Probe) -> None:
    for answer, one in _entries(p):
        p.require(one.get("id") in p.target.world().ids, "an id is of no object that was sent", answer)


@check("4.3.1-modified", MUST, "For STIX objects the version MUST be modified.", 103, writes=True)
def modified(p: Probe) -> None:
    world = p.target.world()
    sent = [world.a, world.b, world.c, *world.many, world.malicious]
    versions = {(one["id"], one["modified"]) for one in sent}
    for answer, one in _entries(p):
        if one.get("id") in {stix_id for stix_id, _ in versions}:
            p.require((one["id"], one.get("version")) in versions, "a version is not `modified`", answer)


@check("4.3.1-created", MUST, "Without modified the server MUST use created.", 104, writes=True)
def created(p: Probe) -> None:
    mark = p.target.world().mark
    for answer, one in _entries(p):
        if one.get("id") == mark["id"]:
            p.require(one.get("version") == mark["created"], "the version is not `created`", answer)


@check(
    "4.3.1-neither",
    SHOULD,
    "Without both the version is one that is consistent to the server.",
    105,
    writes=True,
)
def neither(p: Probe) -> None:
    sco = p.target.world().sco
    for answer, one in _entries(p):
        if one.get("id") == sco["id"]:
            p.require(isinstance(one.get("version"), str) and one["version"], "there is no version", answer)
