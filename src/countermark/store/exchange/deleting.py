"""Deleting versions of an object: a tombstone stays at each position.

It keeps the digest, without which the entry of those that were added together could not be held against them.
"""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from countermark.records.exchange import Caller, Collection, Stored
from countermark.store.exchange.changing import lock_collection, restand, spoil
from countermark.store.exchange.database import Database, chunks
from countermark.store.exchange.names import Names
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.queries import page_statement, shape_of
from countermark.store.exchange.shapes import SPEC_VERSIONS, Filters, media_type
from countermark.store.exchange.standing import GONE, LANES, LIVE, SPEC, Place, kin_of, settle
from countermark.store.exchange.tables import collections, objects

DELETED = "objects-deleted"
_ALL = 1 << 31
_MOST_IN_ENTRY = 20_000
"""An entry of the log has at most 1 MiB, and a position up to 17 digits."""


def delete(
    database: Database,
    names: Names,
    caller: Caller,
    collection: Collection,
    filters: Filters,
    entry: Callable[[list[Stored]], Mapping[str, Any]],
) -> int:
    """See `Objects.delete`; `filters.ids` names the one object."""
    number = names.collection(collection.collection_id)
    shape, values = shape_of(number, filters, _ALL, False)
    statement = page_statement(shape, database.postgres)
    if statement is None:
        return 0
    after = -1 if filters.added_after is None else filters.added_after
    with database.writing() as connection:
        lock_collection(connection, number)
        rows = connection.execute(statement, values | {"after": after}).all()
        gone = [
            Stored(
                date_added=date_added,
                stix_id=stix_id,
                version=version,
                media_type=media_type(SPEC_VERSIONS[standing // SPEC]),
                owner=names.member(owner),
            )
            for date_added, stix_id, version, standing, owner in rows
        ]
        if caller.member.role != "operator":
            gone = [one for one in gone if one.owner == caller.member.member_id]
        if not gone:
            return 0
        _bury(connection, number, gone)
        _settle_rest(connection, number, filters.ids[0])
        _count(connection, number)
        for some in chunks(gone, _MOST_IN_ENTRY):
            write_entry(connection, DELETED, entry([*some]))
    return len(gone)


def _bury(connection: sa.Connection, number: int, gone: list[Stored]) -> None:
    connection.execute(
        sa.update(objects)
        .where(objects.c.collection == number, objects.c.date_added == sa.bindparam("position"))
        .values(standing=GONE, lane=number * LANES + GONE, ident=None, data=None),
        [{"position": one.date_added} for one in gone],
    )
    spoil(connection, number, [one.date_added for one in gone])


def _count(connection: sa.Connection, number: int) -> None:
    """Raise the collection's change counter (recent.py): the position given out last serves as that."""
    connection.execute(
        sa.update(collections)
        .where(collections.c.number == number)
        .values(last_added=collections.c.last_added + sa.literal_column("1"))
    )


def _settle_rest(connection: sa.Connection, number: int, stix_id: str) -> None:
    """Another version may be the first, the last, or of the newest version of STIX now."""
    query = sa.select(objects.c.date_added, objects.c.version_at, objects.c.standing).where(
        objects.c.kin == kin_of(number, stix_id), objects.c.stix_id == stix_id, objects.c.standing.in_(LIVE)
    )
    rest = [Place(*row) for row in connection.execute(query)]
    restand(connection, number, [(one.date_added, one.standing) for one in settle(rest)])
