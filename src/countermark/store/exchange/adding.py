"""Adding objects to a collection: one transaction, in which the collection is locked from the beginning."""

import base64
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from countermark.errors import Error
from countermark.records.exchange import Caller, Collection
from countermark.store.exchange.changing import lock_collection, restand
from countermark.store.exchange.database import Database, among, listed
from countermark.store.exchange.names import Names
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.owners import owners_of
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
OF_ANOTHER = "this object is of another member: only its creator may give a new version or revoke it"
_COLUMNS = [column.name for column in objects.c]
_BINARY = ["int4", "int8", *["text"] * 3, "int8", "int2", "int4", "int8", "int4", "text", *["bytea"] * 2]
_COPY = f"COPY objects ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_INSERT = f"INSERT INTO objects ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_FOUND = [
    objects.c[name]
    for name in ("ident", "sha256", "date_added", "version", "stix_id", "version_at", "standing")
]
_EDGES = frozenset(EDGES)
_ALONE = IS_FIRST | IS_LAST | IS_NEWEST


@dataclass(slots=True)
class _Asked:
    """An object of the request, read before the collection is locked."""

    one: Prepared
    problem: str = ""
    version_at: int | None = None
    spec: int = 0
    ident: str = ""
    kin: int = 0
    sha256: bytes = b""


@dataclass(slots=True)
class _Known:
    """An object that the collection has, or is about to have."""

    sha256: bytes
    date_added: int
    version: str


@dataclass(slots=True)
class _Plan:
    """What a request does to a collection whose row is locked."""

    owner: int
    last_added: int
    known: dict[str, _Known]
    owners: Mapping[str, int]
    """Whose an id is that has been used in this collection: who added it first, deleted or not."""
    new: list[tuple[_Asked, str, Place]] = field(default_factory=list)
    """Each with its version and its place."""

    def take(self, asked: _Asked) -> Outcome:
        """What becomes of an object; a new one gets its position."""
        one = asked.one
        if asked.problem:
            return Outcome(stix_id=one.stix_id, version=one.version or "", problem=asked.problem)
        there = self.known.get(asked.ident)
        if there is not None and there.sha256 == asked.sha256:
            return Outcome(stix_id=one.stix_id, version=there.version, date_added=there.date_added)
        ours = self.owners.get(one.stix_id, self.owner) == self.owner
        if there is not None or not ours:
            problem = OTHER_BYTES if ours else OF_ANOTHER
            return Outcome(stix_id=one.stix_id, version=one.version or "", problem=problem)
        self.last_added = position = max(self.last_added + 1, now())
        version = one.version or rfc3339(position)
        self.known[asked.ident] = _Known(asked.sha256, position, version)
        version_at = position if asked.version_at is None else asked.version_at
        self.new.append((asked, version, Place(position, version_at, SPEC * asked.spec)))
        return Outcome(stix_id=one.stix_id, version=version, new=True, date_added=position)


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
    asked = [_read(number, one) for one in prepared]
    with database.writing() as connection:
        last_added = lock_collection(connection, number)
        known, edges = _find(database, connection, asked)
        ids = ((one.kin, one.one.stix_id) for one in asked if not one.problem)
        plan = _Plan(owner, last_added, known, owners_of(database, connection, ids))
        outcomes = [*map(plan.take, asked), *refused]
        if plan.new:
            _place(connection, number, plan.new, edges)
            _insert(database, connection, number, owner, plan.new)
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


def _read(collection: int, one: Prepared) -> _Asked:
    """What tells an object apart from others of the collection, or why it cannot be stored."""
    try:
        version_at = None if one.version is None else microseconds(one.version)
        spec = SPEC_VERSIONS.index(one.spec_version)
    except (Error, ValueError):
        return _Asked(one, "its version or spec_version is not one that can be stored")
    if one.media_type != media_type(one.spec_version):
        return _Asked(one, "its media type is not that of its spec_version")
    # id, version of STIX, and version or, where it has none, its bytes
    last = f"={one.sha256}" if version_at is None else str(version_at)
    digest = hashlib.sha256(f"{collection}\n{one.stix_id}\n{one.spec_version}\n{last}".encode()).digest()
    ident = base64.b64encode(digest[:18]).decode()
    kin = kin_of(collection, one.stix_id)
    return _Asked(one, "", version_at, spec, ident, kin, bytes.fromhex(one.sha256))


def _find(
    database: Database, connection: sa.Connection, asked: Sequence[_Asked]
) -> tuple[dict[str, _Known], dict[str, list[Place]]]:
    """Objects of the request that are there; and the first and last versions of the same objects, by id.

    Those are enough to place further versions.
    """
    is_edge = objects.c.standing.in_([sa.literal_column(str(one)) for one in EDGES])
    query = sa.select(*_FOUND).where(
        among(database, objects.c.ident, "idents") | (among(database, objects.c.kin, "kins") & is_edge)
    )
    sound = [one for one in asked if not one.problem]
    idents, kins = (listed(database, [*{getattr(one, name) for one in sound}]) for name in ("ident", "kin"))
    known: dict[str, _Known] = {}
    edges: dict[str, list[Place]] = {}
    for row in connection.execute(query, {"idents": idents, "kins": kins}):
        ident, sha256, date_added, version, stix_id, version_at, standing = row
        known[ident] = _Known(sha256, date_added, version)
        if standing in _EDGES:
            edges.setdefault(stix_id, []).append(Place(date_added, version_at, standing))
    return known, edges


def _place(
    connection: sa.Connection,
    number: int,
    new: Sequence[tuple[_Asked, str, Place]],
    edges: Mapping[str, list[Place]],
) -> None:
    """Give new versions their standing, and write what they change in that of earlier ones."""
    by_id: dict[str, list[Place]] = {}
    for asked, _, place in new:
        by_id.setdefault(asked.one.stix_id, []).append(place)
    changed: list[tuple[int, int]] = []
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


def _outdate(connection: sa.Connection, number: int, stix_id: str) -> None:
    """A newer version of STIX has come: what is neither first nor last is no longer of the newest."""
    connection.execute(
        sa.update(objects)
        .where(objects.c.kin == kin_of(number, stix_id), objects.c.stix_id == stix_id)
        .where(objects.c.standing.in_([SPEC * spec + IS_NEWEST for spec in range(len(SPEC_VERSIONS))]))
        .values(standing=objects.c.standing - IS_NEWEST, lane=objects.c.lane - IS_NEWEST)
    )


def _insert(
    database: Database,
    connection: sa.Connection,
    number: int,
    owner: int,
    new: Sequence[tuple[_Asked, str, Place]],
) -> None:
    rows = [
        (
            *(number, place.date_added, asked.one.stix_id, asked.one.type, version, place.version_at),
            *(place.standing, number * LANES + place.standing, asked.kin, owner),
            *(asked.ident, asked.sha256, asked.one.data),
        )
        for asked, version, place in new
    ]
    if not database.postgres:
        connection.exec_driver_sql(_INSERT, rows)
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_BINARY)
        for row in rows:
            copy.write_row(row)


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
