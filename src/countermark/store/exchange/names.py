"""Numbers that rows of `objects` have in place of the ids of collections and members; they never change."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

import sqlalchemy as sa

from countermark.errors import Error, ExitCode
from countermark.store.exchange.database import Database
from countermark.store.exchange.tables import collections, members

Key = TypeVar("Key")
Value = TypeVar("Value")
FRESH_SECONDS = 1.0
"""How long a process may not see what another process changed: a token revoked elsewhere works no longer."""
_MOST = 10_000


class Fresh(Generic[Key, Value]):
    """Answers that are asked again for every request, kept for a moment; own changes count at once."""

    def __init__(self) -> None:
        self._kept: dict[Key, tuple[float, Value]] = {}
        self._changes = 0

    def get(self, key: Key, load: Callable[[], Value]) -> Value:
        """The kept answer, or that of `load`."""
        moment = time.monotonic()
        kept = self._kept.get(key)
        if kept is not None and moment - kept[0] < FRESH_SECONDS:
            return kept[1]
        if len(self._kept) >= _MOST:  # keys may be guesses of a stranger
            self._kept.clear()
        changes, value = self._changes, load()
        if changes == self._changes:  # else it may be from before
            self._kept[key] = (moment, value)
        return value

    def has(self, key: Key) -> bool:
        """Whether `get` would answer without `load`."""
        kept = self._kept.get(key)
        return kept is not None and time.monotonic() - kept[0] < FRESH_SECONDS

    def clear(self) -> None:
        """Something was changed."""
        self._changes += 1
        self._kept = {}


class Names:
    """Ids and numbers, read once each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._collections: dict[str, int] = {}
        self._members: dict[int, str] = {}

    def known(self, collection_id: str) -> int | None:
        """The number of a collection that was asked for before."""
        return self._collections.get(collection_id)

    def collection(self, collection_id: str) -> int:
        """The number of a collection; raises `Error` where there is none of this id."""
        number = self._collections.get(collection_id)
        if number is None:
            query = sa.select(collections.c.number).where(collections.c.collection_id == collection_id)
            with self._database.reading() as connection:
                number = connection.execute(query).scalar()
            if number is None:
                raise Error("there is no such collection", exit_code=ExitCode.NO_INPUT)
            self._collections[collection_id] = number
        return number

    def member(self, number: int) -> str:
        """The id of the member of a number that stands in the database."""
        found = self._members.get(number)
        if found is None:
            self._read_members()
            found = self._members[number]
        return found

    def member_number(self, member_id: str) -> int:
        """The number of a member; raises `Error` where there is none of this id."""
        for refreshed in (False, True):
            if refreshed:
                self._read_members()
            for number, known in self._members.items():
                if known == member_id:
                    return number
        raise Error("there is no such member", exit_code=ExitCode.NO_INPUT)

    def _read_members(self) -> None:
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(members.c.number, members.c.member_id)).all()
        self._members = {row[0]: row[1] for row in rows}
