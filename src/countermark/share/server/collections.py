"""Collections (5.1, 5.2)."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from countermark.records.exchange import Caller, Collection, Rights
from countermark.share.server.access import Access
from countermark.share.server.answers import Answer
from countermark.share.server.media import STIX, check_accept


class Collections:
    """The collections in which a caller may do anything."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self, request: Request) -> Response:
        """`GET /{api-root}/collections/`, by id; an empty object where there are none (5.1.1)."""
        caller = await self._access.caller(request)
        visible = await self._access.work.slow(self._visible, caller, request.path_params["root"])
        check_accept(request.headers.getlist("accept"))
        resources = [_resource(one, rights) for one, rights in visible]
        return Answer(msgspec.json.encode({"collections": resources} if resources else {}))

    async def one(self, request: Request) -> Response:
        """`GET /{api-root}/collections/{id}/`; an alias leads there too."""
        caller = await self._access.caller(request)
        found = await self._access.work.quick(self._access.collection, caller, request.path_params)
        check_accept(request.headers.getlist("accept"))
        return Answer(msgspec.json.encode(_resource(*found)))

    def _visible(self, caller: Caller, root: str) -> list[tuple[Collection, Rights]]:
        return self._access.visible_collections(caller, self._access.root(caller, root))


def _resource(collection: Collection, rights: Rights) -> dict[str, object]:
    found: dict[str, object] = {"id": collection.collection_id, "title": collection.title}
    for name in ("description", "alias"):
        if value := getattr(collection, name):
            found[name] = value
    return found | {"can_read": rights.read, "can_write": rights.write, "media_types": [STIX]}
