"""Whose run it is, and what all steps of a private overlap have in common: rights, turns, refusals.

A refusal is logged with its reason, and never with what was sent.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from countermark.records.exchange import REVIEWERS, Caller, Member
from countermark.share.overlap.messages import POINT_BYTES, Planted
from countermark.share.server.api import Api, reply
from countermark.share.server.errors import NOT_FOUND, TaxiiError, forbidden, not_found
from countermark.share.server.overlap_telling import GIVEN, REFUSED, Entries, run_entry, state_of, tell
from countermark.share.server.settings import OverlapSettings
from countermark.store.exchange import EXPIRED, VOID, OverlapRun, OverlapSide, Pair, Quota, Turn

BLINDED, TAGS, NAMES = "blinded", "tags", "planted"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
T = TypeVar("T")
Step = Callable[["Party", bytes], None]


@dataclass(frozen=True)
class Party:
    """Who asks about a run, and for which of its two members."""

    caller: Caller
    mine: Member
    other: Member
    run: OverlapRun

    @property
    def side(self) -> OverlapSide:
        """The member's own side; `TaxiiError` 409 where it has not committed."""
        return _side(self.run, self.mine.member_id, "you have not committed")

    @property
    def other_side(self) -> OverlapSide:
        """The other's; `TaxiiError` 409 where it has not committed."""
        return _side(self.run, self.other.member_id, "the other has not committed")

    def entry(self, **more: Any) -> dict[str, Any]:
        """A log entry of what the caller did."""
        return run_entry(self.run) | {"member": self.mine.member_id, "token": self.caller.token_id} | more


class Parties:
    """Store, log and settings of the overlap's endpoints."""

    def __init__(self, api: Api, settings: OverlapSettings, policies: tuple[str, ...]) -> None:
        self.api, self.settings, self.policies = api, settings, policies or None
        self.store, self.members = api.store.overlap, api.store.members
        self.entries = Entries(api.auditor, api.work)

    async def look(self, request: Request) -> Party:
        """The run of a path, for its members, their reviewers and operators; `TaxiiError` 404 for others."""
        caller = await self.api.caller(request)
        path = request.path_params
        named = request.query_params.get("member")
        return await self.api.work.slow(self._find, caller, path["peer"], path["run"], named)

    async def party(self, request: Request) -> Party:
        """The same, for who takes part in it: `TaxiiError` 403 for who may look alone."""
        party = await self.look(request)
        if not may_take_part(party.caller):
            raise forbidden("take part in an overlap")
        return party

    async def step(self, request: Request, what: str, work: Step, most: int | None = None) -> Party:
        """Receive a body of at most `most` bytes and do a step with it, in a thread; refusals are logged."""
        party = await self.party(request)
        member_id = party.mine.member_id
        async with self.api.bodies.received(request, member_id, most) as body:
            if not may_take_part(await self.api.caller_still(request)):
                raise forbidden("take part in an overlap")
            await self.entries.of()  # what was committed before is in the log now, whoever was killed
            try:
                await self.api.work.posted(member_id, work, party, body)
            except TaxiiError as error:
                if error.status in (409, 422):
                    await self.refuse(error, party.entry(step=what, reason=error.description))
                raise
        return party

    async def refuse(self, error: TaxiiError, entry: Mapping[str, Any]) -> None:
        """Log a refusal, unless the caller has had its own entries of today: then it is counted."""
        quota = Quota(what="overlap-refused", who=entry["member"], most=0)
        over = await self.api.work.slow(self.api.store.checks.use, [quota], lambda _: (REFUSED, entry))
        error.is_logged = over is not None and over.is_logged
        if error.is_logged:
            await self.api.auditor.drain()

    async def theirs(self, party: Party, what: str, missing: str, part: int = 0) -> bytes:
        """Something that the other has put there, logged as given; `TaxiiError` 404 where it is not there."""
        if state_of(party.run) in (VOID, EXPIRED):
            raise not_yet("the run is closed")
        other = party.other.member_id
        data = await self.api.work.slow(self.store.part, party.run.run_id, other, what, part)
        if data is None:
            raise not_yet(missing)
        await self.give(party, what, **({"part": part} if what == BLINDED else {}))
        return data

    async def give(self, party: Party, what: str, **more: Any) -> None:
        """Log that the caller is being given something of the other's."""
        await self.api.work.slow(self.api.store.outbox.append, GIVEN, party.entry(what=what, **more))
        await self.api.auditor.drain()

    async def answer(self, party: Party, status: int = 200) -> Response:
        """The run as it is now."""
        run = await self.api.work.slow(self.store.find, pair_of(party.mine, party.other), party.run.name)
        entries = (await self.entries.of(party.run.run_id))[0]
        names = {one.member_id: one.name for one in (party.mine, party.other)}
        return reply(tell(run or party.run, names, entries), status)

    def key(self, party: Party) -> bytes:
        """The public key that the caller has shown; `TaxiiError` 409 where it has not."""
        named = self.store.part(party.run.run_id, party.mine.member_id, NAMES)
        if named is None:
            raise conflict("you have not named your planted, with your key")
        return bytes.fromhex(msgspec.json.decode(named, type=Planted).public_key)

    @contextmanager
    def turn(self, party: Party) -> Iterator[tuple[Turn, Party]]:
        """A transaction for a step of a run that is open, and the party as the run is in it."""
        with self.store.turn(pair_of(party.mine, party.other), party.run.name) as turn:
            run = turn.run
            if run is None or state_of(run) in (VOID, EXPIRED):
                raise conflict("the run is closed")
            yield turn, Party(party.caller, party.mine, party.other, run)

    def _find(self, caller: Caller, peer: str, name: str, named: str | None) -> Party:
        member: Member | None = caller.member
        if caller.member.role == "operator":
            if named is None:
                raise not_yet("an operator names one of the two members: ?member=NAME")
            member = self.member(named)
        elif caller.member.role in REVIEWERS:
            member = self.members.get(caller.member.of) if caller.member.of else None
        other = self.member(peer)
        if member is None or other is None or member.role != "member" or not _NAME.fullmatch(name):
            raise not_found()
        run = self.store.find(pair_of(member, other), name)
        if run is None:
            raise not_found()
        return Party(caller, member, other, run)

    def member(self, text: str) -> Member | None:
        """A member by its id or name."""
        return self.members.get(text) or self.members.by_name(text)


def may_take_part(caller: Caller) -> bool:
    """Whether it is a member that may write; a token for some collections is for them alone."""
    return caller.member.role == "member" and "write" in caller.actions and caller.collections is None


def pair_of(one: Member, other: Member) -> Pair:
    """The ids of two members in order."""
    first, second = sorted((one.member_id, other.member_id))
    return first, second


def read_message(body: bytes, kind: type[T]) -> T:
    """A message from its JSON; `TaxiiError` 422."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise malformed(f"the body is no {kind.__name__} as it has to be") from None


def conflict(reason: str) -> TaxiiError:
    """409: not as things stand."""
    return TaxiiError(409, "not as things stand", reason)


def malformed(reason: str) -> TaxiiError:
    """422: what was sent does not hold."""
    return TaxiiError(422, "what was sent is refused", reason[:500])


def not_yet(reason: str) -> TaxiiError:
    """404 for what is not there yet, told to who takes part."""
    return TaxiiError(404, NOT_FOUND, reason)


def sha256(data: bytes) -> str:
    """Hex."""
    return hashlib.sha256(data).hexdigest()


def points_at(data: bytes, at: list[int]) -> list[bytes]:
    """The points at some positions of a list; `TaxiiError` 422 for a position beyond its end, or twice."""
    if len(set(at)) != len(at) or any(one * POINT_BYTES >= len(data) for one in at):
        raise malformed("a position stands twice, or is beyond the end of the list")
    return [data[one * POINT_BYTES : (one + 1) * POINT_BYTES] for one in at]


def _side(run: OverlapRun, member_id: str, missing: str) -> OverlapSide:
    found = run.sides.get(member_id)
    if found is None:
        raise conflict(missing)
    return found
