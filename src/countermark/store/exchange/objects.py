"""The objects of collections: adding, paging, deleting."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from countermark.records.exchange import Caller, Collection, Stored
from countermark.store.exchange import adding, deleting
from countermark.store.exchange.database import Compiled, Database
from countermark.store.exchange.names import Names
from countermark.store.exchange.queries import COLUMNS, Shape, page_statement, shape_of
from countermark.store.exchange.recent import Counters, Joined, Key, Recent
from countermark.store.exchange.segments import LISTED, Read, Segments
from countermark.store.exchange.shapes import (
    ALL,
    SPEC_VERSIONS,
    Filters,
    Outcome,
    Page,
    Prepared,
    Status,
    media_type,
    steps_of,
)
from countermark.store.exchange.standing import GONE, SPEC
from countermark.store.exchange.tables import collections, objects

_MEDIA = [media_type(SPEC_VERSIONS[one // SPEC]) for one in range(GONE)] + [media_type(SPEC_VERSIONS[-1])]
_MOST_STATEMENTS = 512
_MOST_AT = 500
_LATEST = (1 << 63) - 1


class Objects:
    """The objects of all collections."""

    def __init__(self, database: Database, names: Names, segments: Segments) -> None:
        self._database, self._names, self._segments = database, names, segments
        self._compiled: dict[Shape, Compiled | None] = {}
        self._recent, self._counters = Recent(), Counters()
        counter = sa.select(collections.c.last_added).where(collections.c.number == sa.bindparam("number"))
        self._change = database.compile(counter)

    def add(
        self,
        caller: Caller,
        collection: Collection,
        prepared: Sequence[Prepared],
        *,
        entry: Callable[[list[Outcome]], Mapping[str, Any]],
        refused: Sequence[Outcome] = (),
    ) -> tuple[list[Outcome], Status]:
        """Add objects in their order, with the request's status and its log entry, in one transaction.

        The same object again, from whomever, is a success that changes nothing; the same id and version with
        other bytes is a failure. An id belongs to the member that first added it: anything else of that id is
        a failure for every other, the operator too.

        `refused` are objects of the same request that were found wanting before: failures of the status.
        `entry` gives the log entry from all outcomes, the refused ones last.
        """
        try:
            return adding.add(self._database, self._names, caller, collection, prepared, entry, refused)
        finally:
            self._counters.forget()

    def page(
        self,
        collection_id: str,
        filters: Filters,
        *,
        after: int | None,
        limit: int,
        with_data: bool = True,
    ) -> Page:
        """At most `limit` objects that were added after position `after`, in order of arrival.

        Raises `Error` where there is no such collection, or `versions` names no timestamp.
        """
        key = _key(self._names.collection(collection_id), filters, after, limit)
        rows = self._rows(key, with_data)
        return Page(self._stored(rows[:limit]), len(rows) > limit)

    def joined(
        self,
        collection_id: str,
        filters: Filters,
        *,
        after: int | None,
        limit: int,
        asked: float | None = None,
    ) -> Joined:
        """The same page as it is sent, kept from an earlier request where nothing has changed since.

        `asked` is when somebody asked for it (of `time.monotonic`), now by default. Raises as `page` does.
        """
        number = self._names.collection(collection_id)
        key = _key(number, filters, after, limit)
        change = self._counters.read(number, lambda: self._counter(number), asked)  # before the page
        found = self._recent.get(key, change)
        if found is None:
            held = self._segments.read(number, key[2], limit) if key[1] == LISTED else None
            found = self._join(held or self._read(key))
            self._recent.put(key, change, found, again=held is not None)
        return found

    def key(self, collection_id: str, filters: Filters, *, after: int | None, limit: int) -> Key | None:
        """What `joined` is asked, for those below; None where the collection was never asked for."""
        number = self._names.known(collection_id)
        return None if number is None else _key(number, filters, after, limit)

    def is_current(self, key: Key, asked: float) -> bool:
        """Whether `kept` can answer one who asked at `asked` (of `time.monotonic`); else after `refresh`."""
        return not self._recent.knows(key) or self._counters.at_hand(key[0], asked) is not None

    def refresh(self, collection_id: str) -> None:
        """Read the collection's change counter; raises `Error` where there is no such collection."""
        number = self._names.collection(collection_id)
        self._counters.read(number, lambda: self._counter(number))

    def kept(self, key: Key, asked: float) -> Joined | None:
        """The page as `joined` gives it to one who asked at `asked`, where that takes no query."""
        change = self._counters.at_hand(key[0], asked)
        return None if change is None else self._recent.get(key, change)

    async def joined_soon(self, key: Key, asked: float) -> Joined | None:
        """The page as `joined` gives it, where that takes no thread."""
        number, filters, after, limit = key
        change = self._counters.at_hand(number, asked)  # before the page
        held = await self._segments.read_soon(number, after, limit) if filters == LISTED else None
        if held is None:
            return None
        found = self._join(held)
        self._recent.put(key, change, found, again=True)
        return found

    def _counter(self, number: int) -> int:
        return int(self._database.rows(self._change, {"number": number})[0][0])

    def _rows(self, key: Key, with_data: bool, lean: bool = False) -> list[tuple[Any, ...]]:
        """Rows of a page, and one more where others follow."""
        number, filters, after, limit = key
        shape, values = shape_of(number, filters, limit + 1, with_data, lean)
        compiled = self._statement(shape)
        return [] if compiled is None else self._database.rows(compiled, values | {"after": after})

    def versions(
        self, collection_id: str, stix_id: str, filters: Filters, *, after: int | None, limit: int
    ) -> Page:
        """All versions of one object, without data, in order of arrival."""
        asked = msgspec.structs.replace(filters, ids=(stix_id,), versions=(ALL,))
        return self.page(collection_id, asked, after=after, limit=limit, with_data=False)

    def at(self, collection_id: str, positions: Sequence[int]) -> list[Stored]:
        """What stands, or stood, at these positions, in their order; a tombstone has no data."""
        number = self._names.collection(collection_id)
        found: list[tuple[Any, ...]] = []
        with self._database.reading() as connection:
            for start in range(0, len(positions), _MOST_AT):
                query = sa.select(*COLUMNS, objects.c.data).where(objects.c.collection == number)
                query = query.where(objects.c.date_added.in_(positions[start : start + _MOST_AT]))
                found += [tuple(row) for row in connection.execute(query)]
        return self._stored(sorted(found, key=lambda row: row[0]))

    def delete(
        self,
        caller: Caller,
        collection: Collection,
        stix_id: str,
        filters: Filters,
        *,
        entry: Callable[[list[Stored]], Mapping[str, Any]],
    ) -> int:
        """Delete the versions that match and that the caller put there (an operator: any); how many.

        `versions=("all",)` deletes all; the default is the last. A tombstone stays, with
        id, version, owner and position.
        `entry` gives the log entry from what was deleted; none is written when nothing was.
        """
        asked = msgspec.structs.replace(filters, ids=(stix_id,))
        try:
            return deleting.delete(self._database, self._names, caller, collection, asked, entry)
        finally:
            self._counters.forget()

    def _statement(self, shape: Shape) -> Compiled | None:
        if shape in self._compiled:
            return self._compiled[shape]
        if len(self._compiled) >= _MOST_STATEMENTS:  # shapes are the clients' to choose
            self._compiled = {}
        statement = page_statement(shape, self._database.postgres)
        compiled = None if statement is None else self._database.compile(statement)
        self._compiled[shape] = compiled
        return compiled

    def _stored(self, rows: Sequence[tuple[Any, ...]]) -> list[Stored]:
        member = self._names.member
        return [
            Stored(
                date_added=row[0],
                stix_id=row[1],
                version=row[2],
                media_type=_MEDIA[row[3]],
                owner=member(row[4]),
                data=(row[5] or b"") if len(row) > 5 else b"",
            )
            for row in rows
        ]

    def _read(self, key: Key) -> Read:
        """A page out of the rows of its objects."""
        rows, limit = self._rows(key, with_data=True, lean=True), key[3]
        if not rows:
            return Read([], 0, (), (), False)
        positions, owners, data = zip(*rows[:limit], strict=True)
        return Read(steps_of(positions), positions[-1], owners, (b",".join(data),), len(rows) > limit)

    def _join(self, page: Read) -> Joined:
        names = {number: self._names.member(number) for number in set(page.owners)}
        first = page.steps[0] if page.steps else 0
        return Joined(page.steps, (first, page.last), page.owners, names, page.parts, page.more)


def _key(number: int, filters: Filters, after: int | None, limit: int) -> Key:
    """What a page depends on: `added_after` and the cursor together are one position."""
    beginning = -1 if after is None else after
    if filters.added_after is not None:
        beginning = max(beginning, filters.added_after)
        filters = msgspec.structs.replace(filters, added_after=None)
    return number, filters, min(max(beginning, -1), _LATEST), limit  # a cursor may be anybody's
