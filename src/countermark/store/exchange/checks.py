"""Matters of the joint watermark check: which check of its matter each one is, and what came of it.

The ordinal is given in one transaction with the quota and the log entries, so that two checks never share
one, and a check that a kill cut short has used its own up.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from countermark.errors import Error
from countermark.records.exchange import Microseconds
from countermark.store.exchange.check_tables import watermark_checks, watermark_matters
from countermark.store.exchange.database import Database, storable
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.quotas import Over, Quota, forget, is_logged, use
from countermark.store.exchange.times import now as clock

Entry = tuple[str, Mapping[str, Any]]
"""Kind and payload of an entry of the log."""
MOST_TRIES = 10
"""Of one check that is sent again under its own name."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A check that somebody asks for."""

    check_id: str
    submitter: str
    """`member_id`."""
    matter: str | None
    """None for the public, whose checks stand each for itself."""
    text_digest: str
    """Salted."""
    hypotheses: int
    retry_id: str | None = None
    """The submitter's own name of the check: the same again is no other check."""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A check that has its place."""

    check_id: str
    number: int = 0
    """Of the matter, for `finish`."""
    ordinal: int = 1
    asked_so_far: int
    again: bool = False
    asked_at: Microseconds
    entries: tuple[int, ...] = ()
    """Numbers in the outbox."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A check of a matter, as it is kept."""

    check_id: str
    ordinal: int
    asked_at: Microseconds
    hypotheses: int
    asked_so_far: int
    word: str | None
    """None where it was never answered."""
    marks: list[str]
    complete: bool | None


class Checks:
    """The checks. Whoever calls has judged who may ask."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        asked: Asked,
        quotas: Sequence[Quota],
        entries: Callable[[Begun], Sequence[Entry]],
        refused: Callable[[Over], Entry],
    ) -> Begun | Over:
        """Count the check, give it its ordinal, and write its entries for the log; or the quota's refusal.

        Raises `Error` for a name of a check that is another's: one of another text, matter or register.
        """
        now = clock()
        with self._database.writing() as connection:
            known = self._known(connection, asked)
            if known is not None:
                over = _tried(known, asked)
                begun = _again(known)
            else:
                over = use(connection, quotas, now)
                begun = Begun(check_id=asked.check_id, asked_so_far=asked.hypotheses, asked_at=now)
                if over is None and asked.matter is not None:
                    begun = _place(connection, asked, begun)
            if over is not None:
                return _refuse(connection, over, refused, now)
            if known is not None:
                one = watermark_checks.c.check_id == begun.check_id
                change = sa.update(watermark_checks).where(one)
                connection.execute(change.values(tries=watermark_checks.c.tries + 1))
            numbers = tuple(write_entry(connection, *one) for one in entries(begun))
        return msgspec.structs.replace(begun, entries=numbers)

    def use(
        self, quotas: Sequence[Quota], refused: Callable[[Over], Entry], entries: Sequence[Entry] = ()
    ) -> Over | None:
        """Use quotas for something that is no check, with its entries for the log, or that of the refusal."""
        now = clock()
        with self._database.writing() as connection:
            over = use(connection, quotas, now)
            if over is not None:
                return _refuse(connection, over, refused, now)
            for one in entries:
                write_entry(connection, *one)
        return None

    def forget(self) -> None:
        """Delete what was counted on earlier days."""
        with self._database.writing() as connection:
            forget(connection, clock())

    def finish(
        self,
        begun: Begun,
        entries: Sequence[Entry],
        *,
        word: str,
        marks: Sequence[str],
        complete: bool,
        figures: bytes = b"",
    ) -> tuple[int, ...]:
        """Keep what came of a check, until all have answered; numbers of its entries."""
        with self._database.writing() as connection:
            if begun.number:
                here = (watermark_checks.c.matter == begun.number) & (
                    watermark_checks.c.ordinal == begun.ordinal
                )
                # sent again, it may be answered by more members than before
                open_ = watermark_checks.c.word.is_(None) | watermark_checks.c.complete.is_(False)
                change = sa.update(watermark_checks).where(here, open_)
                row = {"word": word, "marks": json.dumps(list(marks)), "complete": complete}
                connection.execute(change.values(**row, figures=figures))
            return tuple(write_entry(connection, *one) for one in entries)

    def figures(self, number: int, before: int) -> bytes:
        """What `finish` kept of the figures of a matter's checks of lower ordinals than this, joined."""
        table = watermark_checks
        query = sa.select(table.c.figures).where(
            table.c.matter == number, table.c.ordinal < before, table.c.figures.is_not(None)
        )
        with self._database.reading() as connection:
            return b"".join(bytes(one) for one in connection.execute(query).scalars())

    def matter(
        self, submitter: str, matter: str, most: int = 1000
    ) -> tuple[int, int, int, list[Kept]] | None:
        """Number, count of checks and of hypotheses, and the last checks of a matter; None: there is none."""
        if not storable(matter):
            return None
        matters, table = watermark_matters, watermark_checks
        of = (matters.c.submitter == submitter) & (matters.c.matter == matter)
        with self._database.reading() as connection:
            found = connection.execute(sa.select(matters).where(of)).one_or_none()
            if found is None:
                return None
            columns = [table.c[name] for name in Kept.__struct_fields__]
            query = sa.select(*columns).where(table.c.matter == found.number)
            rows = connection.execute(query.order_by(table.c.ordinal.desc()).limit(most)).mappings().all()
        kept = [Kept(**(dict(row) | {"marks": json.loads(row["marks"] or "[]")})) for row in reversed(rows)]
        return found.number, found.ordinal, found.asked, kept

    def _known(self, connection: sa.Connection, asked: Asked) -> sa.Row[Any] | None:
        """The check of this name of the submitter's, where it was begun before."""
        if asked.retry_id is None:
            return None
        if self._database.postgres:  # two of one name take turns
            name = f"{asked.submitter} {asked.retry_id}"
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 11))))
        table = watermark_checks
        joined = sa.join(table, watermark_matters, table.c.matter == watermark_matters.c.number)
        query = sa.select(table, watermark_matters.c.matter.label("named")).select_from(joined)
        where = (table.c.submitter == asked.submitter) & (table.c.retry_id == asked.retry_id)
        return connection.execute(query.where(where)).one_or_none()


def _refuse(
    connection: sa.Connection, over: Over, refused: Callable[[Over], Entry], now: Microseconds
) -> Over:
    """Write the entry of a refusal, where it has one of its own."""
    over = msgspec.structs.replace(over, is_logged=is_logged(connection, over.quota, now))
    if over.is_logged:
        write_entry(connection, *refused(over))
    return over


def _tried(known: sa.Row[Any], asked: Asked) -> Over | None:
    same = (asked.text_digest, asked.hypotheses, asked.matter)
    if (known.text_digest, known.hypotheses, known.named) != same:
        raise Error("this name is that of another check: of another text, matter or set of keys")
    if known.tries < MOST_TRIES:
        return None
    quota = Quota(what="tries", who=asked.submitter, most=MOST_TRIES)
    return Over(quota=quota, beyond=1, seconds=3600)


def _again(known: sa.Row[Any]) -> Begun:
    return Begun(
        check_id=known.check_id,
        number=known.matter,
        ordinal=known.ordinal,
        asked_so_far=known.asked_so_far,
        again=True,
        asked_at=known.asked_at,
    )


def _place(connection: sa.Connection, asked: Asked, begun: Begun) -> Begun:
    """The next ordinal of the matter; its row is locked until the transaction ends."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    table = watermark_matters
    row = {"submitter": asked.submitter, "matter": asked.matter, "ordinal": 1, "asked": asked.hypotheses}
    upsert = insert(table).values(row)
    upsert = upsert.on_conflict_do_update(
        index_elements=[table.c.submitter, table.c.matter],
        set_={"ordinal": table.c.ordinal + 1, "asked": table.c.asked + asked.hypotheses},
    )
    returned = upsert.returning(table.c.number, table.c.ordinal, table.c.asked)
    number, ordinal, so_far = connection.execute(returned).one()
    check: dict[str, Any] = {"matter": number, "ordinal": ordinal, "check_id": asked.check_id, "tries": 1}
    check |= {"submitter": asked.submitter, "retry_id": asked.retry_id, "text_digest": asked.text_digest}
    check |= {"asked_at": begun.asked_at, "hypotheses": asked.hypotheses, "asked_so_far": so_far}
    connection.execute(sa.insert(watermark_checks), check)
    return msgspec.structs.replace(begun, number=number, ordinal=ordinal, asked_so_far=so_far)
