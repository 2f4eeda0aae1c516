"""Disputes: an accused is cleared, and it can be shown who has read that.

The member whose object it is says so here, and sends the revocation as a new version of the object the usual
way. Who was given the object stands in the log, and so does who was given the revocation: these are the
receipts. The dispute itself is an entry of the log. What the accused says stays with the member: its digest
may be given.
"""

import uuid
from asyncio import Lock
from collections import OrderedDict
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.records.exchange import Caller
from countermark.share.server.api import BASE, Api, about, add, reply
from countermark.share.server.errors import TaxiiError, forbidden, not_found
from countermark.share.server.filed import FILED, Dispute, Filed
from countermark.share.server.readers import Reads, copies
from countermark.share.server.times import now, taxii_time
from countermark.store.exchange import Overdue
from countermark.trust.log import Log

DUE = timedelta(hours=24)
MAX_BODY = 4096
MOST_OF_MEMBER = 10_000
"""All are listed in one answer."""
_MOST_REMEMBERED = 200
Within = frozenset[str] | None
_ID = r"^dispute--[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_STIX_ID = r"^[a-z0-9][a-z0-9-]{0,249}--[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_DIGEST = r"^[0-9a-f]{64}$"
SCHEMAS: dict[str, Any] = {
    "dispute": {
        "type": "object",
        "required": ["object_id"],
        "additionalProperties": False,
        "properties": {
            "object_id": {"type": "string", "pattern": _STIX_ID},
            "statement_sha256": {"type": "string", "pattern": _DIGEST},
        },
    }
}


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a member sends."""

    object_id: Annotated[str, msgspec.Meta(pattern=_STIX_ID)]
    statement_sha256: Annotated[str, msgspec.Meta(pattern=_DIGEST)] | None = None
    """SHA-256 of what the accused says."""


class Disputes:
    """The endpoints."""

    def __init__(self, api: Api, filed: Filed) -> None:
        self._api, self._store, self._filed = api, api.store, filed
        self._filing = Lock()
        self._reads: OrderedDict[tuple[str, Within], tuple[Reads, Reads]] = OrderedDict()
        self._looking: set[str] = set()
        """Members for which the log is being read: one of them at a time, for it may be long."""

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        filed = {200: "it was filed before", 201: "it is filed"}
        add(router, "POST", f"{BASE}/disputes", self.add, success=filed, body="#/components/schemas/dispute")
        add(router, "GET", f"{BASE}/disputes", self.all, success={200: "disputes"})
        one = f"{BASE}/disputes/{{dispute_id}}"
        found = {200: "the dispute, who has read the object, and who its revocation"}
        add(router, "GET", one, self.get, success=found, parameters={"dispute_id": _ID})
        return router

    async def add(self, request: Request) -> Response:
        """`POST disputes`: by the member that shared the object; the same again gives the same dispute."""
        caller = await self._api.caller(request)
        _check_may_file(caller)
        async with self._api.bodies.received(request, caller.member.member_id) as body:
            caller = await self._api.caller_still(request)
            _check_may_file(caller)
            asked = _parse(body)
        owner, within = caller.member.member_id, caller.collections
        shared = await self._api.work.slow(copies, self._store, asked.object_id, owner, within)
        if not (shared.said or shared.revoked):
            raise not_found()
        async with self._filing:
            await self._refresh()
            known = self._filed.of_object.get((owner, asked.object_id))
            if known is None and self._filed.of_member[owner] >= MOST_OF_MEMBER:
                raise TaxiiError(409, f"you have {MOST_OF_MEMBER:,} disputes: no more are taken")
            dispute = known or await self._file(caller, asked)
        return reply(await self._answer(caller, dispute), 200 if known else 201)

    async def all(self, request: Request) -> Response:
        """`GET disputes`: those of the caller, of the member it reviews for, or for an operator all."""
        caller = await self._api.caller(request)
        await self._refresh()
        late: dict[str, list[Overdue]] = {}
        for one in await self._api.work.slow(self._store.overdue.waiting):
            late.setdefault(one.dispute_id, []).append(one)
        mine = [one for one in self._filed.by_id.values() if _is_for(caller, one)]
        return reply({"disputes": [_plain(one) | _overdue(late.get(one.dispute_id, ())) for one in mine]})

    async def get(self, request: Request) -> Response:
        """`GET disputes/{id}`: with readers and receipts as the log has them now."""
        caller = await self._api.caller(request)
        await self._refresh()
        dispute = self._filed.by_id.get(request.path_params["dispute_id"])
        if dispute is None or not _is_for(caller, dispute):
            raise not_found()
        return reply(await self._answer(caller, dispute))

    async def _file(self, caller: Caller, asked: Asked) -> Dispute:
        filed = now()
        shared = await self._api.work.slow(copies, self._store, asked.object_id, caller.member.member_id)
        dispute = Dispute(
            dispute_id=f"dispute--{uuid.uuid4()}",
            member=caller.member.member_id,
            object_id=asked.object_id,
            filed=filed,
            due=filed + DUE // timedelta(microseconds=1),
            collections=sorted({*shared.said, *shared.revoked}),
        )
        entry = msgspec.to_builtins(dispute) | {"token": caller.token_id}
        entry["statement_sha256"] = asked.statement_sha256
        await self._api.work.slow(self._store.outbox.append, FILED, entry)
        await self._api.auditor.drain()
        return dispute

    async def _refresh(self) -> None:
        await self._api.auditor.drain()  # and so the log is read on, to which other processes write
        await self._api.work.slow(self._filed.read, self._api.auditor.log)

    async def _answer(self, caller: Caller, dispute: Dispute) -> dict[str, Any]:
        who = caller.member.member_id
        if who in self._looking:
            headers = {"Retry-After": "1"}
            raise TaxiiError(429, "the log is being read for another question of yours", headers=headers)
        self._looking.add(who)
        try:
            log, within = self._api.auditor.log, caller.collections
            return await self._api.work.slow(self._look, dispute, within, log)
        finally:
            self._looking.discard(who)

    def _look(self, dispute: Dispute, within: Within, log: Log) -> dict[str, Any]:
        shared = copies(self._store, dispute.object_id, dispute.member, within)
        name = (dispute.dispute_id, within)
        remembered = self._reads.pop(name, None) or (Reads(), Reads())
        readers = dict(remembered[0].look(log, shared.said))
        receipts = dict(remembered[1].look(log, shared.revoked))
        self._reads[name] = remembered
        while len(self._reads) > _MOST_REMEMBERED:
            self._reads.popitem(last=False)
        waiting = [one for one in self._store.overdue.of(dispute.dispute_id) if one.settled is None]
        done = shared.everywhere_revoked and not set(readers) - set(receipts)
        return _plain(dispute) | {
            "revoked": shared.everywhere_revoked,
            "late": not done and now() >= dispute.due,
            "readers": [{"member": member, "at": at} for member, at in readers.items()],
            "receipts": [
                {"member": member, "at": at} for member, at in receipts.items() if member in readers
            ],
            "missing": sorted(set(readers) - set(receipts)),
            **_overdue(one for one in waiting if one.member_id not in receipts),
        }


def _check_may_file(caller: Caller) -> None:
    if caller.member.role != "member" or "write" not in caller.actions:
        raise forbidden("file a dispute")


def _is_for(caller: Caller, dispute: Dispute) -> bool:
    """Whether the caller may see it: it concerns the member, and the collections that its token is for."""
    within = caller.collections
    return about(caller, dispute.member) and (within is None or not within.isdisjoint(dispute.collections))


def _plain(dispute: Dispute) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(dispute)
    del plain["collections"]
    return plain | {"filed": taxii_time(dispute.filed), "due": taxii_time(dispute.due)}


def _overdue(late: Iterable[Overdue]) -> dict[str, Any]:
    """Readers that were noticed to be late and still are; the discloser's own lateness is in `late`."""
    plain = [{"member": one.member_id, "noticed": taxii_time(one.noticed)} for one in late if one.wanted]
    return {"overdue": plain}


def _parse(body: bytes) -> Asked:
    try:
        if len(body) <= MAX_BODY:
            return msgspec.json.decode(body, type=Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    raise TaxiiError(422, "the body is no dispute", 'send {"object_id": "…"}')
