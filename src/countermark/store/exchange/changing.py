"""What a change of objects that are there takes: the turn to write, and no page of how they stood before."""

from collections.abc import Sequence

import sqlalchemy as sa

from countermark.errors import Error, ExitCode
from countermark.store.exchange.standing import LANES
from countermark.store.exchange.tables import collections, objects, segments


def lock_collection(connection: sa.Connection, number: int) -> int:
    """Wait for the turn to write to the collection; the position of what was added last."""
    query = sa.select(collections.c.last_added).where(collections.c.number == number).with_for_update()
    found = connection.execute(query).scalar()
    if found is None:
        raise Error("there is no such collection", exit_code=ExitCode.NO_INPUT)
    return int(found)


def restand(connection: sa.Connection, number: int, changed: Sequence[tuple[int, int]]) -> None:
    """Write new standings, by position, of objects that are there."""
    if changed:
        connection.execute(
            sa.update(objects)
            .where(objects.c.collection == number, objects.c.date_added == sa.bindparam("position"))
            .values(standing=sa.bindparam("stands"), lane=number * LANES + sa.bindparam("stands")),
            [{"position": position, "stands": stands} for position, stands in changed],
        )
        spoil(connection, number, [position for position, _ in changed])


def spoil(connection: sa.Connection, number: int, positions: Sequence[int]) -> None:
    """Empty the segments that cover these positions: what they hold has changed (segments.py)."""
    others = segments.alias()
    covers = (others.c.collection == number) & (others.c.last >= sa.bindparam("position"))
    last = sa.select(sa.func.min(others.c.last)).where(covers).scalar_subquery()
    connection.execute(
        sa.update(segments)
        .where(segments.c.collection == number, segments.c.last == last, segments.c.data.is_not(None))
        .values(places=None, data=None),
        [{"position": one} for one in positions],
    )
