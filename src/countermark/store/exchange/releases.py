"""Releases that two people signed, and which objects they let in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from countermark.errors import Error
from countermark.records.exchange import Microseconds
from countermark.store.exchange.database import Database, chunks, storable
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.samples import Under, take
from countermark.store.exchange.tables import release_objects, releases
from countermark.store.exchange.times import now as clock

TAKEN, WITHDRAWN = "release-taken", "release-withdrawn"
_MOST = 500


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release that the exchange was given."""

    release_id: str
    member_id: str
    envelope: bytes
    """The DSSE envelope as it came."""
    received: Microseconds
    expires: Microseconds
    withdrawn: bool


class Releases:
    """The releases. Whoever calls `add` has checked the signatures."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        member_id: str,
        release_id: str,
        envelope: bytes,
        objects: Sequence[tuple[str, str, str]],
        expires: int,
        *,
        entry: Mapping[str, Any],
        under: Under | None = None,
    ) -> bool:
        """Keep a release of objects (id, version, sha256 in hex), and `entry` for the log.

        `under` a standing approval it is drawn for review, or not, in the same transaction. The same again
        changes nothing and gives False. Raises `Error` when the id is another release's, and `Suspended`.
        """
        with self._database.writing() as connection:
            if self._database.postgres:  # two that add the same take turns
                connection.execute(
                    sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(release_id, 7)))
                )
            query = sa.select(releases).where(releases.c.release_id == release_id)
            known = connection.execute(query).one_or_none()
            if known is not None:
                if (known.member_id, known.envelope) != (member_id, envelope):
                    raise Error("there is another release of this id", hint="a release is never changed")
                return False
            row: dict[str, Any] = {"release_id": release_id, "member_id": member_id, "envelope": envelope}
            row |= {"received": clock(), "expires": expires, "withdrawn": False}
            connection.execute(sa.insert(releases), row)
            lines = {digest: (stix_id, version) for stix_id, version, digest in objects}
            if lines:
                connection.execute(
                    sa.insert(release_objects),
                    [
                        {"release_id": release_id, "sha256": digest, "stix_id": stix_id, "version": version}
                        for digest, (stix_id, version) in lines.items()
                    ],
                )
            told = take(connection, member_id, release_id, under) if under is not None else {}
            write_entry(connection, TAKEN, {**entry, **told})
        return True

    def get(self, release_id: str) -> Release | None:
        """The release, or None."""
        if not storable(release_id):
            return None
        query = sa.select(releases).where(releases.c.release_id == release_id)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Release(**row._mapping)

    def ids(self) -> list[str]:
        """The ids of all releases."""
        query = sa.select(releases.c.release_id).order_by(releases.c.release_id)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def digests(self, release_id: str) -> set[str]:
        """SHA-256 of the objects that a release lets in."""
        query = sa.select(release_objects.c.sha256).where(release_objects.c.release_id == release_id)
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def allows(self, member_id: str, sha256: str, now: int) -> bool:
        """Whether a release of the member that holds at `now` names the object of this digest."""
        return bool(self.allowed(member_id, [sha256], now))

    def allowed(self, member_id: str, digests: Iterable[str], now: int) -> set[str]:
        """Those of many digests that `allows` allows."""
        return set(self.naming(member_id, digests, now))

    def naming(self, member_id: str, digests: Iterable[str], now: int) -> dict[str, list[str]]:
        """By digest, the releases of the member that hold at `now` and name it; no entry where none does."""
        found: dict[str, list[str]] = {}
        joined = sa.join(release_objects, releases, releases.c.release_id == release_objects.c.release_id)
        with self._database.reading() as connection:
            for part in chunks(list(digests), _MOST):
                query = sa.select(release_objects.c.sha256, releases.c.release_id).select_from(joined)
                query = query.where(
                    release_objects.c.sha256.in_(part),
                    releases.c.member_id == member_id,
                    releases.c.expires > now,
                    releases.c.withdrawn.is_(False),
                )
                for digest, release_id in connection.execute(query):
                    found.setdefault(digest, []).append(release_id)
        return found

    def withdraw(self, member_id: str, release_id: str, *, entry: Mapping[str, Any]) -> bool:
        """End a release of this member from now on; False where there is none that still stands."""
        change = sa.update(releases).values(withdrawn=True)
        change = change.where(
            releases.c.release_id == release_id,
            releases.c.member_id == member_id,
            releases.c.withdrawn.is_(False),
        )
        with self._database.writing() as connection:
            changed = connection.execute(change).rowcount
            if changed:
                write_entry(connection, WITHDRAWN, entry)
        return bool(changed)
