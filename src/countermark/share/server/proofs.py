"""What shows from outside that the log is what it was: signed checkpoint and proofs of entries (C2SP)."""

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.records.exchange import Caller
from countermark.share.server.api import BASE, Api, about, add, reply
from countermark.share.server.errors import not_found
from countermark.share.server.refusals import Listed
from countermark.trust.checkpoints import Proof, write_proof
from countermark.trust.log import Log

TEXT = "text/plain; charset=utf-8"
_NUMBER = r"^(0|[1-9][0-9]{0,14})$"


class _Payload(msgspec.Struct):
    member: str = ""
    owners: list[str] = []
    parties: list[str] = []
    """Those whom an entry about two members concerns."""
    collection: str = ""


class _Entry(msgspec.Struct):
    payload: _Payload


class Proofs:
    """The endpoints."""

    def __init__(self, api: Api) -> None:
        self._api, self._refusals = api, Listed()

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        note = {200: "the signed checkpoint, a C2SP note"}
        add(router, "GET", f"{BASE}/audit/checkpoint", self.checkpoint, success=note, media_type=TEXT)
        proof = {200: "the proof, a C2SP tlog-proof with the entry"}
        path, numbers = f"{BASE}/audit/entries/{{index}}/proof", {"index": _NUMBER}
        add(router, "GET", path, self.proof, success=proof, media_type=TEXT, parameters=numbers)
        listed = {200: "entries of refusals that were counted"}
        add(router, "GET", f"{BASE}/audit/refusals", self.refusals, success=listed)
        return router

    async def checkpoint(self, request: Request) -> Response:
        """`GET audit/checkpoint`: to every member, so that they can see that all are shown one log."""
        await self._api.caller(request)
        note = await self._api.work.slow(self._api.auditor.log.checkpoint)
        return Response(note, media_type=TEXT)

    async def proof(self, request: Request) -> Response:
        """`GET audit/entries/{index}/proof`: of an entry that the caller made, or of its objects or runs."""
        caller = await self._api.caller(request)
        text = request.path_params["index"]
        index = int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else -1
        found = await self._api.auditor.call(lambda log: _prove(log, index))
        if found is None or str(index) != text or not _concerns(caller, found.extra):
            raise not_found()
        return Response(write_proof(found), media_type=TEXT)

    async def refusals(self, request: Request) -> Response:
        """`GET audit/refusals`: where the caller's refusals are that have no entries of their own."""
        caller = await self._api.caller(request)
        await self._api.auditor.drain()
        found = await self._api.work.slow(self._refusals.of, caller, self._api.auditor.log)
        return reply({"refusals": found})


def _prove(log: Log, index: int) -> Proof | None:
    return log.prove(index) if 0 <= index < len(log) else None


def _concerns(caller: Caller, data: bytes) -> bool:
    try:
        payload = msgspec.json.decode(data, type=_Entry).payload
    except msgspec.DecodeError:
        payload = _Payload()
    if caller.collections is not None and payload.collection not in caller.collections:
        return False
    return caller.member.role == "operator" or any(
        about(caller, one) for one in (payload.member, *payload.owners, *payload.parties) if one
    )
