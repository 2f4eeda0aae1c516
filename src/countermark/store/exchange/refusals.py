"""Refusals that have no log entry of their own: counted by hour, and then one entry for each caller.

A count is in the table or in the outbox, never in both and never in neither: rows are deleted in the
transaction that writes their entry.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from countermark.store.exchange.checks import Entry
from countermark.store.exchange.database import Database, chunks
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.tables import Word, metadata

_MOST_ROWS = 1000
"""Of one entry, which is far from the longest that the log takes."""

refusals = sa.Table(
    "refusals",
    metadata,
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),  # since 1970
    sa.Column("member", Word, primary_key=True),  # empty for who has no credentials
    sa.Column("token", Word, primary_key=True),
    sa.Column("endpoint", Word, primary_key=True),
    sa.Column("status", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("reason", Word, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)


class Refusal(msgspec.Struct, frozen=True, order=True):
    """What is counted as one."""

    hour: int
    """Since 1970."""
    member: str
    """`member_id`; empty for nobody that is known."""
    token: str
    endpoint: str
    status: int
    reason: str


Counted = tuple[Refusal, int]
EntryOf = Callable[[Sequence[Counted]], Entry]
"""Makes the entry of some counts, which are all of one hour and one caller."""


class Refusals:
    """The counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Mapping[Refusal, int], before: int, entry: EntryOf) -> int:
        """Add to the counts, and write the entries of the hours before this one; how many entries."""
        with self._database.writing() as connection:
            if counts:
                _add(connection, counts)
            table = refusals
            closed = connection.execute(sa.delete(table).where(table.c.hour < before).returning(table)).all()
            found = sorted((Refusal(*one[:-1]), int(one[-1])) for one in closed)
            entries = [
                entry(some)
                for _, of_one in groupby(found, key=lambda one: (one[0].hour, one[0].member))
                for some in chunks([*of_one], _MOST_ROWS)
            ]
            for one in entries:
                write_entry(connection, *one)
        return len(entries)


def _add(connection: sa.Connection, counts: Mapping[Refusal, int]) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(refusals)
    statement = statement.on_conflict_do_update(
        index_elements=list(refusals.primary_key.columns),
        set_={"count": refusals.c.count + statement.excluded.count},
    )
    # in order, so that two servers of one database do not wait for each other in a circle
    rows = [msgspec.structs.asdict(one) | {"count": counts[one]} for one in sorted(counts)]
    connection.execute(statement, rows)
