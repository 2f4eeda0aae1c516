"""Sections 5.1 to 5.8: who is let in, and to what."""

from typing import Any

from countermark.share.conformance.http import FIRST, NOBODY, SECOND, WRONG, Answer
from countermark.share.conformance.table import INFERRED, MUST, OPEN, NotApplicable, Probe, check
from countermark.share.conformance.world import ABSENT, envelope

_OBJECT = f"indicator--{ABSENT}"
_READS = ("manifest/", "objects/", f"objects/{_OBJECT}/", f"objects/{_OBJECT}/versions/")


def _all_endpoints(p: Probe, who: str) -> list[Answer]:
    """The eight endpoints of section 5; nothing that could be added or deleted."""
    found = [p.ask("GET", f"{p.target.root}collections/", who=who), p.ask("GET", p.target.url(), who=who)]
    found += [p.ask("GET", p.target.url(rest), who=who) for rest in _READS]
    found.append(p.ask("POST", p.target.url("objects/"), who=who, content=b'{"objects": []}'))
    found.append(p.ask("DELETE", p.target.url(f"objects/{_OBJECT}/"), who=who))
    return found


def _asks_for_credentials(p: Probe) -> None:
    if p.ask("GET", p.target.url(), who=NOBODY).status < 400:
        raise NotApplicable("the server asks for no credentials (8.2.2.9 allows that)")


@check(
    "5-no-credentials", MUST, "A failed authentication MUST be answered with 401 or 404: no credentials.", 106
)
def no_credentials(p: Probe) -> None:
    _asks_for_credentials(p)
    for answer in _all_endpoints(p, NOBODY):
        p.status(answer, 401, 404)


@check(
    "5-wrong-credentials", MUST, "A failed authentication MUST be answered with 401 or 404: false ones.", 106
)
def wrong_credentials(p: Probe) -> None:
    _asks_for_credentials(p)
    for answer in _all_endpoints(p, WRONG):
        p.status(answer, 401, 404)


@check("5-challenge", INFERRED, "A 401 has WWW-Authenticate (1.6.9, RFC 7235).", 3)
def challenge(p: Probe) -> None:
    answer = p.ask("GET", p.target.url(), who=NOBODY)
    if answer.status != 401:
        raise NotApplicable(f"the answer is {answer.status}, and not 401")
    p.require("www-authenticate" in answer.headers, "there is none", answer)


def _with(p: Probe, *, read: bool, write: bool) -> list[tuple[str, str]]:
    """Pairs of caller and collection id with just these rights; a collection that is not listed has none."""
    found = []
    for who in (FIRST, SECOND):
        if who == SECOND and not p.target.http.knows(SECOND):
            continue
        listed = p.target.collections_of(who)
        found += [
            (who, one["id"])
            for one in listed
            if one.get("can_read") is read and one.get("can_write") is write
        ]
        hidden = p.target.here["id"] not in {one["id"] for one in listed}
        if who == SECOND and hidden and not read and not write:
            found.append((who, p.target.here["id"]))
    return found[:3]


def _needed(found: list[tuple[str, str]], what: str) -> list[tuple[str, str]]:
    if not found:
        raise NotApplicable(f"no collection is {what} for a caller (a second one: --second-token-file)")
    return found


@check("5-cannot-read", MUST, "can_read false MUST be answered with 403 or 404.", 107)
def cannot_read(p: Probe) -> None:
    pairs = _with(p, read=False, write=True) + _with(p, read=False, write=False)
    for who, one in _needed(pairs, "closed to reading"):
        for rest in _READS:
            p.status(p.ask("GET", p.target.url(rest, one), who=who), 403, 404)


@check("5.5-cannot-write", MUST, "can_write false MUST be answered with 403 or 404.", 108, writes=True)
def cannot_write(p: Probe) -> None:
    pairs = _with(p, read=True, write=False) + _with(p, read=False, write=False)
    for who, one in _needed(pairs, "closed to writing"):
        answer = p.ask("POST", p.target.url("objects/", one), who=who, content=envelope(_nothing()))
        p.status(answer, 403, 404)


def _nothing() -> dict[str, Any]:
    """An object that no server may take, should it look at it in spite of the rights."""
    return {"type": "indicator", "spec_version": "2.1", "id": _OBJECT}


def _delete(p: Probe, read: bool, write: bool, wanted: int) -> None:
    what = f"{'open' if read else 'closed'} to reading and {'open' if write else 'closed'} to writing"
    for who, one in _needed(_with(p, read=read, write=write), what):
        p.status(p.ask("DELETE", p.target.url(f"objects/{_OBJECT}/", one), who=who), wanted)


@check("5.7-neither-right", MUST, "DELETE with can_read and can_write false MUST be answered with 404.", 131)
def neither_right(p: Probe) -> None:
    _delete(p, False, False, 404)


@check(
    "5.7-read-alone", MUST, "DELETE with can_write false and can_read true MUST be answered with 403.", 131
)
def read_alone(p: Probe) -> None:
    _delete(p, True, False, 403)


@check(
    "5.7-write-alone", MUST, "DELETE with can_read false and can_write true MUST be answered with 403.", 131
)
def write_alone(p: Probe) -> None:
    _delete(p, False, True, 403)


@check("5.1.1-none", MUST, "Without collections the key MUST be omitted: an empty object.", 109)
def none(p: Probe) -> None:
    for who in (FIRST, SECOND):
        if p.target.http.knows(who) and not p.target.collections_of(who):
            answer = p.ask("GET", f"{p.target.root}collections/", who=who)
            p.require(answer.status != 200 or answer.value == {}, "it is no empty object", answer)
            return
    raise NotApplicable("every caller has a collection (a second one: --second-token-file)")


@check("5.2.1-flags", MUST, "can_read and can_write say whether the caller may read, and add.", 111)
def flags(p: Probe) -> None:
    for one in p.target.collections[:10]:
        answer = p.ask("GET", p.target.url("objects/?limit=1", one["id"]))
        p.require((answer.status == 200) == (one.get("can_read") is True), "can_read is not so", answer)
        if p.target.read_only:
            continue
        if one.get("can_write") is not True:
            answer = p.ask("POST", p.target.url("objects/", one["id"]), content=envelope(_nothing()))
            p.status(answer, 403, 404)
        elif one["id"] == p.target.here["id"]:
            p.require(
                p.target.world().statuses[0].status == 202,
                "can_write is not so",
                *p.target.world().statuses[:1],
            )


@check("5-hidden-as-absent", OPEN, "A refusal should not tell that something is there (Appendix B).", 174)
def hidden_as_absent(p: Probe) -> None:
    pairs = _with(p, read=False, write=False)
    for who, one in _needed(pairs, "closed"):
        hidden = p.ask("GET", p.target.url("objects/", one), who=who)
        absent = p.ask("GET", p.target.url("objects/", ABSENT), who=who)
        same = (hidden.status, hidden.resource.get("title")) == (absent.status, absent.resource.get("title"))
        p.require(same, "the answer is another than for a collection that is not there", hidden, absent)
