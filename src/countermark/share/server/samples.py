"""Releases under standing approvals that the exchange draws for review, and the reports on them.

The draw is made with the key of the exchange's log (`policy.sampling`), when the release is taken. Who may
see a release may see whether it was drawn; any token of the member may hand in what a reviewer signed.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.errors import Error
from countermark.records.exchange import Caller
from countermark.share.policy.release import Release
from countermark.share.policy.review import REVOCATION
from countermark.share.policy.sampling import DUE, draw, is_drawn, verify_report
from countermark.share.policy.standing import standing_in
from countermark.share.server.api import BASE, Api, about, add, reply
from countermark.share.server.errors import TaxiiError, forbidden, not_found
from countermark.share.server.keys import member_keys
from countermark.share.server.times import now, taxii_time
from countermark.store.exchange import Under, Use
from countermark.trust.signing import SigningKey

_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$"


def under(release: Release, key: SigningKey) -> Under | None:
    """The standing approval of a release and its draw; None for one that two people signed."""
    if release.standing is None:
        return None
    signature = draw(key, release.release_id)
    return Under(
        standing_id=standing_in(release.standing).standing_id,
        withdrawal=set(release.classes) == {REVOCATION},
        draw=signature,
        drawn=lambda place, since: is_drawn(signature, place, since),
        due=now() + DUE // timedelta(microseconds=1),
    )


class Samples:
    """The endpoints."""

    def __init__(self, api: Api) -> None:
        self._api, self._store = api, api.store

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        drawn = {200: "what was drawn for review, and what was reported"}
        add(router, "GET", f"{BASE}/samples", self.all, success=drawn)
        taken = {200: "it says nothing new", 201: "it is taken"}
        path, body = f"{BASE}/samples/{{release_id}}/reports", "#/components/schemas/dsse"
        add(router, "POST", path, self.report, success=taken, parameters={"release_id": _ID}, body=body)
        return router

    async def all(self, request: Request) -> Response:
        """`GET samples`: the drawn releases of the caller, of the member it reviews for, or all."""
        caller = await self._api.caller(request)
        member = caller.member
        whose = None if member.role == "operator" else member.of or member.member_id
        found = await self._api.work.slow(self._store.samples.drawn, whose)
        at = now()
        return reply({"samples": [_plain(one, at) for one in found]})

    async def report(self, request: Request) -> Response:
        """`POST samples/{id}/reports`: the envelope (DSSE) of a report that a reviewer signed."""
        caller = await self._api.caller(request)
        release_id = request.path_params["release_id"]
        await self._drawn(caller, release_id)
        async with self._api.bodies.received(request, caller.member.member_id) as body:
            caller = await self._api.caller_still(request)
            found = await self._drawn(caller, release_id)
            new = await self._api.work.posted(caller.member.member_id, self._report, caller, found, body)
        await self._api.auditor.drain()
        return reply({"release_id": release_id}, 201 if new else 200)

    async def _drawn(self, caller: Caller, release_id: str) -> Use:
        """A drawn release that the caller may report on; `TaxiiError` 403 or 404."""
        found = await self._api.work.slow(self._store.samples.get, release_id)
        if found is None or found.due is None or not about(caller, found.member_id):
            raise not_found()
        if caller.member.role == "operator" or caller.actions.isdisjoint({"write", "review"}):
            raise forbidden("report on a release")
        return found

    def _report(self, caller: Caller, found: Use, body: bytes) -> bool:
        keys = member_keys(self._store, found.member_id)
        try:
            report = verify_report(body, keys, datetime.now(UTC))
        except Error as error:
            raise TaxiiError(422, "the report is refused", error.message[:500]) from None
        if report.release_id != found.release_id:
            raise TaxiiError(422, "the report is refused", "it is of another release")
        known = found.reports.get(report.role)
        if known == "problem" and report.outcome == "clean":
            raise TaxiiError(409, "a problem was reported, which nothing takes back")
        entry: dict[str, Any] = {"member": found.member_id, "by": caller.member.member_id}
        entry |= {"token": caller.token_id, "release_id": found.release_id, "role": report.role}
        entry |= {"outcome": report.outcome, "envelope_sha256": hashlib.sha256(body).hexdigest()}
        return self._store.samples.report(found.release_id, report.role, report.outcome, body, entry=entry)


def _plain(one: Use, at: int) -> dict[str, Any]:
    assert one.due is not None
    state = "due" if at < one.due else "overdue"
    if "problem" in one.reports.values():
        state = "problem"
    elif not one.missing:
        state = "clean"
    return {
        "release_id": one.release_id,
        "member_id": one.member_id,
        "standing_id": one.standing_id,
        "place": one.place,
        "draw": one.draw,
        "due": taxii_time(one.due),
        "state": state,
        "reports": one.reports,
        "missing": one.missing,
    }
