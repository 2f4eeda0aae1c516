"""`watermark/keys`: members register the names of their keys, before anything is asked under them."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.errors import Error
from countermark.records.exchange import Caller
from countermark.share.check.messages import Keys
from countermark.share.check.register import (
    Registered,
    check_registration,
    open_registration,
    open_retirement,
)
from countermark.share.server.api import Api, add, reply
from countermark.share.server.check_callers import ASKERS, Callers
from countermark.share.server.check_node import Node
from countermark.share.server.errors import TaxiiError
from countermark.share.server.times import taxii_time
from countermark.store.exchange import Pool, Quota, voided_entry

REFUSED = "watermark-keys-refused"


class CheckKeys:
    """The endpoints."""

    def __init__(self, api: Api, node: Node, callers: Callers) -> None:
        self._api, self._node, self._callers = api, node, callers

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        path = "/watermark/keys"
        taken = {200: "all were registered before", 201: "they are registered"}
        add(router, "POST", path, self.add, success=taken, body="#/components/schemas/dsse")
        gone = {200: "the pool is registered no more"}
        add(router, "POST", f"{path}/retired", self.retire, success=gone, body="#/components/schemas/dsse")
        add(router, "GET", path, self.all, success={200: "the registered pools"})
        return router

    async def add(self, request: Request) -> Response:
        """`POST watermark/keys`: an envelope (DSSE) of the caller's own keys, signed by its own key."""
        caller, found = await self._posted(request, self._add)
        return reply({"member": caller.member.name, "new": found}, 201 if found else 200)

    async def retire(self, request: Request) -> Response:
        """`POST watermark/keys/retired`: the caller takes a pool of its own out of the register."""
        caller, found = await self._posted(request, self._retire)
        return reply({"member": caller.member.name, "retired": found})

    async def _posted(self, request: Request, work: Callable[[Caller, bytes], Any]) -> tuple[Caller, Any]:
        """Have a member's envelope worked on; what comes of it is told when the log holds it."""
        caller = await self._api.caller(request)
        await self._check_may_register(caller)
        async with self._api.bodies.received(request, caller.member.member_id) as body:
            caller = await self._api.caller_still(request)
            await self._check_may_register(caller)
            found = await self._api.work.posted(caller.member.member_id, work, caller, body)
        await self._api.auditor.drain()
        if isinstance(found, TaxiiError):
            raise found
        return caller, found

    async def all(self, request: Request) -> Response:
        """`GET watermark/keys`: to operators and members; names of keys to their owner and operators."""
        caller = await self._api.caller(request)
        if caller.member.role not in ASKERS or "check" not in caller.actions:
            who = self._callers.who(caller)
            raise await self._callers.refusal(who, 403, "role", "you may not see the registered keys here")
        pools = await self._api.work.slow(self._api.store.pools.all)
        listed = []
        for one in pools:
            fields: dict[str, Any] = {
                "member": one.member,
                "profile_id": one.profile_id,
                "epoch": one.epoch,
                "commitment": one.commitment,
                "keys": len(one.keys),
                "registered": taxii_time(one.registered),
            }
            if caller.member.role == "operator" or caller.member.name == one.member:
                fields["names"] = one.keys
            listed.append(fields)
        return reply({"pools": listed})

    def _add(self, caller: Caller, body: bytes) -> int | TaxiiError:
        """How many pools are new, or why they are refused, which the log then holds."""
        member, digest = caller.member, hashlib.sha256(body).hexdigest()
        signers = {key.keyid: key for key in self._api.store.members.keys(member.member_id)}
        status = 422
        try:
            keys: Keys = open_registration(body, member=member.name, signers=signers, now=datetime.now(UTC))
            status = 409
            problem = check_registration(keys, self._node.register())
            if problem is not None:
                raise Error(problem)
            new = self._node.add([Registered(member.name, pool) for pool in keys.pools], digest)
        except Error as error:
            return self._refused(caller, digest, status, error, "the keys are not registered")
        return len(new)

    def _retire(self, caller: Caller, body: bytes) -> str | TaxiiError:
        """Commitment of the pool that is retired, or why none is, which the log then holds."""
        member, digest = caller.member, hashlib.sha256(body).hexdigest()
        signers = {key.keyid: key for key in self._api.store.members.keys(member.member_id)}
        status = 422
        try:
            now = datetime.now(UTC)
            retired = open_retirement(body, member=member.name, signers=signers, now=now)
            status = 409
            about = {"member": member.member_id, "token": caller.token_id, "envelope_sha256": digest}

            def entry(pool: Pool) -> dict[str, Any]:
                return voided_entry(pool, "its owner retired it") | about

            self._api.store.pools.void(retired.commitment, entry, member=member.name)
        except Error as error:
            return self._refused(caller, digest, status, error, "no pool is retired")
        return retired.commitment

    def _refused(self, caller: Caller, digest: str, status: int, error: Error, title: str) -> TaxiiError:
        entry = {"member": caller.member.member_id, "token": caller.token_id, "envelope_sha256": digest}
        # what is wrong with an envelope may be said in words of its own, which the log is not for
        reason = error.message[:500] if status == 409 else "it is not signed, or not as it has to be"
        quota = Quota(what="keys-refused", who=caller.member.member_id, most=0)
        over = self._api.store.checks.use([quota], lambda _: (REFUSED, entry | {"reason": reason}))
        logged = over is not None and over.is_logged
        return TaxiiError(status, title, error.message[:500], reason="keys", is_logged=logged)

    async def _check_may_register(self, caller: Caller) -> None:
        if caller.member.role != "member" or "write" not in caller.actions:
            who = self._callers.who(caller)
            raise await self._callers.refusal(who, 403, "role", "you may not register keys here")
