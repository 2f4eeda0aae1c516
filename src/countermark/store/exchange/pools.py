"""The register of watermark keys: who answers for which keys, by name, before any check asks them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from countermark.errors import Error
from countermark.records.exchange import Microseconds
from countermark.store.exchange.check_tables import watermark_pools
from countermark.store.exchange.database import Database
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.times import now as clock

REGISTERED = "watermark-keys-registered"
_LOCK = 0x636D_706F_6F6C  # "cmpool"
_MOST_POOLS = 1000
"""Of one member; as many as a verdict can have."""
_MOST_KEYS = 100_000
"""Of one member. Held here, where registrations take turns: of two at once each alone may be within it."""

_COLUMNS = [
    *(one for one in watermark_pools.c if one.name != "keys"),
    watermark_pools.c["keys"].label("keys_"),
]


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


class Pools:
    """The pools, in the order in which they were registered; none is ever changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Pool]:
        """Every registered pool."""
        query = sa.select(*_COLUMNS).order_by(watermark_pools.c.number)
        with self._database.reading() as connection:
            return [_pool(row) for row in connection.execute(query)]

    def last(self) -> int:
        """Number of the pool that was registered last, by whatever process; 0 for none."""
        with self._database.reading() as connection:
            return connection.execute(sa.select(sa.func.max(watermark_pools.c.number))).scalar() or 0

    def register(self, pools: Sequence[Pool], entry: Callable[[list[Pool]], Mapping[str, Any]]) -> list[Pool]:
        """Register those that are new, all or none, with `entry` for the log; the same again changes nothing.

        Raises `Error` where a commitment, or an epoch of a profile, is registered with something else.
        """
        table = watermark_pools
        with self._database.writing() as connection:
            if self._database.postgres:  # one after the other: whoever was first is beyond doubt
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            new = [one for one in pools if not _is_known(connection, one)]
            for one in new:
                if not one.keys or len(set(one.keys)) != len(one.keys):
                    raise Error("a pool has no keys, or one of them twice")
                row = {name: getattr(one, name) for name in ("member", "profile_id", "epoch", "commitment")}
                row |= {"keys": json.dumps(one.keys).encode(), "key_count": len(one.keys)}
                connection.execute(sa.insert(table), row | {"registered": clock()})
            for member in {one.member for one in new}:
                query = sa.select(sa.func.count(), sa.func.sum(table.c.key_count))
                count, keys = connection.execute(query.where(table.c.member == member)).one()
                if count > _MOST_POOLS or keys > _MOST_KEYS:
                    raise Error(f"a member has at most {_MOST_POOLS} pools and {_MOST_KEYS:,} keys")
            if new:
                write_entry(connection, REGISTERED, entry(new))
        return new


def _is_known(connection: sa.Connection, pool: Pool) -> bool:
    table = watermark_pools
    epoch = (table.c.profile_id == pool.profile_id) & (table.c.epoch == pool.epoch)
    query = sa.select(*_COLUMNS).where((table.c.commitment == pool.commitment) | epoch)
    found = [_pool(row) for row in connection.execute(query)]
    for one in found:
        if one.member != pool.member:
            raise Error("these keys, or this epoch of the profile, are registered by another member")
        if msgspec.structs.replace(one, registered=pool.registered) != pool:
            raise Error("these keys, or this epoch of the profile, are registered already, and otherwise")
    return bool(found)


def _pool(row: sa.Row[Any]) -> Pool:
    names = ("member", "profile_id", "epoch", "commitment", "registered")
    return Pool(keys=tuple(json.loads(row.keys_)), **{name: getattr(row, name) for name in names})
