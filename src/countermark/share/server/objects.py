"""What is read of a collection: manifest (5.3), objects (5.4), one object (5.6), its versions (5.8).

A page is the stored bytes joined. It is in the log before it leaves, in one entry.
"""

from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from countermark.records.exchange import Caller, Collection, Stored
from countermark.share.server.access import Access, object_id
from countermark.share.server.answers import answer
from countermark.share.server.errors import not_found
from countermark.share.server.filters import LISTING, OF_OBJECT, OF_VERSIONS, Query, parse_query
from countermark.share.server.headers import values
from countermark.share.server.media import check_accept
from countermark.share.server.paging import Pages
from countermark.share.server.times import taxii_time
from countermark.store.exchange import Filters, Joined, Page


@dataclass(frozen=True)
class _Endpoint:
    name: str
    """Also the name of the list in the answer, unless that is `objects`."""
    known: tuple[str, ...]
    of_object: bool = False


_MANIFEST = _Endpoint("manifest", LISTING)
_OBJECTS = _Endpoint("objects", LISTING)
_OBJECT = _Endpoint("object", OF_OBJECT, of_object=True)
_VERSIONS = _Endpoint("versions", OF_VERSIONS, of_object=True)


class _Found(NamedTuple):
    collection: Collection
    page: Page | Joined
    start: int
    """Position after which the page begins."""
    next: str | None


class Objects:
    """The endpoints that give pages."""

    def __init__(self, access: Access) -> None:
        self._access, self._store = access, access.store

    async def manifest(self, request: Request) -> Response:
        """`GET …/manifest/`."""
        found = await self._read(request, _MANIFEST)
        records = [
            {
                "id": row.stix_id,
                "date_added": taxii_time(row.date_added),
                "version": row.version,
                "media_type": row.media_type,
            }
            for row in _rows(found)
        ]
        return _answer(found, "objects", b",".join(map(msgspec.json.encode, records)))

    async def objects(self, request: Request) -> Response:
        """`GET …/objects/`."""
        found = await self._read(request, _OBJECTS)
        return _answer(found, "objects", _data(found))

    async def object(self, request: Request) -> Response:
        """`GET …/objects/{object-id}/`."""
        found = await self._read(request, _OBJECT)
        return _answer(found, "objects", _data(found))

    async def versions(self, request: Request) -> Response:
        """`GET …/objects/{object-id}/versions/`."""
        found = await self._read(request, _VERSIONS)
        versions = b",".join(msgspec.json.encode(row.version) for row in _rows(found))
        return _answer(found, "versions", versions)

    async def _read(self, request: Request, endpoint: _Endpoint) -> _Found:
        caller = await self._access.caller(request)
        raw = request.scope["query_string"]
        work = self._access.work.slow if b"match" in raw else self._access.work.quick
        found = await work(self._find, caller, request, endpoint)
        await self._access.parts.audit.read(caller, found.collection, found.page, endpoint.name)
        return found

    def _find(self, caller: Caller, request: Request, endpoint: _Endpoint) -> _Found:
        """All checks in their order, and the page."""
        path = request.path_params
        collection = self._access.readable(caller, path)
        stix_id = object_id(path) if endpoint.of_object else ""
        check_accept(values(request, b"accept"), manifest=endpoint is _MANIFEST)
        query = parse_query(request.scope["query_string"], endpoint.known)
        pages = Pages(caller, collection, endpoint.name, stix_id, query)
        after = None if query.next is None else pages.position(query.next)
        page = self._page(collection, stix_id, query, after, endpoint)
        if not page.positions and stix_id:
            self._refuse_unknown(collection, stix_id, query)
        start = max(after or 0, query.filters.added_after or 0)
        token = pages.next_after(page.positions[-1]) if page.more else None
        return _Found(collection, page, start, token)

    def _page(
        self, collection: Collection, stix_id: str, query: Query, after: int | None, endpoint: _Endpoint
    ) -> Page | Joined:
        if query.nothing:
            return Page([], False)
        settings = self._access.settings
        limit = min(query.limit or settings.page_limit, settings.most_per_page)
        filters, key = query.stored, collection.collection_id
        if endpoint is _VERSIONS:
            return self._store.objects.versions(key, stix_id, filters, after=after, limit=limit)
        if stix_id:
            filters = msgspec.structs.replace(filters, ids=(stix_id,))
        if endpoint is _MANIFEST:
            return self._store.objects.page(key, filters, after=after, limit=limit, with_data=False)
        return self._store.objects.joined(key, filters, after=after, limit=limit)

    def _refuse_unknown(self, collection: Collection, stix_id: str, query: Query) -> None:
        """404 for an id that is not there, and for a version named by its time that is not (5.6, 5.7)."""
        if query.timed:
            asked = Filters(ids=(stix_id,), versions=query.filters.versions)
        else:
            asked = Filters(ids=(stix_id,), versions=("all",))
        nothing = (
            query.nothing
            or not self._store.objects.page(
                collection.collection_id, asked, after=None, limit=1, with_data=False
            ).rows
        )
        if nothing:
            raise not_found()


def _rows(found: _Found) -> list[Stored]:
    assert isinstance(found.page, Page)
    return found.page.rows


def _data(found: _Found) -> bytes:
    return found.page.data if isinstance(found.page, Joined) else b""


def _answer(found: _Found, name: str, items: bytes) -> Response:
    """The page with its date headers (3.2); an empty object where there is nothing (5.3.1, 5.4, 5.8.1).

    `items` are joined. The dates of an empty page are the position that was asked from: the one time that may
    safely be sent back as `added_after`.
    """
    positions = found.page.positions
    first, last = (positions[0], positions[-1]) if positions else (found.start, found.start)
    headers = {"X-TAXII-Date-Added-First": taxii_time(first), "X-TAXII-Date-Added-Last": taxii_time(last)}
    if not positions:
        return answer(b"{}", headers=headers)
    more = b'"more":true,"next":"%s",' % found.next.encode() if found.next is not None else b""
    return answer(b'{%s"%s":[%s]}' % (more, name.encode(), items), headers=headers)
