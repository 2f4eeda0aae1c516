"""Tier 2: both members' reviewers have opened a run; each member gives the other which of its items match.

The operator hands over what one gave when both have given, so that neither can take and leave.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.errors import Error
from countermark.share.overlap.commitments import MAX_ENVELOPE
from countermark.share.overlap.counting import Points, as_points, common, positions, same, without
from countermark.share.overlap.messages import MOST_IN_PROOF, Proven
from countermark.share.overlap.openings import Opens, verify_opening
from countermark.share.overlap.voprf import verify_all
from countermark.share.server.api import JSON, add, reply
from countermark.share.server.errors import TaxiiError
from countermark.share.server.keys import member_keys
from countermark.share.server.overlap_counting import PROOFS
from countermark.share.server.overlap_parties import (
    BLINDED,
    TAGS,
    Parties,
    Party,
    conflict,
    malformed,
    not_yet,
    points_at,
    read_message,
    sha256,
)
from countermark.share.server.overlap_routes import GIVES, PATH, RUN
from countermark.share.server.overlap_telling import OPENING, UNSHUFFLED, state_of
from countermark.share.server.times import now

SIGNED, GIVEN_BACK = "opening", "unshuffled"
_COUNTED = ("counted", "opening", "opened")


class Openings:
    """The endpoints."""

    def __init__(self, parties: Parties) -> None:
        self._parties, self._api, self._store = parties, parties.api, parties.store

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        taken = {200: "it was taken before", 201: "it is taken"}
        path, body = f"{RUN}/opening", "#/components/schemas/dsse"
        add(router, "POST", path, self.open, success=taken, parameters=PATH, body=body, gives=GIVES)
        found = {200: "positions in the tags that the caller uploaded"}
        add(router, "GET", f"{RUN}/matches", self.matches, success=found, parameters=PATH)
        path, name = f"{RUN}/unshuffled", "#/components/schemas/overlap-Proven"
        kept, given = {200: "it is kept"}, {200: "what the other gave"}
        add(router, "PUT", path, self.put, success=kept, parameters=PATH, body=name, gives=GIVES)
        add(router, "GET", path, self.get, success=given, parameters=PATH, gives=name)

    async def open(self, request: Request) -> Response:
        """`POST opening`: the envelope that both reviewers of the caller signed."""
        party = await self._parties.step(request, SIGNED, self._open, MAX_ENVELOPE)
        before = party.run.sides.get(party.mine.member_id)
        known = before is not None and before.opening and (before.opening_until or 0) > now()
        return await self._parties.answer(party, 200 if known else 201)

    async def matches(self, request: Request) -> Response:
        """`GET matches`: where in the caller's tags those are that the other has too."""
        party = await self._parties.party(request)
        _check_open(party, not_yet)
        found = await self._api.work.posted(party.mine.member_id, self._matches, party)
        await self._parties.give(party, "matches")
        return reply({"positions": found})

    async def put(self, request: Request) -> Response:
        """`PUT unshuffled`: which points of the other's list the matching tags were made from."""
        party = await self._parties.party(request)
        matching = party.run.size or 0
        most = 1024 + 80 * matching + 140 * (matching // MOST_IN_PROOF + 1)
        party = await self._parties.step(request, GIVEN_BACK, self._put, most)
        return await self._parties.answer(party)

    async def get(self, request: Request) -> Response:
        """`GET unshuffled`: what the other gave, when the caller has given too."""
        party = await self._parties.party(request)
        sides = party.run.sides.values()
        if state_of(party.run) != "opened" or not all(one.unshuffled for one in sides):
            raise not_yet("both have to give before either is given")
        data = await self._parties.theirs(party, GIVEN_BACK, "it is deleted")
        return Response(data, media_type=JSON)

    def _open(self, party: Party, body: bytes) -> None:
        keys = member_keys(self._api.store, party.mine.member_id)
        with self._parties.turn(party) as (turn, at):
            if at.run.state not in _COUNTED or at.run.size is None:
                raise conflict("the run has no size that could be opened")
            side, other = at.side, at.other_side
            if side.opening and (side.opening_until or 0) > now():
                if turn.sums(party.mine.member_id, SIGNED).get(0) != sha256(body):
                    raise conflict("you have opened the run with another statement")
                return
            digests = side.commitment_sha256, other.commitment_sha256
            policies = self._parties.policies
            opens = Opens(at.run.name, party.mine.name, party.other.name, *digests, at.run.size)
            try:
                opening = verify_opening(body, keys, datetime.now(UTC), opens, policies=policies)
            except Error as error:
                raise malformed(error.message) from None
            until = int(opening.expires.timestamp() * 1_000_000)
            turn.put(party.mine.member_id, SIGNED, 0, body)
            turn.update_side(party.mine.member_id, opening=True, opening_until=until)
            turn.update(state="opened" if other.opening else "opening")
            facts = {"envelope_sha256": sha256(body), "ground": opening.ground, "expires": until}
            facts |= {"legal_basis": opening.legal_basis, "policy_sha256": opening.policy_sha256}
            turn.log(OPENING, party.entry(**facts))

    def _matching(self, party: Party) -> Points:
        """Tags that both have, less the planted."""
        run_id = party.run.run_id
        tags = [self._store.whole(run_id, one, TAGS) for one in (party.run.first, party.run.second)]
        proven = self._store.part(run_id, party.mine.member_id, PROOFS)
        if proven is None or not all(tags):
            raise conflict("the run is closed")
        planted = msgspec.json.decode(proven, type=Proven).evaluated
        return without(common(*tags), b"".join(bytes.fromhex(one) for one in planted))

    def _matches(self, party: Party) -> list[int]:
        mine = self._store.whole(party.run.run_id, party.mine.member_id, TAGS)
        return positions(mine, self._matching(party))

    def _put(self, party: Party, body: bytes) -> None:
        given = read_message(body, Proven)
        _check_open(party, conflict)
        data = msgspec.json.encode(given)
        if not party.side.unshuffled:
            self._check(party, given)
        with self._parties.turn(party) as (turn, at):
            _check_open(at, conflict)
            if at.side.unshuffled:
                if turn.sums(party.mine.member_id, GIVEN_BACK).get(0) != sha256(data):
                    raise conflict("you have sent something else before")
                return
            turn.put(party.mine.member_id, GIVEN_BACK, 0, data)
            turn.update_side(party.mine.member_id, unshuffled=True)
            turn.log(UNSHUFFLED, party.entry(sha256=sha256(data)))

    def _check(self, party: Party, given: Proven) -> None:
        """Raise `TaxiiError` 422 unless it is the matches, all of them, with proofs that hold."""
        theirs = self._store.whole(party.run.run_id, party.other.member_id, BLINDED)
        inputs = points_at(theirs, given.positions)
        outputs = [bytes.fromhex(one) for one in given.evaluated]
        tags = as_points(b"".join(outputs))
        if len(set(outputs)) != len(outputs) or not same(tags, self._matching(party)):
            raise malformed("these are not the tags that match, each once")
        key = self._parties.key(party)
        if not verify_all(key, inputs, outputs, [bytes.fromhex(one) for one in given.proofs]):
            raise malformed("a proof does not hold")


def _check_open(party: Party, error: Callable[[str], TaxiiError]) -> None:
    """Raise what `error` makes of the reason unless both openings are there and in force."""
    if state_of(party.run) != "opened":
        raise error("both have to open the run")
    if any((one.opening_until or 0) <= now() for one in party.run.sides.values()):
        raise error("an opening has run out")
