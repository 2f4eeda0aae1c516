"""All rows of a collection as they stand, tombstones too: for who checks the database itself.

Pages leave out what their indexes do not lead to. A row that was changed by hand so that no index leads to it
is found here.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from countermark.store.exchange.database import Database, chunks
from countermark.store.exchange.names import Names
from countermark.store.exchange.shapes import SPEC_VERSIONS
from countermark.store.exchange.standing import GONE, LANES, LIVE, SPEC, Place, kin_of, settle
from countermark.store.exchange.tables import objects

_PAGE = 500
_NAMES = ("date_added", "stix_id", "type", "version", "version_at", "standing", "lane", "kin", "owner")
_COLUMNS = [objects.c[name] for name in (*_NAMES, "sha256", "data")]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `objects`."""

    position: int
    stix_id: str
    type: str
    version: str
    version_at: int
    standing: int
    spec_version: str
    """`2.1` for a tombstone."""
    owner: str
    """`member_id`, empty where there is no member of that number."""
    sha256: str
    """Hex; empty where there is none."""
    data: bytes
    gone: bool
    """Whether it is a tombstone."""
    led_to: bool
    """Whether the indexes lead to it by what it is, and to nothing where it is a tombstone."""


class Version(msgspec.Struct, frozen=True):
    """A version of an object, by its place alone."""

    position: int
    version_at: int
    """Microseconds."""
    standing: int
    owner: str

    @property
    def gone(self) -> bool:
        """Whether it was deleted."""
        return self.standing == GONE


class Scan:
    """Reads collections row by row."""

    def __init__(self, database: Database, names: Names) -> None:
        self._database, self._names = database, names

    def all(self, collection_id: str) -> Iterator[Row]:
        """Every row, by position."""
        number = self._names.collection(collection_id)
        query = sa.select(*_COLUMNS).where(objects.c.collection == number)
        after = -1
        while True:
            asked = query.where(objects.c.date_added > after).order_by(objects.c.date_added).limit(_PAGE)
            rows = self._read(number, asked)
            yield from rows
            if len(rows) < _PAGE:
                return
            after = rows[-1].position

    def versions(self, collection_id: str, stix_id: str) -> list[Version]:
        """All versions of one object, tombstones too, in no order."""
        number = self._names.collection(collection_id)
        columns = (objects.c.date_added, objects.c.version_at, objects.c.standing, objects.c.owner)
        query = sa.select(*columns).where(objects.c.kin == kin_of(number, stix_id))
        query = query.where(objects.c.stix_id == stix_id, objects.c.collection == number)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [Version(row[0], row[1], row[2], self._names.member(row[3])) for row in rows]

    def at(self, collection_id: str, positions: Sequence[int]) -> list[Row]:
        """The rows at these positions, in no order."""
        number = self._names.collection(collection_id)
        query = sa.select(*_COLUMNS).where(objects.c.collection == number)
        found: list[Row] = []
        for some in chunks(positions, _PAGE):
            found += self._read(number, query.where(objects.c.date_added.in_(some)))
        return found

    def _read(self, number: int, query: sa.Select[Any]) -> list[Row]:
        with self._database.reading() as connection:
            return [self._row(number, *row) for row in connection.execute(query)]

    def _row(self, number: int, *values: Any) -> Row:
        position, stix_id, kind, version, version_at, standing, lane, kin, owner, sha256, data = values
        try:
            member = self._names.member(owner)
        except KeyError:
            member = ""
        return Row(
            position=position,
            stix_id=stix_id,
            type=kind,
            version=version,
            version_at=version_at,
            standing=standing,
            spec_version=SPEC_VERSIONS[standing // SPEC] if 0 <= standing < GONE else SPEC_VERSIONS[-1],
            owner=member,
            sha256=bytes(sha256 or b"").hex(),
            data=data.encode() if isinstance(data, str) else bytes(data or b""),  # SQLite keeps either
            gone=data is None,
            led_to=lane == number * LANES + standing
            and kin == kin_of(number, stix_id)
            and (standing == GONE if data is None else standing in LIVE),
        )


def misplaced(versions: Sequence[tuple[int, int, int]]) -> list[int]:
    """Positions whose standing is not what it has to be, of all live versions of one object.

    `versions`: position, time of the version (microseconds), standing.
    """
    return [one.date_added for one in settle([Place(*one) for one in versions if one[2] in LIVE])]
