"""Entries that wait for the Merkle log, written in the transaction of the change that they tell of."""

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from countermark.store.exchange.database import Database
from countermark.store.exchange.tables import outbox

_LOCK = 0x636D_6F75_7462  # "cmoutb"


class Outbox:
    """The waiting entries, in the order in which their transactions were committed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, kind: str, payload: Mapping[str, Any]) -> int:
        """An entry of its own; its number."""
        with self._database.writing() as connection:
            return write_entry(connection, kind, payload)

    def take(self, most: int = 1000) -> list[tuple[int, str, dict[str, Any]]]:
        """The oldest entries: number, kind, payload. They stay until they are dropped."""
        query = sa.select(outbox.c.number, outbox.c.kind, outbox.c.payload)
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(outbox.c.number).limit(most)).all()
        return [(number, kind, msgspec.json.decode(payload)) for number, kind, payload in found]

    def drop(self, up_to_number: int) -> None:
        """Forget the entries up to this number: they are in the log."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(outbox).where(outbox.c.number <= up_to_number))


def write_entry(connection: sa.Connection, kind: str, payload: Mapping[str, Any]) -> int:
    """Write an entry; the last thing that a transaction does before it commits.

    Numbers are drawn under a lock that is held until then: whoever reads number 7 has seen number 6, and
    dropping up to 7 drops nothing that was not seen.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    row = {"kind": kind, "payload": msgspec.json.encode(payload)}
    return int(connection.execute(sa.insert(outbox).returning(outbox.c.number), row).scalar_one())
