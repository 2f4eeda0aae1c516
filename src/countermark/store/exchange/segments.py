"""Objects joined ahead of time: a page is a few of these values instead of a hundred rows.

A segment ends at a position, `last`, and begins where the one before it ends, so that the segments of a
collection cover its beginning without gaps. It holds what a page without `match[…]` gives of that range: the
objects whose last version lies there, in order of arrival, joined as they are sent.

It is a copy, and never more than that. Whoever changes how an object that is there stands, or deletes it,
spoils the segment over it in the same transaction (changing.py). `Segments.make` fills those, and adds others
for what came since, under the collection's lock. A page that meets a spoiled segment, or goes beyond the
last, is read from the objects.

A segment has at least `SIZE` objects. When so many have gone that fewer are left, it takes the next one in.
"""

import struct
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import sqlalchemy as sa

from countermark.store.exchange.changing import lock_collection
from countermark.store.exchange.database import Database
from countermark.store.exchange.names import Names
from countermark.store.exchange.queries import page_statement, shape_of
from countermark.store.exchange.recent import Part
from countermark.store.exchange.shapes import SPEC_VERSIONS, Filters, steps_of
from countermark.store.exchange.tables import collections, segments

LISTED = Filters(spec_versions=SPEC_VERSIONS[-1:])
"""What segments hold: that which a request without `match[…]` asks for."""
SIZE = 50
"""Objects. With fewer there are more rows to a page; with more, more that is read and not sent."""
PASS_SECONDS = 1.0
_MOST = 20
"""Segments that are made in one transaction."""
_MOST_BYTES = 8 << 20
"""After which no further one is made in it."""
_MOST_LIMIT = 1000
"""A larger page is read from the objects."""
_ALL = (1 << 63) - 1
_PLACE = struct.calcsize("<qIi")

Row = Sequence[Any]
"""`LEAN` of an object: its position, its owner, its data."""


class Read(NamedTuple):
    """A page that segments hold."""

    steps: list[int]
    """The first position, and the steps between them."""
    last: int
    """The last position."""
    owners: tuple[int, ...]
    """Numbers of members, for each object."""
    parts: Sequence[Part]
    """The objects with commas between, in some parts."""
    more: bool


class Segments:
    """The segments of all collections. Threads may share it."""

    def __init__(self, database: Database, names: Names) -> None:
        self._database, self._names = database, names
        query = sa.select(segments.c.places, segments.c.data)
        query = query.where(segments.c.collection == sa.bindparam("number", type_=sa.Integer))
        query = query.where(segments.c.last > sa.bindparam("after", type_=sa.BigInteger))
        query = query.order_by(segments.c.last).limit(sa.bindparam("most", type_=sa.BigInteger))
        query = query.offset(sa.literal_column("0"))  # else SQLAlchemy has a parameter for it
        self._rows = database.compile(query)
        self._pipelines = None
        if database.postgres:  # psycopg is there then
            from countermark.store.exchange.pipelines import Pipelines

            self._pipelines = Pipelines(database, self._rows, ("number", "after", "most"))

    def close(self) -> None:
        """Close what `read_soon` opened; in the event loop, if one runs."""
        if self._pipelines is not None:
            self._pipelines.close()

    def read(self, number: int, after: int, limit: int) -> Read | None:
        """The page of at most `limit` objects after a position; None where segments do not hold all of it."""
        if limit > _MOST_LIMIT:
            return None
        values = {"number": number, "after": after, "most": _rows_of(limit)}
        return _page(self._database.rows(self._rows, values), after, limit)

    async def read_soon(self, number: int, after: int, limit: int) -> Read | None:
        """The same without a thread, on PostgreSQL; None where that is not to be had."""
        if self._pipelines is None or limit > _MOST_LIMIT:
            return None
        asked = self._pipelines.ask(number, after, _rows_of(limit))
        rows = None if asked is None else await asked
        return None if rows is None else _page(rows, after, limit)

    def make(self, seconds: float = PASS_SECONDS) -> bool:
        """Make segments that are missing or spoiled, for so long; whether all are made."""
        until = time.monotonic() + seconds
        with self._database.reading() as connection:
            numbers = connection.execute(sa.select(collections.c.number)).scalars().all()
            wanting = [one for one in numbers if self._is_wanting(connection, one)]
        for number in wanting:
            while self._make_some(number):
                if time.monotonic() >= until:
                    return False
        return True

    def differing(self, collection_id: str) -> list[int]:
        """Where segments end that do not hold what the objects say: somebody has changed either by hand."""
        number = self._names.collection(collection_id)
        with self._database.reading() as connection:
            ends = sa.select(segments.c.last).where(segments.c.collection == number)
            found = connection.execute(ends.order_by(segments.c.last)).scalars().all()
            return [last for last in found if all(self._differs(connection, number, last) for _ in range(3))]

    def _differs(self, connection: sa.Connection, number: int, last: int) -> bool:
        """Whether one does; or an object of it is being changed, which another look tells apart."""
        query = sa.select(segments.c.places, segments.c.data)
        query = query.where(segments.c.collection == number, segments.c.last == last)
        held = connection.execute(query).first()
        if held is None or held.data is None:
            return False
        rows = self._within(connection, number, self._end(connection, number, last), last)
        made = _segment(number, last, rows) if rows else {"places": b"", "data": b""}
        return (held.places, held.data) != (made["places"], made["data"])

    def _is_wanting(self, connection: sa.Connection, number: int) -> bool:
        """Whether a collection has a spoiled segment, or enough beyond its last for another one."""
        if self._spoiled(connection, number, 1):
            return True
        beyond = self._listed(connection, number, self._end(connection, number), SIZE, with_data=False)
        return len(beyond) == SIZE

    def _make_some(self, number: int) -> bool:
        """One transaction's; whether there may be more to do."""
        with self._database.writing() as connection:
            lock_collection(connection, number)
            spoiled = self._spoiled(connection, number, _MOST)
            if not spoiled:
                return self._extend(connection, number)
            for last in spoiled:
                self._fill(connection, number, last)
            return True

    def _extend(self, connection: sa.Connection, number: int) -> bool:
        """Add segments behind the last; whether there may be more to add."""
        made: list[dict[str, Any]] = []
        after, size = self._end(connection, number), 0
        while len(made) < _MOST and size < _MOST_BYTES:
            rows = self._listed(connection, number, after, SIZE)
            if len(rows) < SIZE:
                break
            after = rows[-1][0]
            made.append(_segment(number, after, rows))
            size += len(made[-1]["data"])
        if made:
            connection.execute(sa.insert(segments), made)
        return len(made) == _MOST or size >= _MOST_BYTES

    def _fill(self, connection: sa.Connection, number: int, last: int) -> None:
        """Make a spoiled segment anew, unless one before it has taken it in."""
        here = segments.c.collection == number
        if not connection.execute(sa.select(sa.func.count()).where(here, segments.c.last == last)).scalar():
            return
        first = self._end(connection, number, last)
        rows = self._within(connection, number, first, last)
        while len(rows) < SIZE:
            following = sa.select(sa.func.min(segments.c.last)).where(here, segments.c.last > last)
            end = connection.execute(following).scalar()
            if end is None:  # what is left is covered again when more has come
                break
            rows += self._within(connection, number, last, end)
            last = end
        connection.execute(sa.delete(segments).where(here, segments.c.last > first, segments.c.last <= last))
        made = [_segment(number, some[-1][0], some) for some in _cut(rows)]
        if made:
            made[-1]["last"] = last
            connection.execute(sa.insert(segments), made)

    def _spoiled(self, connection: sa.Connection, number: int, most: int) -> list[int]:
        query = sa.select(segments.c.last).where(segments.c.collection == number, segments.c.data.is_(None))
        return list(connection.execute(query.order_by(segments.c.last).limit(most)).scalars())

    def _end(self, connection: sa.Connection, number: int, before: int = _ALL) -> int:
        """Where the last segment ends, of those that end before a position; -1 where there is none."""
        query = sa.select(sa.func.max(segments.c.last)).where(segments.c.collection == number)
        found = connection.execute(query.where(segments.c.last < before)).scalar()
        return -1 if found is None else int(found)

    def _within(self, connection: sa.Connection, number: int, first: int, last: int) -> list[Row]:
        """The objects after one position up to another."""
        rows: list[Row] = []
        while True:
            found = self._listed(connection, number, rows[-1][0] if rows else first, 2 * SIZE)
            rows += [row for row in found if row[0] <= last]
            if len(found) < 2 * SIZE or found[-1][0] > last:
                return rows

    def _listed(
        self, connection: sa.Connection, number: int, after: int, limit: int, with_data: bool = True
    ) -> Sequence[Row]:
        """Rows of the objects after a position that a segment holds."""
        shape, values = shape_of(number, LISTED, limit, with_data, lean=with_data)
        statement = page_statement(shape, self._database.postgres)
        assert statement is not None  # there are always last versions to ask for
        return connection.execute(statement, values | {"after": after}).all()


def _rows_of(limit: int) -> int:
    """Segments enough for a page and one object more."""
    return 1 + -(-limit // SIZE)


def _page(rows: Sequence[Row], after: int, limit: int) -> Read | None:
    """A page out of rows of segments, where they hold all of it and something behind it."""
    taken: list[int] = []
    parts: list[Part] = []
    last, owners = 0, b""
    for places, data in rows:
        if data is None:
            return None
        count = len(places) // _PLACE
        steps = struct.unpack_from(f"<{count}q", places)
        begin = 0 if taken else bisect_right(list(accumulate(steps)), after)
        end = min(count, begin + limit - len(taken))
        if begin < end:
            taken.append(sum(steps[: begin + 1]) - last)
            taken += steps[begin + 1 : end]
            last = sum(steps[:end])
            parts += (b",", _between(places, data, begin, end))
            owners += places[12 * count + 4 * begin : 12 * count + 4 * end]
        if end < count:
            return Read(taken, last, struct.unpack(f"<{len(taken)}i", owners), parts[1:], True)
    return None


def _between(places: bytes, data: bytes, begin: int, end: int) -> memoryview:
    """The data of the objects from one on up to another, without the commas around."""
    count = len(places) // _PLACE
    first = struct.unpack_from("<I", places, 8 * count + 4 * begin - 4)[0] + 1 if begin else 0
    return memoryview(data)[first : struct.unpack_from("<I", places, 8 * count + 4 * end - 4)[0]]


def _cut(rows: list[Row]) -> Iterator[list[Row]]:
    """Parts of `SIZE` objects, the last of which takes what remains; none where there are fewer."""
    count = len(rows) // SIZE
    for at in range(count):
        yield rows[at * SIZE : (at + 1) * SIZE if at < count - 1 else None]


def _segment(number: int, last: int, rows: Sequence[Row]) -> dict[str, Any]:
    """The row of a segment. Its places: 8 bytes for each step, then 4 for each end, and 4 for each owner."""
    positions, owners, data = zip(*rows, strict=True)
    ends = [at + end for at, end in enumerate(accumulate(map(len, data)))]
    places = struct.pack(f"<{len(rows)}q{len(rows)}I{len(rows)}i", *steps_of(positions), *ends, *owners)
    return {"collection": number, "last": last, "places": places, "data": b",".join(data)}
