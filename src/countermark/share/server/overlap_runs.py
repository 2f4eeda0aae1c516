"""Runs of the private overlap: two members commit, each to one list and one key, before they see anything."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.errors import Error
from countermark.records.exchange import REVIEWERS, Caller, Member
from countermark.share.overlap.commitments import MAX_ENVELOPE, check_made, read_commitment, stated
from countermark.share.overlap.messages import Commitment, Planted, Proven, Run
from countermark.share.server.api import Api, add, reply
from countermark.share.server.errors import TaxiiError, forbidden
from countermark.share.server.overlap_counting import Counting
from countermark.share.server.overlap_lists import Lists
from countermark.share.server.overlap_openings import Openings
from countermark.share.server.overlap_parties import (
    Parties,
    Party,
    conflict,
    malformed,
    may_take_part,
    pair_of,
    sha256,
)
from countermark.share.server.overlap_routes import BASE, GIVES, OPERATORS, PATH, RUN
from countermark.share.server.overlap_telling import COMMITTED, VOIDED, run_entry, state_of, tell
from countermark.share.server.settings import OverlapSettings
from countermark.share.server.times import now
from countermark.store.exchange import EXPIRED, VOID, OverlapRun, OverlapSide, Turn

DAY = 86_400_000_000
QUOTA_DAYS = 30
MOST_RUNS = 500
"""In one answer."""
SCHEMAS: dict[str, Any] = {
    f"overlap-{name}": schema
    for name, schema in msgspec.json.schema_components(
        [Run, Planted, Proven], ref_template="#/components/schemas/overlap-{name}"
    )[1].items()
}


class Overlaps:
    """The endpoints of runs, and those of the steps below them."""

    def __init__(self, api: Api, settings: OverlapSettings, policies: tuple[str, ...]) -> None:
        self._parties = Parties(api, settings, policies)
        self._api, self._store = api, api.store.overlap
        self._counting = Counting(self._parties)

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        made = {200: "it was committed to before", 201: "it is committed to"}
        add(router, "POST", BASE, self.commit, success=made, body="#/components/schemas/dsse", gives=GIVES)
        add(router, "GET", BASE, self.all, success={200: "the caller's runs"})
        found, gone = {200: "the run"}, {200: "the run, which is void"}
        path: dict[str, Any] = {"parameters": PATH, "query": OPERATORS, "gives": GIVES}
        add(router, "GET", RUN, self.get, success=found, **path)
        add(router, "DELETE", RUN, self.end, success=gone, **path)
        Lists(self._parties).add_to(router)
        self._counting.add_to(router)
        Openings(self._parties).add_to(router)
        return router

    async def commit(self, request: Request) -> Response:
        """`POST runs`: the envelope of a commitment."""
        caller = await self._api.caller(request)
        _check_may(caller)
        member_id = caller.member.member_id
        async with self._api.bodies.received(request, member_id, MAX_ENVELOPE) as body:
            caller = await self._api.caller_still(request)
            _check_may(caller)
            entry: dict[str, Any] = {"member": member_id, "token": caller.token_id, "step": "commitment"}
            entry |= {"envelope_sha256": sha256(body), "parties": [member_id]}
            try:
                party, new = await self._api.work.posted(member_id, self._commit, caller, body, entry)
            except TaxiiError as error:
                await self._parties.refuse(error, entry | {"reason": error.description})
                raise
        return await self._parties.answer(party, 201 if new else 200)

    async def all(self, request: Request) -> Response:
        """`GET runs`: of the caller, of the member that it reviews for, or for an operator all."""
        caller = await self._api.caller(request)
        member = caller.member
        whose = member.of if member.role in REVIEWERS else member.member_id
        if member.role == "public" or whose is None:
            return reply({"runs": []})
        only = None if member.role == "operator" else whose
        runs = await self._api.work.slow(self._store.of, only, MOST_RUNS)
        members = await self._api.work.slow(self._api.store.members.all)
        names = {one.member_id: one.name for one in members}
        entries = await self._parties.entries.of(*[one.run_id for one in runs])
        told = [tell(one, names, mine) for one, mine in zip(runs, entries, strict=True)]
        return reply({"runs": told})

    async def get(self, request: Request) -> Response:
        """`GET runs/{peer}/{run}`."""
        party = await self._parties.look(request)
        await self._counting.go_on(party)
        return await self._parties.answer(party)

    async def end(self, request: Request) -> Response:
        """`DELETE runs/{peer}/{run}`: by either member or an operator; its lists are deleted."""
        party = await self._parties.look(request)
        caller = party.caller
        if not may_take_part(caller) and not (caller.member.role == "operator" and "write" in caller.actions):
            raise forbidden("end an overlap")
        try:
            await self._api.work.slow(self._end, party)
        except TaxiiError as error:
            await self._parties.refuse(error, party.entry(step="end", reason=error.description))
            raise
        return await self._parties.answer(party)

    def _end(self, party: Party) -> None:
        with self._store.turn(pair_of(party.mine, party.other), party.run.name) as turn:
            run = turn.run
            if run is None or run.state in (VOID, EXPIRED):
                return
            caller = party.caller
            both = len(run.sides) == 2 and all(one.unshuffled for one in run.sides.values())
            if both and caller.member.role != "operator":  # else one would take, and leave the other nothing
                raise conflict("both have given: each may take what the other gave until the run expires")
            by = "the operator" if caller.member.role == "operator" else caller.member.name
            turn.end(VOID, f"ended by {by}")
            entry = {"member": caller.member.member_id, "token": caller.token_id, "reason": f"ended by {by}"}
            turn.log(VOIDED, run_entry(run) | entry)

    def _commit(self, caller: Caller, body: bytes, entry: dict[str, Any]) -> tuple[Party, bool]:
        """The run, and whether the commitment is new; adds to `entry` what a refusal tells."""
        member = caller.member
        try:
            found, digest = read_commitment(body, self._api.store.members.keys(member.member_id))
        except Error as error:
            raise malformed(error.message) from None
        if found.member != member.name:
            raise malformed("the commitment is another member's")
        peer = self._api.store.members.by_name(found.peer)
        if peer is None or peer.role != "member" or peer.disabled:
            raise malformed("there is no such peer")
        pair = pair_of(member, peer)
        entry |= {"run": found.run, "parties": [*pair]}
        side = OverlapSide(
            member_id=member.member_id,
            envelope=body,
            commitment_sha256=digest,
            list_sha256=found.list_sha256,
            key_sha256=found.key_sha256,
            size=found.size,
        )
        with self._store.turn(pair, found.run, committing=True) as turn:
            known = turn.run
            if known is not None:
                entry["run_id"] = known.run_id
            new = known is None or member.member_id not in known.sides
            if known is not None and not new and known.sides[member.member_id].envelope != body:
                raise conflict("you have committed to something else for this run")
            if new:
                _check_new(known, found)
                run_id = self._begin(turn, side)
                told = {"run_id": run_id, "run": found.run, "parties": [*pair], "token": caller.token_id}
                turn.log(COMMITTED, told | _facts(member, found, side))
        run = self._store.find(pair, found.run)
        assert run is not None  # it was committed just now
        return Party(caller, member, peer, run), new

    def _begin(self, turn: Turn, side: OverlapSide) -> str:
        """Write a side, and its run where it is the first; the run's id."""
        if turn.was_committed(side.list_sha256, side.key_sha256):
            raise conflict("the list or the key was committed before: each is for one run")
        if turn.run is not None:
            run_id = turn.run.run_id
            turn.update(state="ready")
        else:
            epoch = now() // (QUOTA_DAYS * DAY) * QUOTA_DAYS * DAY
            if turn.runs_since(epoch) >= self._parties.settings.runs_of_pair:
                raise conflict(f"you and the peer have had all their runs of these {QUOTA_DAYS} days")
            run_id = turn.create("committed", now() + self._parties.settings.keep_days * DAY)
        turn.add_side(run_id, side)
        return run_id


def _check_new(known: OverlapRun | None, found: Commitment) -> None:
    if known is not None and state_of(known) in (VOID, EXPIRED):
        raise conflict("the run is closed")
    if known is not None and any(stated(one.envelope).rules != found.rules for one in known.sides.values()):
        raise conflict("the peer spells identifiers by other rules: both need the same versions")
    try:
        check_made(found, datetime.now(UTC))
    except Error as error:
        raise malformed(error.message) from None


def _check_may(caller: Caller) -> None:
    if not may_take_part(caller):
        raise forbidden("take part in an overlap")


def _facts(member: Member, found: Commitment, side: OverlapSide) -> dict[str, Any]:
    """What the log says of a commitment: all of it but the envelope."""
    names = ("suite", "size", "list_sha256", "key_sha256", "kinds", "rules")
    facts = {name: getattr(found, name) for name in names}
    facts |= {"commitment_sha256": side.commitment_sha256, "envelope_sha256": sha256(side.envelope)}
    return facts | {"member": member.member_id, "suspended": found.suspended}
