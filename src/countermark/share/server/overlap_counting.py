"""The test by planted identifiers, and the count.

Each member names its planted once both lists of tags are there; the other gives them times its scalar, with a
proof. All of these have to be among its tags, and both have to come to the same 100. Then tags that are equal
are counted, and the size is announced from the floor on.
"""

import hashlib

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.share.overlap.counting import as_points, common, same
from countermark.share.overlap.counting import without as left_over
from countermark.share.overlap.messages import FLOOR, PLANTED, Planted, Proven
from countermark.share.overlap.planted import planted_points
from countermark.share.overlap.voprf import verify, verify_all
from countermark.share.server.api import JSON, add
from countermark.share.server.overlap_parties import (
    BLINDED,
    NAMES,
    TAGS,
    Parties,
    Party,
    conflict,
    malformed,
    points_at,
    read_message,
    sha256,
)
from countermark.share.server.overlap_routes import GIVES, PATH, RUN
from countermark.share.server.overlap_telling import COUNTED, NAMED, PROVED, VOIDED, run_entry, state_of
from countermark.share.server.times import now
from countermark.store.exchange import VOID, OverlapRun, Pair, Turn

PROOFS = "proven"
MOST_NAMES, MOST_PROOFS = 8 << 10, 32 << 10
"""Bytes."""
_DAY = 86_400_000_000


class Counting:
    """The endpoints, and the count."""

    def __init__(self, parties: Parties) -> None:
        self._parties, self._api, self._store = parties, parties.api, parties.store
        self._under_way: set[str] = set()

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        kept, given = {200: "it is kept"}, {200: "the other's planted"}
        name = "#/components/schemas/overlap-Planted"
        path = f"{RUN}/planted"
        add(router, "PUT", path, self.put_planted, success=kept, parameters=PATH, body=name, gives=GIVES)
        add(router, "GET", path, self.get_planted, success=given, parameters=PATH, gives=name)
        path, name = f"{RUN}/proven", "#/components/schemas/overlap-Proven"
        add(router, "PUT", path, self.put_proven, success=kept, parameters=PATH, body=name, gives=GIVES)

    async def put_planted(self, request: Request) -> Response:
        """`PUT planted`: where the caller's planted are in its own list."""
        party = await self._parties.step(request, NAMES, self._name, MOST_NAMES)
        return await self._parties.answer(party)

    async def get_planted(self, request: Request) -> Response:
        """`GET planted`: where the other's are in the other's list."""
        party = await self._parties.party(request)
        data = await self._parties.theirs(party, NAMES, "the other has not named its planted yet")
        return Response(data, media_type=JSON)

    async def put_proven(self, request: Request) -> Response:
        """`PUT proven`: the other's planted times the caller's scalar; the second one has all counted."""
        party = await self._parties.step(request, PROOFS, self._prove, MOST_PROOFS)
        await self.go_on(party)
        return await self._parties.answer(party)

    async def go_on(self, party: Party) -> None:
        """Count where everything for it is there: also where whoever began was killed."""
        run = await self._api.work.slow(self._store.find, (party.run.first, party.run.second), party.run.name)
        if run is None or not _can_count(run) or run.run_id in self._under_way:
            return
        self._under_way.add(run.run_id)
        try:
            await self._api.work.posted(party.mine.member_id, self._count, run)
        finally:
            self._under_way.discard(run.run_id)

    def _name(self, party: Party, body: bytes) -> None:
        planted = read_message(body, Planted)
        if len(set(planted.positions)) != PLANTED or max(planted.positions) >= party.side.size:
            raise malformed("a position stands twice, or is beyond the end of the list")
        data = msgspec.json.encode(planted)
        with self._parties.turn(party) as (turn, at):  # a body takes its time: the run has gone on since
            if _is_repeat(turn, at, NAMES, data, at.side.planted):
                return
        self._check_planted(party, planted)
        with self._parties.turn(party) as (turn, at):
            if _is_repeat(turn, at, NAMES, data, at.side.planted):
                return
            turn.put(party.mine.member_id, NAMES, 0, data)
            turn.update_side(party.mine.member_id, planted=True)
            turn.log(NAMED, party.entry(sha256=sha256(data)))

    def _check_planted(self, party: Party, planted: Planted) -> None:
        """`TaxiiError` 422 unless it is the planted that are named, and no others of the list."""
        mine = self._store.whole(party.run.run_id, party.mine.member_id, BLINDED)
        expected = planted_points(party.run.name, party.mine.name, party.other.name)
        key, proof = bytes.fromhex(planted.public_key), bytes.fromhex(planted.proof)
        if sha256(key) != party.side.key_sha256:
            raise malformed("this is not the key that was committed to")
        if not verify(key, expected, points_at(mine, planted.positions), proof):
            raise malformed("these are not the points of the planted, by the proof")

    def _prove(self, party: Party, body: bytes) -> None:
        proven = read_message(body, Proven)
        if not len(proven.positions) == len(proven.evaluated) == PLANTED or len(proven.proofs) != 1:
            raise malformed(f"there have to be {PLANTED} positions, as many points, and one proof")
        data = msgspec.json.encode(proven)
        with self._parties.turn(party) as (turn, at):
            if _is_repeat(turn, at, PROOFS, data, at.side.proven):
                return
        named = self._store.part(party.run.run_id, party.other.member_id, NAMES)
        if named is None:
            raise conflict("the other has not named its planted yet")
        if set(proven.positions) != set(msgspec.json.decode(named, type=Planted).positions):
            raise malformed("these are not the positions that the other named")
        fault = self._fault(party, proven)
        with self._parties.turn(party) as (turn, at):
            if _is_repeat(turn, at, PROOFS, data, at.side.proven):
                return
            entry = party.entry(sha256=sha256(data))
            if fault:
                turn.end(VOID, f"{party.mine.name}: {fault}"[:300])
                turn.log(VOIDED, entry | {"reason": fault})
                return
            turn.put(party.mine.member_id, PROOFS, 0, data)
            turn.update_side(party.mine.member_id, proven=True)
            turn.log(PROVED, entry)

    def _fault(self, party: Party, proven: Proven) -> str:
        """Why what a member proves shows that its tags are not right; empty where they may be."""
        run_id = party.run.run_id
        theirs = self._store.whole(run_id, party.other.member_id, BLINDED)
        mine = self._store.whole(run_id, party.mine.member_id, TAGS)
        inputs = points_at(theirs, proven.positions)
        outputs = [bytes.fromhex(one) for one in proven.evaluated]
        key, proofs = self._parties.key(party), [bytes.fromhex(one) for one in proven.proofs]
        if not verify_all(key, inputs, outputs, proofs):
            return "the proof for the planted does not hold"
        if len(left_over(as_points(b"".join(outputs)), mine)):
            return "planted are missing among the tags"
        return ""

    def _count(self, run: OverlapRun) -> None:
        pair: Pair = (run.first, run.second)
        tags = [self._store.whole(run.run_id, member_id, TAGS) for member_id in pair]
        one, other = (self._planted_tags(run.run_id, member_id) for member_id in pair)
        if one is None or other is None:
            return  # somebody else has counted since `run` was read, and cleared what is over
        agree = same(as_points(one), as_points(other))
        size = len(common(*tags)) - PLANTED if agree else 0
        with self._store.turn(pair, run.name) as turn:
            at = turn.run
            if at is None or not _can_count(at):
                return  # somebody else has counted, or ended the run
            entry = run_entry(run) | {"tags_sha256": [hashlib.sha256(one).hexdigest() for one in tags]}
            if not agree:
                reason = "the planted tags of the two differ"
                turn.end(VOID, reason)
                turn.log(VOIDED, entry | {"reason": reason})
                return
            large = size >= FLOOR
            until = now() + self._parties.settings.keep_days * _DAY
            turn.update(state="counted", under_floor=not large, size=size if large else None, expires=until)
            turn.log(COUNTED, entry | ({"size": size} if large else {"under_floor": FLOOR}))
            if not large:  # nothing more will be asked of them
                turn.clear()

    def _planted_tags(self, run_id: str, member_id: str) -> bytes | None:
        data = self._store.part(run_id, member_id, PROOFS)
        if data is None:
            return None
        return b"".join(bytes.fromhex(one) for one in msgspec.json.decode(data, type=Proven).evaluated)


def _can_count(run: OverlapRun) -> bool:
    ready = len(run.sides) == 2 and all(one.proven for one in run.sides.values())
    return ready and state_of(run) == "tagged"


def _is_repeat(turn: Turn, at: Party, what: str, data: bytes, done: bool) -> bool:
    """Whether this was sent before; `TaxiiError` 409 where something else was, or it is not the time."""
    if done:
        if turn.sums(at.mine.member_id, what).get(0) not in (None, sha256(data)):
            raise conflict("you have sent something else before")
        return True
    if at.run.state != "tagged":
        raise conflict("both lists of tags have to be there before the planted are named")
    return False
