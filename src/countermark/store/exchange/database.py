"""Connections: a pool that reads, each statement by itself, and a pool that writes, in transactions.

SQLite runs with a write-ahead log, `synchronous=FULL`, foreign keys, and one writer at a time; PostgreSQL
through psycopg 3. Statements are built with SQLAlchemy; those that run for every request are compiled once
and go to the driver as they are.
"""

import json
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from countermark.errors import Error
from countermark.trust.keyfiles import OWNER_ONLY

POOL = 16
"""Connections of each pool; who needs one more waits."""
_KEPT = POOL // 2
WAIT_SECONDS = 30
CONNECT_SECONDS = 10
_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql+psycopg://", "postgresql://")
_SETTINGS = {
    "enable_seqscan": "off",  # every query has its index, and plans made for small tables stay
    "lock_timeout": f"{WAIT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{WAIT_SECONDS}s",  # a process that was stopped holds nobody up
}
_HINT = "sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE"


class Compiled:
    """A statement as text and parameters' names, ready for the driver."""

    __slots__ = ("text",)

    def __init__(self, statement: sa.ClauseElement, dialect: sa.Dialect) -> None:
        self.text = str(statement.compile(dialect=dialect))


class Database:
    """Both pools of one database."""

    def __init__(self, url: str) -> None:
        self.file = sqlite_file(url)
        try:
            parsed = sa.make_url(url)
            if self.file is None:
                parsed = parsed.set(drivername="postgresql+psycopg")
                self.reader = _postgres(parsed, isolation_level="AUTOCOMMIT")
                self.writer = _postgres(parsed, pool_pre_ping=True)
            else:
                self.reader, self.writer = _sqlite(self.file, False), _sqlite(self.file, True)
        except (sa.exc.ArgumentError, ImportError, ValueError, OSError) as error:
            # the URL may hold a password: it is not repeated
            raise Error(f"the database cannot be used: {type(error).__name__}", hint=_HINT) from None
        self.postgres = self.file is None
        self._cursor = {"binary": True} if self.postgres else {}  # bytes as bytes, not in hex
        self.dialect = self.reader.dialect
        self._turn = threading.Lock()
        self._idle: deque[sa.PoolProxiedConnection] = deque()

    def close(self) -> None:
        """Close all connections."""
        self._forget_idle()
        self.reader.dispose()
        self.writer.dispose()

    def compile(self, statement: sa.ClauseElement) -> Compiled:
        """A statement for `rows`; its parameters are given by name."""
        return Compiled(statement, self.dialect)

    def rows(self, statement: Compiled, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows of a compiled query; asked once more where the connection was lost since its last use."""
        with failures():
            for last in (False, True):
                connection = self._take()
                try:
                    with closing(connection.cursor(**self._cursor)) as cursor:
                        cursor.execute(statement.text, values)
                        found = list(cursor.fetchall())
                    self._give(connection)
                    return found
                except Exception as error:
                    driver: Any = connection.driver_connection
                    known: Any = error  # whatever it is, the dialect says whether it means that
                    if last or not self.dialect.is_disconnect(known, driver, None):
                        connection.close()
                        raise
                    connection.invalidate()
                    self._forget_idle()  # the others are lost too
                    self.reader.dispose()
        raise AssertionError("unreachable")

    def _take(self) -> sa.PoolProxiedConnection:
        """A connection of the reading pool; some are kept out of it: in and out costs as much as a query."""
        try:
            return self._idle.pop()
        except IndexError:
            return self.reader.raw_connection()

    def _give(self, connection: sa.PoolProxiedConnection) -> None:
        pool: Any = self.reader.pool
        if len(self._idle) < _KEPT and pool.checkedout() < POOL:  # else somebody may wait for one
            self._idle.append(connection)
        else:
            connection.close()

    def _forget_idle(self) -> None:
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()

    def ping(self) -> None:
        """Raise `Error` where the database does not answer."""
        self.rows(self.compile(sa.select(sa.literal_column("1"))), {})

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for queries, each of which sees what is committed when it begins."""
        if self.postgres:
            self.ping()  # replaces connections that were lost
        with failures(), self.reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction: when the block ends all is on disk, or nothing. On SQLite writers take turns."""
        with failures():
            if self.postgres:
                with self.writer.begin() as connection:
                    yield connection
            else:  # waiting here is cheaper and fairer than SQLite's own, which polls
                with self._turn, self.writer.begin() as connection:
                    yield connection


@contextmanager
def failures() -> Iterator[None]:
    """What a database or its driver raises, as an `Error` without the statement and its values."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        raise Error(f"the database does not answer as it should: {type(cause).__name__}") from error
    except Exception as error:
        if type(error).__module__.split(".")[0] != "psycopg":
            raise
        raise Error(f"the database does not answer as it should: {type(error).__name__}") from error


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL, None for PostgreSQL; raises `Error` for any other."""
    if url.startswith(_POSTGRESQL):
        return None
    if not url.startswith(_SQLITE) or url == _SQLITE or "?" in url or ":memory:" in url:
        raise Error("the exchange keeps its data in SQLite or PostgreSQL", hint=_HINT)
    return Path(url.removeprefix(_SQLITE))


def _postgres(url: sa.URL, **options: Any) -> sa.Engine:
    return sa.create_engine(
        url,
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS,
        connect_args={
            "options": " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items()),
            "connect_timeout": CONNECT_SECONDS,
            "tcp_user_timeout": WAIT_SECONDS * 1000,  # of a host that is gone without a word
        },
        **options,
    )


def _sqlite(file: Path, writes: bool) -> sa.Engine:
    """An engine whose transactions begin as writers, so that none fails half-way because another wrote."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(OWNER_ONLY)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(file)),
        paramstyle="named",
        pool_size=1 if writes else POOL,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS,
        connect_args={"check_same_thread": False, "cached_statements": 512, "timeout": WAIT_SECONDS},
    )

    @sa.event.listens_for(engine, "connect")
    def connect(connection: DBAPIConnection, _: object) -> None:
        connection.isolation_level = None  # transactions are begun below
        pragmas = ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32000"]
        cursor = connection.cursor()
        for pragma in [*pragmas, f"busy_timeout={WAIT_SECONDS * 1000}"]:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    if writes:

        @sa.event.listens_for(engine, "begin")
        def begin(connection: sa.Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def among(database: Database, column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    """`column` is among the values of parameter `name`, which `listed` makes."""
    if database.postgres:
        return column == sa.any_(sa.bindparam(name, type_=sa.ARRAY(column.type)))
    value = sa.func.json_each(sa.bindparam(name, type_=sa.Text)).table_valued("value")
    return column.in_(sa.select(value.c.value))


def listed(database: Database, values: Sequence[Any]) -> list[Any] | str:
    """The parameter of `among`."""
    return list(values) if database.postgres else json.dumps(list(values))


def storable(*texts: str) -> bool:
    """Whether a database can hold, and so find, these texts: no NUL, nothing outside Unicode."""
    together = "".join(texts)
    try:
        together.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in together


def chunks(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Parts of at most `size`: a statement has only so many parameters."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
