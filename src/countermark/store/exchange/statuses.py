"""What became of each request to add objects."""

import msgspec
import sqlalchemy as sa

from countermark.store.exchange.database import Database, storable
from countermark.store.exchange.shapes import Status
from countermark.store.exchange.tables import statuses


class Statuses:
    """The statuses, by their id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, status_id: str) -> Status | None:
        """The status, or None where there is none (any more)."""
        if not storable(status_id):
            return None
        query = sa.select(statuses).where(statuses.c.status_id == status_id)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        successes, failures, pendings = msgspec.json.decode(row.details)
        return Status(
            status_id=row.status_id,
            collection_id=row.collection_id,
            member_id=row.member_id,
            requested=row.requested,
            total=row.total,
            successes=successes,
            failures=failures,
            pendings=pendings,
        )

    def forget(self, before: int) -> int:
        """Delete statuses of requests before this time (microseconds); how many. TAXII: not within a day."""
        with self._database.writing() as connection:
            return connection.execute(sa.delete(statuses).where(statuses.c.requested < before)).rowcount


def write_status(connection: sa.Connection, status: Status) -> None:
    """Write a status within a transaction."""
    details = msgspec.json.encode([status.successes, status.failures, status.pendings])
    row = {name: getattr(status, name) for name in ("status_id", "collection_id", "member_id")}
    row |= {"requested": status.requested, "total": status.total, "details": details}
    connection.execute(sa.insert(statuses), row)
