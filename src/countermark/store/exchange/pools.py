"""The register of watermark keys: who answers for which keys, by name, before any check asks them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from countermark.errors import Error, ExitCode
from countermark.records.exchange import Microseconds
from countermark.store.exchange.check_tables import watermark_pools
from countermark.store.exchange.database import Database
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.times import now as clock

REGISTERED, VOIDED = "watermark-keys-registered", "watermark-keys-voided"
_LOCK = 0x636D_706F_6F6C  # "cmpool"
_MOST_POOLS = 1000
"""Of one member; as many as a verdict can have."""
_MOST_KEYS = 10_000
"""Of one member. Held here, where registrations take turns: of two at once each alone may be within it."""
MOST_ALL = 20_000
"""Keys of all members: what one answer can have rows and verdicts of (docs/joint-check.md)."""

_COLUMNS = [
    *(one for one in watermark_pools.c if one.name != "keys"),
    watermark_pools.c["keys"].label("keys_"),
]


class Unregistrable(Error):
    """Pools that clash with what is registered, or are more than there may be."""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of one epoch of one profile."""

    member: str
    """Name of whose they are."""
    profile_id: str
    epoch: str
    commitment: str
    keys: tuple[str, ...]
    registered: Microseconds = 0

    @property
    def keys_sha256(self) -> str:
        """One digest over the names of the keys."""
        return hashlib.sha256(json.dumps(self.keys).encode()).hexdigest()


def voided_entry(pool: Pool, reason: str) -> dict[str, Any]:
    """Payload of the log's entry that a pool is registered no more."""
    fields = {one: getattr(pool, one) for one in ("profile_id", "epoch", "commitment", "keys_sha256")}
    return fields | {"name": pool.member, "keys": len(pool.keys), "reason": reason}


class Pools:
    """The pools, in the order in which they were registered; none is ever changed, but one may be voided."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Pool]:
        """Every registered pool."""
        query = sa.select(*_COLUMNS).order_by(watermark_pools.c.number)
        with self._database.reading() as connection:
            return [_pool(row) for row in connection.execute(query)]

    def version(self) -> tuple[int, int]:
        """Another one whenever a pool was registered or voided, by whatever process."""
        table = watermark_pools
        query = sa.select(sa.func.coalesce(sa.func.max(table.c.number), 0), sa.func.count(table.c.number))
        with self._database.reading() as connection:
            newest, count = connection.execute(query).one()
        return newest, count

    def void(
        self, commitment: str, entry: Callable[[Pool], Mapping[str, Any]], *, member: str | None = None
    ) -> Pool:
        """Take a pool out of the register, with `entry` for the log; of `member` alone where that is given.

        Raises `Error` where there is none.
        """
        table = watermark_pools
        where = table.c.commitment == commitment
        if member is not None:
            where &= table.c.member == member
        with self._database.writing() as connection:
            self._take_turns(connection)
            row = connection.execute(sa.select(*_COLUMNS).where(where)).one_or_none()
            if row is None:
                of = "" if member is None else f" of {member}"
                raise Error(f"there is no pool{of} with this commitment", exit_code=ExitCode.NO_INPUT)
            connection.execute(sa.delete(table).where(where))
            pool = _pool(row)
            write_entry(connection, VOIDED, entry(pool))
        return pool

    def register(self, pools: Sequence[Pool], entry: Callable[[list[Pool]], Mapping[str, Any]]) -> list[Pool]:
        """Register those that are new, all or none, with `entry` for the log; the same again changes nothing.

        Raises `Unregistrable` where a commitment, or a profile's epoch, is registered with something else.
        """
        table = watermark_pools
        with self._database.writing() as connection:
            self._take_turns(connection)
            new = [one for one in pools if not _is_known(connection, one)]
            for one in new:
                if not one.keys or len(set(one.keys)) != len(one.keys):
                    raise Unregistrable("a pool has no keys, or one of them twice")
                row = {name: getattr(one, name) for name in ("member", "profile_id", "epoch", "commitment")}
                row |= {"keys": json.dumps(one.keys).encode(), "key_count": len(one.keys)}
                connection.execute(sa.insert(table), row | {"registered": clock()})
            for member in {one.member for one in new}:
                query = sa.select(sa.func.count(), sa.func.sum(table.c.key_count))
                count, keys = connection.execute(query.where(table.c.member == member)).one()
                if count > _MOST_POOLS or keys > _MOST_KEYS:
                    raise Unregistrable(f"a member has at most {_MOST_POOLS} pools and {_MOST_KEYS:,} keys")
            if new and connection.execute(sa.select(sa.func.sum(table.c.key_count))).scalar_one() > MOST_ALL:
                raise Unregistrable(f"all members together have at most {MOST_ALL:,} keys here")
            if new:
                write_entry(connection, REGISTERED, entry(new))
        return new

    def _take_turns(self, connection: sa.Connection) -> None:
        """One after the other: whoever was first is beyond doubt."""
        if self._database.postgres:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _is_known(connection: sa.Connection, pool: Pool) -> bool:
    table = watermark_pools
    epoch = (table.c.profile_id == pool.profile_id) & (table.c.epoch == pool.epoch)
    query = sa.select(*_COLUMNS).where((table.c.commitment == pool.commitment) | epoch)
    found = [_pool(row) for row in connection.execute(query)]
    for one in found:
        if one.member != pool.member:
            raise _clash(one, "by another member")
        if msgspec.structs.replace(one, registered=pool.registered) != pool:
            raise _clash(one, "already, and otherwise")
    return bool(found)


def _clash(held: Pool, how: str) -> Unregistrable:
    return Unregistrable(
        f"these keys, or this epoch of the profile, are registered {how}",
        hint=f"{held.member} has registered {held.commitment}",
    )


def _pool(row: sa.Row[Any]) -> Pool:
    names = ("member", "profile_id", "epoch", "commitment", "registered")
    return Pool(keys=tuple(json.loads(row.keys_)), **{name: getattr(row, name) for name in names})
