"""Collections, and who may read and write them."""

import uuid
from typing import Any

import sqlalchemy as sa

from countermark.errors import Error, ExitCode
from countermark.records.exchange import Caller, Collection, Rights
from countermark.store.exchange.database import Database, storable
from countermark.store.exchange.names import Fresh
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.tables import collections, grants

COLLECTION_ADDED, GRANTED = "collection-added", "collection-granted"
_COLUMNS = tuple(
    collections.c[name]
    for name in ("collection_id", "api_root", "title", "alias", "description", "require_release")
)


class Collections:
    """The collections. What is changed here counts at once in this process, in others within a second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fresh: Fresh[Any, Any] = Fresh()
        query = sa.select(grants.c.kind, grants.c.grantee, grants.c.can_read, grants.c.can_write)
        self._grants = database.compile(query.where(grants.c.collection_id == sa.bindparam("collection_id")))

    def add(self, c: Collection) -> None:
        """A new collection; raises `Error` when its id, or its alias in the same API root, is taken."""
        if not _is_uuid(c.collection_id) or (c.alias is not None and _is_uuid(c.alias)):
            raise Error("a collection's id is a UUID, and its alias is none", exit_code=ExitCode.USAGE)
        if not c.api_root or not c.title or c.alias == "":
            raise Error("a collection has an API root and a title", exit_code=ExitCode.USAGE)
        taken = collections.c.collection_id == c.collection_id
        if c.alias is not None:
            taken |= (collections.c.api_root == c.api_root) & (collections.c.alias == c.alias)
        row = {name.name: getattr(c, name.name) for name in _COLUMNS}
        with self._database.writing() as connection:
            if connection.execute(sa.select(collections.c.number).where(taken)).first():
                raise Error("there is a collection of this id or alias already")
            connection.execute(sa.insert(collections), row | {"last_added": 0})
            entry = {"collection": c.collection_id, "api_root": c.api_root, "release": c.require_release}
            write_entry(connection, COLLECTION_ADDED, entry)
        self._fresh.clear()

    def all(self, api_root: str | None = None) -> list[Collection]:
        """All collections, or those of one API root, in the order in which they were added."""
        query = sa.select(*_COLUMNS).order_by(collections.c.number)
        if api_root is not None:
            query = query.where(collections.c.api_root == api_root)
        with self._database.reading() as connection:
            return [Collection(**row._mapping) for row in connection.execute(query).all()]

    def get(self, api_root: str, id_or_alias: str) -> Collection | None:
        """The collection of this id or alias in the API root."""
        found: Collection | None = self._fresh.get(
            (api_root, id_or_alias), lambda: self._get(api_root, id_or_alias)
        )
        return found

    def is_at_hand(self, api_root: str, id_or_alias: str) -> bool:
        """Whether `get`, and `rights` in what it gives, would answer without asking the database."""
        key = api_root, id_or_alias
        if not self._fresh.has(key):
            return False
        found: Collection | None = self._fresh.get(key, lambda: self._get(*key))
        return found is None or self._fresh.has(found.collection_id)

    def _get(self, api_root: str, id_or_alias: str) -> Collection | None:
        if not storable(api_root, id_or_alias):
            return None
        named = (collections.c.collection_id == id_or_alias) | (collections.c.alias == id_or_alias)
        query = sa.select(*_COLUMNS).where(collections.c.api_root == api_root, named)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Collection(**row._mapping)

    def roots(self) -> list[str]:
        """The API roots that have collections, in order of their names."""
        query = sa.select(collections.c.api_root).distinct().order_by(collections.c.api_root)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def grant(
        self,
        collection_id: str,
        *,
        member_id: str | None = None,
        group: str | None = None,
        read: bool,
        write: bool,
    ) -> None:
        """Say what a member, or a group, may do in a collection, in place of what was said before."""
        if (member_id is None) == (group is None):
            raise Error("a grant is for a member or for a group", exit_code=ExitCode.USAGE)
        kind, grantee = ("member", member_id) if member_id is not None else ("group", group)
        same = (grants.c.collection_id == collection_id) & (grants.c.kind == kind)
        row = {"collection_id": collection_id, "kind": kind, "grantee": grantee}
        # the collection's row is locked, so that two who grant the same take turns
        there = sa.select(collections.c.number).where(collections.c.collection_id == collection_id)
        with self._database.writing() as connection:
            if connection.execute(there.with_for_update()).first() is None:
                raise Error("there is no such collection", exit_code=ExitCode.NO_INPUT)
            connection.execute(sa.delete(grants).where(same, grants.c.grantee == grantee))
            if read or write:
                connection.execute(sa.insert(grants), row | {"can_read": read, "can_write": write})
            entry = {"collection": collection_id, kind: grantee, "read": read, "write": write}
            write_entry(connection, GRANTED, entry)
        self._fresh.clear()

    def granted(self) -> dict[tuple[str, str, str], tuple[bool, bool]]:
        """All grants: read and write, by collection, `member` or `group`, and its id or name."""
        query = sa.select(*(grants.c[name] for name in ("collection_id", "kind", "grantee")))
        with self._database.reading() as connection:
            rows = connection.execute(query.add_columns(grants.c.can_read, grants.c.can_write)).all()
        return {(row[0], row[1], row[2]): (bool(row[3]), bool(row[4])) for row in rows}

    def rights(self, caller: Caller, collection: Collection) -> Rights:
        """What the caller may do: the member's grants, within what its token is for.

        An operator is granted everything everywhere.
        """
        if caller.collections is not None and collection.collection_id not in caller.collections:
            return Rights()
        read, write = "read" in caller.actions, "write" in caller.actions
        if caller.member.role == "operator":
            return Rights(read, write)
        key = collection.collection_id
        given = self._fresh.get(key, lambda: self._database.rows(self._grants, {"collection_id": key}))
        may_read = may_write = False
        for kind, grantee, can_read, can_write in given:
            if grantee == caller.member.member_id if kind == "member" else grantee in caller.member.groups:
                may_read, may_write = may_read or can_read, may_write or can_write
        return Rights(bool(read and may_read), bool(write and may_write))


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
