"""Lists of an overlap on their way through the operator: each member's own, and the tags that it makes of the
other's. Tags are given to nobody."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.errors import Error
from countermark.share.overlap.batches import check_all, repeated
from countermark.share.overlap.messages import PART_POINTS, POINT_BYTES
from countermark.share.server.api import BYTES, add
from countermark.share.server.errors import not_found
from countermark.share.server.overlap_parties import (
    BLINDED,
    TAGS,
    Parties,
    Party,
    conflict,
    malformed,
    not_yet,
    sha256,
)
from countermark.share.server.overlap_routes import GIVES, PART, RUN
from countermark.share.server.overlap_telling import LISTED, TAGGED
from countermark.store.exchange import Turn

MOST_PART = PART_POINTS * POINT_BYTES
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class _Kind:
    """One of the two kinds of lists, and what it is called in the tables and the log."""

    what: str
    flag: str
    state: str
    """Of the run once both lists of the kind are there."""
    logged: str

    def size(self, party: Party) -> int:
        """Points of the list that the party uploads."""
        return party.side.size if self.what == BLINDED else party.other_side.size


_BLINDED = _Kind(BLINDED, "listed", "listed", LISTED)
_TAGS = _Kind(TAGS, "tagged", "tagged", TAGGED)


class Lists:
    """The endpoints."""

    def __init__(self, parties: Parties) -> None:
        self._parties, self._api, self._store = parties, parties.api, parties.store

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        kept, given = {200: "the part is kept"}, {200: "points, 32 bytes each"}
        for kind in (_BLINDED, _TAGS):
            path = f"{RUN}/{kind.what}/{{part}}"
            put = self._putting(kind)
            add(router, "PUT", path, put, success=kept, parameters=PART, body=BYTES, gives=GIVES)
        path = f"{RUN}/{BLINDED}/{{part}}"
        add(router, "GET", path, self.get, success=given, parameters=PART, gives=BYTES)

    async def get(self, request: Request) -> Response:
        """`GET blinded/{part}`: of the other's list, once it is whole."""
        party = await self._parties.party(request)
        part = _part(request)
        side = party.run.sides.get(party.other.member_id)
        if side is None or not side.listed:
            raise not_yet("the other's list is not there yet")
        data = await self._parties.theirs(party, BLINDED, "the list has no such part", part)
        return Response(data, media_type=BYTES)

    def _putting(self, kind: _Kind) -> Endpoint:
        async def put(request: Request) -> Response:
            part = _part(request)
            step = f"{kind.what} {part}"
            party = await self._parties.step(
                request, step, lambda party, body: self._put(party, kind, part, body), MOST_PART
            )
            return await self._parties.answer(party)

        return put

    def _put(self, party: Party, kind: _Kind, part: int, body: bytes) -> None:
        size = kind.size(party)
        if part * PART_POINTS >= size:
            raise not_found()
        expected = min(PART_POINTS, size - part * PART_POINTS)
        if len(body) != expected * POINT_BYTES:
            raise malformed(f"part {part} of the list has {expected} points of {POINT_BYTES} bytes")
        try:
            check_all(body, "the part")
        except Error as error:
            raise malformed(error.message) from None
        with self._parties.turn(party) as (turn, at):
            if self._is_there(turn, at, kind, part, body):
                return
            turn.put(party.mine.member_id, kind.what, part, body)
            sums = turn.sums(party.mine.member_id, kind.what)
        if len(sums) * PART_POINTS >= size:
            self._complete(party, kind, sums)

    def _is_there(self, turn: Turn, at: Party, kind: _Kind, part: int, body: bytes) -> bool:
        """Whether the list is whole and has this part; `TaxiiError` 409 where it is not the time for it."""
        if len(at.run.sides) < 2:
            raise conflict("the other has not committed yet")
        if kind is _TAGS and not (at.side.listed and at.other_side.listed):
            raise conflict("both lists have to be there before tags are")
        if not getattr(at.side, kind.flag):
            return False
        if turn.sums(at.mine.member_id, kind.what).get(part) != sha256(body):
            raise conflict("the list is whole, and has another part there")
        return True

    def _complete(self, party: Party, kind: _Kind, sums: dict[int, str]) -> None:
        """Look at a whole list, and keep or forget it."""
        member_id = party.mine.member_id
        data = self._store.whole(party.run.run_id, member_id, kind.what)
        digest, problem = sha256(data), ""
        if kind is _BLINDED and digest != party.side.list_sha256:
            problem = "the list is not the one that was committed to"
        elif repeated(data) is not None:
            problem = "a point stands twice in the list"
        with self._parties.turn(party) as (turn, at):
            if getattr(at.side, kind.flag) or turn.sums(member_id, kind.what) != sums:
                return  # somebody sends parts at the same time, and the last one looks at the whole
            if problem:
                turn.clear(member_id, kind.what)
            else:
                turn.update_side(member_id, **{kind.flag: True})
                if getattr(at.other_side, kind.flag):
                    turn.update(state=kind.state)
                turn.log(kind.logged, party.entry(sha256=digest, size=kind.size(party)))
        if problem:
            raise malformed(problem)


def _part(request: Request) -> int:
    """The number in the path; `TaxiiError` 404 for what is none."""
    text = request.path_params["part"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 4) or str(int(text)) != text:
        raise not_found()
    return int(text)
