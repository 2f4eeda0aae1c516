"""What is read of a collection: manifest (5.3), objects (5.4), one object (5.6), its versions (5.8).

A page is the stored bytes joined. It is in the log before it leaves, in one entry.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from countermark.records.exchange import Caller, Collection, Stored
from countermark.share.server.access import Access, object_id
from countermark.share.server.answers import Answer
from countermark.share.server.errors import not_found
from countermark.share.server.filters import LISTING, OF_OBJECT, OF_VERSIONS, Query, parse_query
from countermark.share.server.headers import values
from countermark.share.server.media import check_accept
from countermark.share.server.paging import Pages
from countermark.share.server.parts import Pressing
from countermark.share.server.times import taxii_time
from countermark.store.exchange import Filters, Joined, Page, Part


@dataclass(frozen=True)
class _Endpoint:
    name: str
    """Also the name of the list in the answer, unless that is `objects`."""
    known: tuple[str, ...]
    of_object: bool = False
    whole: bool = False
    """Whether it gives the objects themselves."""


_MANIFEST = _Endpoint("manifest", LISTING)
_OBJECTS = _Endpoint("objects", LISTING, whole=True)
_OBJECT = _Endpoint("object", OF_OBJECT, of_object=True, whole=True)
_VERSIONS = _Endpoint("versions", OF_VERSIONS, of_object=True)


class _Asked(NamedTuple):
    """A request that was checked."""

    caller: Caller
    endpoint: _Endpoint
    collection: Collection
    stix_id: str
    """Of the one object that is asked for; or nothing."""
    query: Query
    after: int | None
    """Position that its `next` names."""
    limit: int
    at: float
    """When it was asked, of `time.monotonic`."""

    @property
    def pages(self) -> Pages:
        return Pages(self.caller, self.collection, self.endpoint.name, self.stix_id, self.query)

    @property
    def filters(self) -> Filters:
        stored = self.query.stored
        return msgspec.structs.replace(stored, ids=(self.stix_id,)) if self.stix_id else stored


class _Found(NamedTuple):
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
        return _answer(found, b"objects", b",".join(map(msgspec.json.encode, records)))

    async def objects(self, request: Request) -> Response:
        """`GET …/objects/`."""
        found = await self._read(request, _OBJECTS)
        return _answer(found, b"objects", *_parts(found))

    async def object(self, request: Request) -> Response:
        """`GET …/objects/{object-id}/`."""
        found = await self._read(request, _OBJECT)
        return _answer(found, b"objects", *_parts(found))

    async def versions(self, request: Request) -> Response:
        """`GET …/objects/{object-id}/versions/`."""
        found = await self._read(request, _VERSIONS)
        versions = b",".join(msgspec.json.encode(row.version) for row in _rows(found))
        return _answer(found, b"versions", versions)

    async def _read(self, request: Request, endpoint: _Endpoint) -> _Found:
        caller = await self._access.caller(request)
        if self._access.is_at_hand(request.path_params):
            asked = self._asked(caller, request, endpoint)
        else:
            asked = await self._access.work.quick(self._asked, caller, request, endpoint)
        searches = b"match" in request.scope["query_string"]
        if self._access.work.inline and not searches:
            page = self._page(asked)
        else:
            page = await self._page_of(asked, searches)
        start = max(asked.after or 0, asked.query.filters.added_after or 0)
        press = self._access.parts.press
        if press is not None and press.late(caller, asked.collection):
            await self._read_late(press, asked, page, start)
        else:
            await self._access.parts.audit.read(caller, asked.collection, page, endpoint.name)
        return _Found(page, start, asked.pages.next_after(page.span[1]) if page.more else None)

    async def _read_late(self, press: Pressing, asked: _Asked, page: Page | Joined, start: int) -> None:
        """The same for a reader that is late with a withdrawal: only what brings it nearer is given."""
        caller, collection, what, positions = (
            asked.caller,
            asked.collection,
            asked.endpoint.name,
            page.positions,
        )
        filters = asked.query.filters
        await press.admit_read(caller, collection, what, asked.stix_id, filters, start, positions)
        await self._access.parts.audit.read(caller, collection, page, what)
        await press.given(caller, collection, what, positions)

    def _asked(self, caller: Caller, request: Request, endpoint: _Endpoint) -> _Asked:
        """All checks in their order."""
        path = request.path_params
        collection = self._access.readable(caller, path)
        stix_id = object_id(path) if endpoint.of_object else ""
        check_accept(values(request, b"accept"), manifest=endpoint is _MANIFEST)
        query = parse_query(request.scope["query_string"], endpoint.known)
        settings = self._access.settings
        limit = min(query.limit or settings.page_limit, settings.most_per_page)
        asked = _Asked(caller, endpoint, collection, stix_id, query, None, limit, time.monotonic())
        return asked if query.next is None else asked._replace(after=asked.pages.position(query.next))

    async def _page_of(self, asked: _Asked, searches: bool) -> Page | Joined:
        """A page that is at hand, or that the event loop can read; else out of a thread."""
        objects, work, name = self._store.objects, self._access.work, asked.collection.collection_id
        key = objects.key(name, asked.filters, after=asked.after, limit=asked.limit)
        if asked.endpoint.whole and not asked.query.nothing and key is not None:
            if not objects.is_current(key, asked.at):
                await work.once(objects.refresh, name)
            page = objects.kept(key, asked.at) or await objects.joined_soon(key, asked.at)
            if page is not None and page.steps:
                return page
        return await (work.slow if searches else work.quick)(self._page, asked)

    def _page(self, asked: _Asked) -> Page | Joined:
        page = self._read_page(asked)
        if asked.stix_id and not page.steps:
            self._refuse_unknown(asked.collection, asked.stix_id, asked.query)
        return page

    def _read_page(self, asked: _Asked) -> Page | Joined:
        if asked.query.nothing:
            return Page([], False)
        filters, key, after, limit = asked.filters, asked.collection.collection_id, asked.after, asked.limit
        objects = self._store.objects
        if asked.endpoint is _VERSIONS:
            return objects.versions(key, asked.stix_id, filters, after=after, limit=limit)
        if asked.endpoint is _MANIFEST:
            return objects.page(key, filters, after=after, limit=limit, with_data=False)
        return objects.joined(key, filters, after=after, limit=limit, asked=asked.at)

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


def _parts(found: _Found) -> Sequence[Part]:
    return found.page.parts if isinstance(found.page, Joined) else ()


def _answer(found: _Found, name: bytes, *items: Part) -> Response:
    """The page with its date headers (3.2); an empty object where there is nothing (5.3.1, 5.4, 5.8.1).

    `items` have commas between. The dates of an empty page are the position that was asked from: the one time
    that may safely be sent back as `added_after`.
    """
    empty = not found.page.span[1]
    first, last = (found.start, found.start) if empty else found.page.span
    more = b'"more":true,"next":"%b",' % found.next.encode() if found.next is not None else b""
    parts: tuple[Part, ...] = (b"{}",) if empty else (b'{%b"%b":[' % (more, name), *items, b"]}")
    return Answer(*parts, headers=_dates(first, last))


@lru_cache(maxsize=1024)
def _dates(first: int, last: int) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"x-taxii-date-added-first", taxii_time(first).encode()),
        (b"x-taxii-date-added-last", taxii_time(last).encode()),
    )
