"""What was used of a quota today: counted in the database, so that it holds over processes and restarts."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from countermark.records.exchange import Microseconds
from countermark.store.exchange.check_tables import watermark_quotas

DAY = 86_400_000_000
"""Microseconds."""
LOGGED_EACH = 100
"""Refusals of one caller and day that have an entry of their own; later ones are counted: see refusals."""


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """How often something may be done in a day (UTC)."""

    what: str
    who: str
    most: int
    by: str = ""
    """Whose refusals those of this quota are, where they are not `who`'s."""


class Over(msgspec.Struct, frozen=True, kw_only=True):
    """A quota that is used up."""

    quota: Quota
    beyond: int
    """How often more was asked for, this time included."""
    seconds: int
    """Until the next day."""
    is_logged: bool = True
    """Whether this refusal has an entry of its own."""


def use(connection: sa.Connection, quotas: Sequence[Quota], now: Microseconds) -> Over | None:
    """Use one of each in turn, within the transaction; the first that is used up, with which it ends."""
    day, into = divmod(now, DAY)
    for quota in quotas:
        used = _add_one(connection, day, quota)
        if used == 1:
            forget(connection, now)
        if used > quota.most:
            return Over(quota=quota, beyond=used - quota.most, seconds=(DAY - into) // 1_000_000 + 1)
    return None


def is_logged(connection: sa.Connection, quota: Quota, now: Microseconds) -> bool:
    """Whether a refusal has an entry of its own; each is counted, so that nobody fills the log by asking."""
    one = Quota(what="refusals", who=quota.by or quota.who, most=LOGGED_EACH)
    return _add_one(connection, now // DAY, one) <= one.most


def forget(connection: sa.Connection, now: Microseconds) -> None:
    """Delete what was counted on earlier days: who, an address among them, is kept for a day."""
    connection.execute(sa.delete(watermark_quotas).where(watermark_quotas.c.day < now // DAY))


def _add_one(connection: sa.Connection, day: int, quota: Quota) -> int:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"day": day, "what": quota.what, "who": quota.who, "used": 1}
    table = watermark_quotas
    statement = insert(table).values(row)
    statement = statement.on_conflict_do_update(
        index_elements=[table.c.day, table.c.what, table.c.who], set_={"used": table.c.used + 1}
    )
    return int(connection.execute(statement.returning(table.c.used)).scalar_one())
