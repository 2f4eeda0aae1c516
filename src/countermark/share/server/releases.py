"""Releases: what two people of a member signed, given to the exchange before the objects themselves.

The signatures are checked by the keys that stand in the exchange's register of members. What is taken, and
what is refused with the reason, is in the log before it is answered.
"""

import hashlib
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.errors import Error
from countermark.records.exchange import Caller
from countermark.share.policy.release import Release
from countermark.share.policy.verify import verify_release
from countermark.share.server.api import BASE, Api, about, add, reply
from countermark.share.server.errors import TaxiiError, forbidden, not_found
from countermark.share.server.keys import member_keys
from countermark.share.server.register import digests_sha256
from countermark.share.server.samples import under
from countermark.share.server.times import taxii_time
from countermark.store.exchange import Release as Kept
from countermark.store.exchange import Suspended
from countermark.trust.signing import SigningKey

REFUSED = "release-refused"
SCHEMAS: dict[str, Any] = {
    "dsse": {
        "type": "object",
        "required": ["payload", "payloadType", "signatures"],
        "properties": {
            "payload": {"type": "string"},
            "payloadType": {"type": "string"},
            "signatures": {"type": "array", "minItems": 1, "items": {"type": "object"}},
        },
    }
}
_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$"


class Releases:
    """The endpoints."""

    def __init__(self, api: Api, policies: tuple[str, ...], log_key: SigningKey) -> None:
        """`log_key` draws releases under standing approvals for review."""
        self._api, self._store, self._log_key = api, api.store, log_key
        self._policies = policies or None

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        taken = {200: "it was taken before", 201: "it is taken"}
        body = "#/components/schemas/dsse"
        add(router, "POST", f"{BASE}/releases", self.add, success=taken, body=body)
        one, found = f"{BASE}/releases/{{release_id}}", {200: "the release"}
        add(router, "GET", one, self.get, success=found, parameters={"release_id": _ID})
        gone = {200: "it is withdrawn"}
        add(router, "DELETE", one, self.withdraw, success=gone, parameters={"release_id": _ID})
        return router

    async def add(self, request: Request) -> Response:
        """`POST releases`: the envelope (DSSE, canonical) of a release of the caller's own."""
        caller = await self._api.caller(request)
        _check_may_give(caller)
        member_id = caller.member.member_id
        async with self._api.bodies.received(request, member_id) as body:
            caller = await self._api.caller_still(request)
            _check_may_give(caller)
            release, new = await self._api.work.posted(member_id, self._add, caller, body)
        await self._api.auditor.drain()
        if release is None:
            raise TaxiiError(422, "the release is refused", str(new)[:500])
        return reply({"release_id": release.release_id, "expires": release.expires}, 201 if new else 200)

    async def get(self, request: Request) -> Response:
        """`GET releases/{id}`: to the member, its reviewers and operators; without the envelope."""
        caller = await self._api.caller(request)
        found = await self._api.work.slow(self._store.releases.get, request.path_params["release_id"])
        if found is None or not about(caller, found.member_id):
            raise not_found()
        return reply(_plain(found))

    async def withdraw(self, request: Request) -> Response:
        """`DELETE releases/{id}`: from now on it lets nothing in; what it has let in stays.

        By the member, by each of its reviewers alone, and by an operator: to stop takes no two people.
        """
        caller = await self._api.caller(request)
        found = await self._api.work.slow(self._store.releases.get, request.path_params["release_id"])
        if found is None or not about(caller, found.member_id):
            raise not_found()
        if caller.actions.isdisjoint({"write", "review"}):
            raise forbidden("withdraw a release")
        entry = {"member": found.member_id, "by": caller.member.member_id, "token": caller.token_id}
        entry["release_id"] = found.release_id
        withdraw = self._store.releases.withdraw
        await self._api.work.slow(withdraw, found.member_id, found.release_id, entry=entry)
        await self._api.auditor.drain()
        return reply(_plain(msgspec.structs.replace(found, withdrawn=True)))

    def _add(self, caller: Caller, body: bytes) -> tuple[Release | None, bool | str]:
        """The release, and whether it is new; or None and why it is refused."""
        member_id = caller.member.member_id
        digest = hashlib.sha256(body).hexdigest()
        entry: dict[str, Any] = {"member": member_id, "token": caller.token_id, "envelope_sha256": digest}
        keys = member_keys(self._store, member_id)
        try:
            release = verify_release(
                body, keys, datetime.now(UTC), member_id=member_id, policies=self._policies
            )
        except Error as error:
            self._store.outbox.append(REFUSED, entry | {"reason": error.message[:500]})
            return None, error.message
        objects = [(one.id, one.version or "", one.sha256) for one in release.objects]
        expires = int(holds_until(release).timestamp() * 1_000_000)
        entry |= {
            "release_id": release.release_id,
            "objects": len(objects),
            "standing": bool(release.standing),
        }
        entry |= {"policy_sha256": release.policy_sha256, "classes": release.classes, "expires": expires}
        entry["objects_sha256"] = digests_sha256({one.sha256 for one in release.objects})
        known = self._store.releases.get(release.release_id)
        if known is not None and ((known.member_id, known.envelope) != (member_id, body) or known.withdrawn):
            reason = "was withdrawn" if known.withdrawn else "was given before with other signatures"
            self._store.outbox.append(REFUSED, entry | {"reason": f"this release {reason}"})
            return None, f"this release {reason}"
        try:
            new = self._store.releases.add(
                *(member_id, release.release_id, body, objects, expires),
                entry=entry,
                under=under(release, self._log_key),
            )
        except Suspended as suspended:
            self._store.outbox.append(REFUSED, entry | {"reason": str(suspended)})
            return None, str(suspended)
        return release, new


def _check_may_give(caller: Caller) -> None:
    if caller.member.role != "member" or "write" not in caller.actions:
        raise forbidden("give a release")


def _plain(found: Kept) -> dict[str, Any]:
    return {
        "release_id": found.release_id,
        "member_id": found.member_id,
        "received": taxii_time(found.received),
        "expires": taxii_time(found.expires),
        "withdrawn": found.withdrawn,
        "sha256": hashlib.sha256(found.envelope).hexdigest(),
    }


def holds_until(release: Release) -> datetime:
    """When a release ends: as it says, and not later than the first of its legal bases."""
    last = min((one.until for one in release.legal_basis), default=date.max)
    return min(release.expires, datetime.combine(last, datetime.max.time(), UTC))
