"""Runs of the private overlap: what is committed, the lists while they are there, and how far each run is.

Changes of a pair's runs take turns, in whatever process; a change and its log entries are one transaction.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from countermark.store.exchange.database import Database, storable
from countermark.store.exchange.overlap_turns import (
    EXPIRED,
    OverlapRun,
    OverlapSide,
    Pair,
    Turn,
    load,
    loaded,
    sums,
)
from countermark.store.exchange.tables import overlap_parts as parts
from countermark.store.exchange.tables import overlap_runs as runs

_COMMITTING = 0x636D_6F76_6C70  # "cmovlp": PostgreSQL's advisory lock of whoever commits
_PAIR = 11
"""Seed of the hash by which a pair is locked; releases have another."""


class Overlaps:
    """The runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, pair: Pair, name: str) -> OverlapRun | None:
        """The run of a pair, or None."""
        if not storable(*pair, name):
            return None
        with self._database.reading() as connection:
            return load(connection, pair, name)

    def of(self, member_id: str | None, most: int) -> list[OverlapRun]:
        """The newest runs of a member, or of all (None)."""
        columns = [runs.c.created] if member_id is None else [runs.c.first, runs.c.second]
        found: dict[str, OverlapRun] = {}
        with self._database.reading() as connection:
            for column in columns:  # each by its own index
                query = sa.select(runs).order_by(runs.c.created.desc()).limit(most)
                query = query if member_id is None else query.where(column == member_id)
                found |= {one.run_id: one for one in loaded(connection, query)}
        return sorted(found.values(), key=lambda one: one.created, reverse=True)[:most]

    def committed(self) -> list[tuple[str, str, OverlapSide]]:
        """Every commitment that there ever was: id and name of its run, and the side."""
        with self._database.reading() as connection:
            found = loaded(connection, sa.select(runs).order_by(runs.c.created))
        return [(run.run_id, run.name, side) for run in found for side in run.sides.values()]

    def counts(self) -> dict[str, int]:
        """How many runs are in each state."""
        query = sa.select(runs.c.state, sa.func.count()).group_by(runs.c.state)
        with self._database.reading() as connection:
            return {state: int(number) for state, number in connection.execute(query).all()}

    def part(self, run_id: str, member_id: str, what: str, part: int = 0) -> bytes | None:
        """One part of a list, or None."""
        query = _parts(run_id, member_id, what).where(parts.c.part == part)
        with self._database.reading() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else bytes(found)

    def whole(self, run_id: str, member_id: str, what: str) -> bytes:
        """All parts that are there, joined."""
        with self._database.reading() as connection:
            query = _parts(run_id, member_id, what).order_by(parts.c.part)
            return b"".join(bytes(one) for one in connection.execute(query).scalars())

    def sums(self, run_id: str, member_id: str, what: str) -> dict[int, str]:
        """SHA-256 of the parts that are there."""
        with self._database.reading() as connection:
            return sums(connection, run_id, member_id, what)

    @contextmanager
    def turn(self, pair: Pair, name: str, *, committing: bool = False) -> Iterator[Turn]:
        """A run to be changed, with nobody else at it; nothing is changed where the block raises.

        `committing`: nobody else commits anywhere, so that nobody commits to the same twice.
        """
        with self._database.writing() as connection:
            if self._database.postgres:
                if committing:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_COMMITTING)))
                key = sa.func.hashtextextended("\n".join(pair), _PAIR)
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
            turn = Turn(connection, pair, name)
            yield turn
            turn.finish()

    def expire(self, now: int, kind: str, entry: Callable[[OverlapRun], Mapping[str, Any]]) -> int:
        """Delete lists, tags and messages of the runs whose time is over, and log each; how many."""
        query = sa.select(runs).where(runs.c.expires <= now)
        with self._database.reading() as connection:
            due = loaded(connection, query)
        done = 0
        for one in due:
            with self.turn((one.first, one.second), one.name) as turn:
                run = turn.run
                if run is not None and run.expires is not None and run.expires <= now:
                    turn.end(EXPIRED)
                    turn.log(kind, entry(run))
                    done += 1
        return done


def _parts(run_id: str, member_id: str, what: str) -> "sa.Select[Any]":
    return sa.select(parts.c.data).where(
        parts.c.run_id == run_id, parts.c.member_id == member_id, parts.c.what == what
    )
