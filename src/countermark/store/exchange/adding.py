"""Adding objects to a collection: one transaction, in which the collection is locked from the beginning."""

import base64
import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from countermark.errors import Error, ExitCode
from countermark.records.exchange import Caller, Collection
from countermark.store.exchange.database import Database, among, listed
from countermark.store.exchange.names import Names
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.shapes import SPEC_VERSIONS, Outcome, Prepared, Status, media_type
from countermark.store.exchange.standing import (
    EDGES,
    IS_FIRST,
    IS_LAST,
    IS_NEWEST,
    LANES,
    SPEC,
    Place,
    kin_of,
    settle,
)
from countermark.store.exchange.statuses import write_status
from countermark.store.exchange.tables import collections, objects
from countermark.store.exchange.times import microseconds, now, rfc3339

ADDED = "objects-added"
OTHER_BYTES = "another object of this id and version is here already"
_COLUMNS = [column.name for column in objects.c]
_BINARY = ["int4", "int8", *["text"] * 3, "int8", "int2", "int4", "int8", "int4", "text", *["bytea"] * 2]
_COPY = f"COPY objects ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_INSERT = f"INSERT INTO objects ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_ALONE = IS_FIRST | IS_LAST | IS_NEWEST


@dataclass(slots=True)
class _Known:
    """An object that the collection has, or is about to have."""

    sha256: bytes
    date_added: int
    version: str


@dataclass(slots=True)
class _New:
    """An object that is to be written."""

    one: Prepared
    ident: str
    version: str
    sha256: bytes
    place: Place


@dataclass(slots=True)
class _Plan:
    """What a request does to a collection whose row is locked."""

    collection: int
    last_added: int
    known: dict[str, _Known]
    new: list[_New] = field(default_factory=list)

    def take(self, one: Prepared) -> Outcome:
        """What becomes of an object; a new one gets its position."""
        try:
            version_at = None if one.version is None else microseconds(one.version)
            spec = SPEC_VERSIONS.index(one.spec_version)
        except (Error, ValueError):
            return _failed(one, "its version or spec_version is not one that can be stored")
        if one.media_type != media_type(one.spec_version):
            return _failed(one, "its media type is not that of its spec_version")
        ident, sha256 = identity(self.collection, one, version_at), bytes.fromhex(one.sha256)
        there = self.known.get(ident)
        if there is not None:
            if there.sha256 != sha256:
                return _failed(one, OTHER_BYTES)
            return Outcome(stix_id=one.stix_id, version=there.version, date_added=there.date_added)
        self.last_added = position = max(self.last_added + 1, now())
        version = one.version or rfc3339(position)
        self.known[ident] = _Known(sha256, position, version)
        place = Place(position, position if version_at is None else version_at, SPEC * spec)
        self.new.append(_New(one, ident, version, sha256, place))
        return Outcome(stix_id=one.stix_id, version=version, new=True, date_added=position)


def identity(collection: int, one: Prepared, version_at: int | None) -> str:
    """What makes it one object: id, version of STIX, and version or, where it has none, its bytes."""
    last = f"={one.sha256}" if version_at is None else str(version_at)
    digest = hashlib.sha256(f"{collection}\n{one.stix_id}\n{one.spec_version}\n{last}".encode()).digest()
    return base64.b64encode(digest[:18]).decode()


def add(
    database: Database,
    names: Names,
    caller: Caller,
    collection: Collection,
    prepared: Sequence[Prepared],
    entry: Callable[[list[Outcome]], Mapping[str, Any]],
    refused: Sequence[Outcome],
) -> tuple[list[Outcome], Status]:
    """See `Objects.add`."""
    number, owner = names.collection(collection.collection_id), names.member_number(caller.member.member_id)
    requested = now()
    with database.writing() as connection:
        last_added = lock_collection(connection, number)
        plan = _Plan(number, last_added, _find(database, connection, number, prepared))
        outcomes = [*map(plan.take, prepared), *refused]
        if plan.new:
            _write(database, connection, number, owner, plan.new)
            connection.execute(
                sa.update(collections)
                .where(collections.c.number == number)
                .values(last_added=sa.bindparam("position")),
                {"position": plan.last_added},
            )
        status = _status(caller, collection, requested, outcomes)
        write_status(connection, status)
        write_entry(connection, ADDED, entry(outcomes))
    return outcomes, status


def lock_collection(connection: sa.Connection, number: int) -> int:
    """Wait for the turn to write to the collection; the position of what was added last."""
    query = sa.select(collections.c.last_added).where(collections.c.number == number).with_for_update()
    found = connection.execute(query).scalar()
    if found is None:
        raise Error("there is no such collection", exit_code=ExitCode.NO_INPUT)
    return int(found)


def _find(
    database: Database, connection: sa.Connection, number: int, prepared: Sequence[Prepared]
) -> dict[str, _Known]:
    """Objects of the request that the collection has."""
    idents = list(_idents(number, prepared))
    query = sa.select(objects.c.ident, objects.c.sha256, objects.c.date_added, objects.c.version).where(
        among(database, objects.c.ident, "idents")
    )
    rows = connection.execute(query, {"idents": listed(database, idents)})
    return {row[0]: _Known(row[1], row[2], row[3]) for row in rows}


def _idents(number: int, prepared: Sequence[Prepared]) -> Iterator[str]:
    for one in prepared:
        try:
            yield identity(number, one, None if one.version is None else microseconds(one.version))
        except Error:
            continue  # said in its outcome


def _write(
    database: Database, connection: sa.Connection, number: int, owner: int, new: Sequence[_New]
) -> None:
    """Write new objects, and what they change in how earlier versions of the same objects stand."""
    by_id: dict[str, list[Place]] = {}
    for one in new:
        by_id.setdefault(one.one.stix_id, []).append(one.place)
    changed: list[tuple[int, int]] = []
    edges = _edges(database, connection, number, list(by_id))
    for stix_id, places in by_id.items():
        before = edges.get(stix_id, [])
        if not before and len(places) == 1:
            places[0].standing += _ALONE
            continue
        newest = max((one.standing // SPEC for one in before), default=0)
        if before and newest < max(one.standing // SPEC for one in places):
            _outdate(connection, number, stix_id)
        ours = {one.date_added for one in places}
        changed += [
            (one.date_added, one.standing) for one in settle([*before, *places]) if one.date_added not in ours
        ]
    restand(connection, number, changed)
    _insert(
        database,
        connection,
        [
            (
                *(number, one.place.date_added, one.one.stix_id, one.one.type, one.version),
                *(one.place.version_at, one.place.standing, number * LANES + one.place.standing),
                *(kin_of(number, one.one.stix_id), owner, one.ident, one.sha256, one.one.data),
            )
            for one in new
        ],
    )


def _edges(
    database: Database, connection: sa.Connection, number: int, ids: Sequence[str]
) -> dict[str, list[Place]]:
    """The first and last versions of the objects that are there already: enough to place further ones."""
    columns = (objects.c.stix_id, objects.c.date_added, objects.c.version_at, objects.c.standing)
    query = sa.select(*columns).where(
        among(database, objects.c.kin, "kins"),
        objects.c.standing.in_([sa.literal_column(str(one)) for one in EDGES]),
    )
    found: dict[str, list[Place]] = {}
    kins = [kin_of(number, one) for one in ids]
    for row in connection.execute(query, {"kins": listed(database, kins)}):
        found.setdefault(row[0], []).append(Place(*row[1:]))
    return found


def _outdate(connection: sa.Connection, number: int, stix_id: str) -> None:
    """A newer version of STIX has come: what is neither first nor last is no longer of the newest."""
    connection.execute(
        sa.update(objects)
        .where(objects.c.kin == kin_of(number, stix_id), objects.c.stix_id == stix_id)
        .where(objects.c.standing.in_([SPEC * spec + IS_NEWEST for spec in range(len(SPEC_VERSIONS))]))
        .values(standing=objects.c.standing - IS_NEWEST, lane=objects.c.lane - IS_NEWEST)
    )


def restand(connection: sa.Connection, number: int, changed: Sequence[tuple[int, int]]) -> None:
    """Write new standings, by position."""
    if changed:
        connection.execute(
            sa.update(objects)
            .where(objects.c.collection == number, objects.c.date_added == sa.bindparam("position"))
            .values(standing=sa.bindparam("stands"), lane=number * LANES + sa.bindparam("stands")),
            [{"position": position, "stands": stands} for position, stands in changed],
        )


def _insert(database: Database, connection: sa.Connection, rows: list[tuple[Any, ...]]) -> None:
    if not database.postgres:
        connection.exec_driver_sql(_INSERT, rows)
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_BINARY)
        for row in rows:
            copy.write_row(row)


def _failed(one: Prepared, problem: str) -> Outcome:
    return Outcome(stix_id=one.stix_id, version=one.version or "", problem=problem)


def _status(caller: Caller, collection: Collection, requested: int, outcomes: Sequence[Outcome]) -> Status:
    return Status(
        status_id=str(uuid.uuid4()),
        collection_id=collection.collection_id,
        member_id=caller.member.member_id,
        requested=requested,
        total=len(outcomes),
        successes=[{"id": one.stix_id, "version": one.version} for one in outcomes if not one.problem],
        failures=[
            {"id": one.stix_id, "version": one.version, "message": one.problem}
            for one in outcomes
            if one.problem
        ],
        pendings=[],
    )
