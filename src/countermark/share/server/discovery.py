"""Discovery (4.1), API roots (4.2) and statuses (4.3)."""

import re

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from countermark.records.exchange import Caller
from countermark.share.server.access import Access
from countermark.share.server.answers import Answer
from countermark.share.server.errors import not_found
from countermark.share.server.media import TAXII, check_accept
from countermark.share.server.times import taxii_time
from countermark.store.exchange import Status

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class Discovery:
    """What a client learns of the server."""

    def __init__(self, access: Access) -> None:
        self._access, self._settings = access, access.settings

    async def discovery(self, request: Request) -> Response:
        """`GET /taxii2/`: the API roots that the caller may use."""
        caller = await self._access.caller(request)
        check_accept(request.headers.getlist("accept"))
        roots = await self._access.work.slow(self._access.visible_roots, caller)
        base = (self._settings.public_url or "").rstrip("/")
        found: dict[str, object] = {"title": self._settings.title}
        for name in ("description", "contact"):
            if value := getattr(self._settings, name):
                found[name] = value
        urls = [f"{base}/{root}/" for root in roots]
        return Answer(msgspec.json.encode(found | {"default": urls[0], "api_roots": urls}))

    async def root(self, request: Request) -> Response:
        """`GET /{api-root}/`."""
        caller = await self._access.caller(request)
        await self._access.work.slow(self._access.root, caller, request.path_params["root"])
        check_accept(request.headers.getlist("accept"))
        found: dict[str, object] = {"title": self._settings.title, "versions": [TAXII]}
        if self._settings.description:
            found["description"] = self._settings.description
        found["max_content_length"] = self._settings.max_content_length
        return Answer(msgspec.json.encode(found))

    async def status(self, request: Request) -> Response:
        """`GET /{api-root}/status/{status-id}/`: to the member that sent the request, and the operator."""
        caller = await self._access.caller(request)
        status = await self._access.work.quick(self._status, caller, request.path_params)
        check_accept(request.headers.getlist("accept"))
        return Answer(status_body(status))

    def _status(self, caller: Caller, path: dict[str, str]) -> Status:
        status_id, store = path["status_id"], self._access.store
        found = store.statuses.get(status_id) if _UUID.fullmatch(status_id) else None
        if found is None:
            raise not_found()
        mine = caller.member.member_id == found.member_id or caller.member.role == "operator"
        scoped = caller.collections is None or found.collection_id in caller.collections
        root = self._access.root(caller, path["root"])
        if not mine or not scoped or store.collections.get(root, found.collection_id) is None:
            raise not_found()
        return found


def status_body(status: Status) -> bytes:
    """The status resource; lists that would be empty are left out (section 2)."""
    found: dict[str, object] = {
        "id": status.status_id,
        "status": "complete",
        "request_timestamp": taxii_time(status.requested),
        "total_count": status.total,
    }
    for count, name in (("success", "successes"), ("failure", "failures"), ("pending", "pendings")):
        entries = getattr(status, name)
        found[f"{count}_count"] = len(entries)
        if entries:
            found[name] = entries
    return msgspec.json.encode(found)
