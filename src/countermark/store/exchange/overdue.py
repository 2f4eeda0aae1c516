"""Who had an object and was not given its withdrawal in time: noticed once for each dispute and reader."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from countermark.records.exchange import Microseconds
from countermark.store.exchange.database import Database
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.tables import overdue
from countermark.store.exchange.times import now as clock

NOTICED = "revocation-overdue"


class Overdue(msgspec.Struct, frozen=True, kw_only=True):
    """A reader that is, or was, late."""

    dispute_id: str
    member_id: str
    object_id: str
    wanted: dict[str, list[int]]
    """Positions of the withdrawal, by collection: to be given one of them is enough."""
    noticed: Microseconds
    settled: Microseconds | None
    """When it was given one, or there was none any more; None while it is late."""


class Overdues:
    """The late readers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, member_id: str | None = None) -> list[Overdue]:
        """Those that have not been given the withdrawal; of one member, or all."""
        query = sa.select(overdue).where(overdue.c.settled.is_(None))
        if member_id is not None:
            query = query.where(overdue.c.member_id == member_id)
        return self._read(query)

    def of(self, dispute_id: str) -> list[Overdue]:
        """Those of one dispute, with those that were late and are no more."""
        return self._read(sa.select(overdue).where(overdue.c.dispute_id == dispute_id))

    def all(self) -> list[Overdue]:
        """All that ever were."""
        return self._read(sa.select(overdue))

    def notice(self, one: Overdue, *, entry: Mapping[str, Any]) -> bool:
        """Keep a late reader, with `entry` for the log when it is the first time; whether it was.

        Known before, it is late anew where the withdrawal that it was given is none any more: whoever notices
        may not have read yet that it was given the one that is.
        """
        same = (overdue.c.dispute_id == one.dispute_id) & (overdue.c.member_id == one.member_id)
        wanted = msgspec.json.encode(one.wanted, order="deterministic")
        row = msgspec.structs.asdict(one) | {"wanted": wanted}
        with self._database.writing() as connection:
            if self._database.postgres:  # two processes that notice the same take turns
                key = sa.func.hashtextextended(one.dispute_id + one.member_id, 9)
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
            known = connection.execute(sa.select(overdue.c.wanted).where(same)).scalar_one_or_none()
            if known is not None:
                if known != wanted or not one.wanted:
                    again = sa.update(overdue).where(same).values(wanted=wanted, settled=None)
                    connection.execute(again)
                return False
            connection.execute(sa.insert(overdue), row)
            write_entry(connection, NOTICED, entry)
        return True

    def settle(self, member_id: str, dispute_ids: Iterable[str]) -> None:
        """A member was given the withdrawal of these disputes, or there is none that it could be given."""
        change = sa.update(overdue).where(
            overdue.c.member_id == member_id,
            overdue.c.dispute_id.in_(list(dispute_ids)),
            overdue.c.settled.is_(None),
        )
        with self._database.writing() as connection:
            connection.execute(change.values(settled=clock()))

    def _read(self, query: "sa.Select[Any]") -> list[Overdue]:
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(overdue.c.dispute_id, overdue.c.member_id)).all()
        return [Overdue(**(dict(row._mapping) | {"wanted": msgspec.json.decode(row.wanted)})) for row in rows]
