"""Runs of the private overlap as rows, and the transaction in which one of them is changed."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from countermark.records.exchange import Microseconds
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.tables import overlap_parts as parts
from countermark.store.exchange.tables import overlap_runs as runs
from countermark.store.exchange.tables import overlap_sides as sides
from countermark.store.exchange.times import now as clock

VOID, EXPIRED = "void", "expired"
Pair = tuple[str, str]
"""Two member ids, the smaller first."""


class OverlapSide(msgspec.Struct, frozen=True, kw_only=True):
    """What one member has committed to and done."""

    member_id: str
    envelope: bytes
    """The commitment's, as it came."""
    commitment_sha256: str
    """Of the envelope's payload."""
    list_sha256: str
    key_sha256: str
    """Of the public key, which is shown with the planted."""
    size: int
    listed: bool = False
    tagged: bool = False
    planted: bool = False
    proven: bool = False
    opening: bool = False
    opening_until: Microseconds | None = None
    unshuffled: bool = False


class OverlapRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of two members."""

    run_id: str
    first: str
    second: str
    name: str
    state: str
    size: int | None
    under_floor: bool
    reason: str
    created: Microseconds
    expires: Microseconds | None
    """When its lists are deleted; None where that is done."""
    sides: dict[str, OverlapSide]
    """By member id, of one or both."""

    def other(self, member_id: str) -> str:
        """The other member's id."""
        return self.second if member_id == self.first else self.first


class Turn:
    """A run (None where there is none yet) in a transaction that has it for itself.

    What is asked for with `log` is written to the outbox at the end, in the same transaction.
    """

    def __init__(self, connection: sa.Connection, pair: Pair, name: str) -> None:
        self._connection, self._pair, self._name = connection, pair, name
        self._entries: list[tuple[str, Mapping[str, Any]]] = []
        self.run = load(connection, pair, name)

    def create(self, state: str, expires: int) -> str:
        """The run, with no side yet; its id."""
        row: dict[str, Any] = {"run_id": f"overlap--{uuid.uuid4()}", "name": self._name, "state": state}
        row |= {"first": self._pair[0], "second": self._pair[1], "created": clock(), "expires": expires}
        self._connection.execute(sa.insert(runs), row | {"under_floor": False, "reason": ""})
        return str(row["run_id"])

    def add_side(self, run_id: str, side: OverlapSide) -> None:
        """A side of the run."""
        self._connection.execute(sa.insert(sides), {"run_id": run_id} | msgspec.structs.asdict(side))

    def was_committed(self, list_sha256: str, key_sha256: str) -> bool:
        """Whether anybody ever committed to the list or the key."""
        for column, value in ((sides.c.list_sha256, list_sha256), (sides.c.key_sha256, key_sha256)):
            if self._connection.execute(sa.select(sides.c.run_id).where(column == value)).first():
                return True
        return False

    def runs_since(self, begin: int) -> int:
        """How many runs of the pair began at this time or later."""
        query = sa.select(sa.func.count()).where(runs.c.created >= begin)
        query = query.where(runs.c.first == self._pair[0], runs.c.second == self._pair[1])
        return int(self._connection.execute(query).scalar_one())

    def update(self, **values: Any) -> None:
        """Change the run."""
        self._connection.execute(sa.update(runs).where(runs.c.run_id == self._run.run_id).values(**values))

    def update_side(self, member_id: str, **values: Any) -> None:
        """Change a member's side."""
        which = (sides.c.run_id == self._run.run_id) & (sides.c.member_id == member_id)
        self._connection.execute(sa.update(sides).where(which).values(**values))

    def put(self, member_id: str, what: str, part: int, data: bytes) -> None:
        """Keep a part in place of an earlier one."""
        row: dict[str, Any] = {"run_id": self._run.run_id, "member_id": member_id, "what": what, "part": part}
        which = sa.and_(*(parts.c[name] == value for name, value in row.items()))
        self._connection.execute(sa.delete(parts).where(which))
        row |= {"sha256": hashlib.sha256(data).hexdigest(), "data": data}
        self._connection.execute(sa.insert(parts), row)

    def sums(self, member_id: str, what: str) -> dict[int, str]:
        """SHA-256 of the parts that are there."""
        return sums(self._connection, self._run.run_id, member_id, what)

    def clear(self, member_id: str | None = None, what: str | None = None) -> None:
        """Delete all parts, or those of one list."""
        statement = sa.delete(parts).where(parts.c.run_id == self._run.run_id)
        if member_id is not None:
            statement = statement.where(parts.c.member_id == member_id, parts.c.what == what)
        self._connection.execute(statement)

    def end(self, state: str, reason: str = "") -> None:
        """Close the run and delete what it holds."""
        self.update(state=state, reason=reason, expires=None)
        self.clear()

    def log(self, kind: str, payload: Mapping[str, Any]) -> None:
        """An entry for the log."""
        self._entries.append((kind, payload))

    def finish(self) -> None:
        """Write the entries; the last thing before the transaction ends."""
        for kind, payload in self._entries:
            write_entry(self._connection, kind, payload)

    @property
    def _run(self) -> OverlapRun:
        assert self.run is not None
        return self.run


def load(connection: sa.Connection, pair: Pair, name: str) -> OverlapRun | None:
    """The run of a pair, or None."""
    which = (runs.c.first == pair[0]) & (runs.c.second == pair[1]) & (runs.c.name == name)
    found = loaded(connection, sa.select(runs).where(which))
    return found[0] if found else None


def loaded(connection: sa.Connection, query: "sa.Select[Any]") -> list[OverlapRun]:
    """Runs that a query over their table finds, with their sides."""
    found: list[OverlapRun] = []
    for row in connection.execute(query).all():
        of_run = sa.select(sides).where(sides.c.run_id == row.run_id).order_by(sides.c.member_id)
        mine: dict[str, OverlapSide] = {}
        for side in connection.execute(of_run).mappings():
            values: dict[str, Any] = {name: side[name] for name in OverlapSide.__struct_fields__}
            mine[values["member_id"]] = OverlapSide(**values)
        found.append(OverlapRun(**row._mapping, sides=mine))
    return found


def sums(connection: sa.Connection, run_id: str, member_id: str, what: str) -> dict[int, str]:
    """SHA-256 of the parts of a list that are there."""
    query = sa.select(parts.c.part, parts.c.sha256).where(
        parts.c.run_id == run_id, parts.c.member_id == member_id, parts.c.what == what
    )
    return {row.part: row.sha256 for row in connection.execute(query)}
