"""`watermark/keys`: members register the names of their keys, before anything is asked under them."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.errors import Error
from countermark.records.exchange import Caller
from countermark.share.check.messages import Keys
from countermark.share.check.register import Registered, check_registration, open_registration
from countermark.share.server.api import Api, add, reply
from countermark.share.server.check_callers import ASKERS, Callers
from countermark.share.server.check_node import Node
from countermark.share.server.errors import TaxiiError
from countermark.share.server.times import taxii_time

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
        add(router, "GET", path, self.all, success={200: "the registered pools"})
        return router

    async def add(self, request: Request) -> Response:
        """`POST watermark/keys`: an envelope (DSSE) of the caller's own keys, signed by its own key."""
        caller = await self._api.caller(request)
        await self._check_may_register(caller)
        async with self._api.bodies.received(request, caller.member.member_id) as body:
            caller = await self._api.caller_still(request)
            await self._check_may_register(caller)
            found = await self._api.work.posted(caller.member.member_id, self._add, caller, body)
        await self._api.auditor.drain()
        if isinstance(found, TaxiiError):
            raise found
        return reply({"member": caller.member.name, "new": found}, 201 if found else 200)

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
            entry = {"member": member.member_id, "token": caller.token_id, "envelope_sha256": digest}
            # what is wrong with an envelope may be said in words of its own, which the log is not for
            reason = error.message[:500] if status == 409 else "it is not signed, or not as it has to be"
            self._api.store.outbox.append(REFUSED, entry | {"reason": reason})
            return TaxiiError(status, "the keys are not registered", error.message[:500])
        return len(new)

    async def _check_may_register(self, caller: Caller) -> None:
        if caller.member.role != "member" or "write" not in caller.actions:
            who = self._callers.who(caller)
            raise await self._callers.refusal(who, 403, "role", "you may not register keys here")
