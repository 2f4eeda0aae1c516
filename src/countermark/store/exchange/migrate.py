"""The database's tables are brought to the newest revision when it is opened, by one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from countermark.errors import Error
from countermark.store.exchange.database import Database
from countermark.store.exchange.tables import REVISION
from countermark.trust.keyfiles import locked

FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x636D_6578_6368  # "cmexch": PostgreSQL's advisory lock of whoever migrates


def migrate(database: Database, revision: str = REVISION) -> None:
    """Run the migrations that are missing, all in one transaction.

    Raises `Error` when the database is of a revision that this version does not know.
    """
    if _present(database) == revision:
        return
    # slow to import, and not needed by a process that finds its tables
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    with _alone(database), database.writing() as connection:
        if database.postgres:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        present = _read(connection)
        if present is not None and present not in known:
            raise Error(
                "the database was written by a newer version of Countermark",
                hint="install that version; nothing was changed",
            )
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Hold the lock beside a SQLite file; PostgreSQL's is taken within the transaction."""
    if database.file is None:
        yield
    else:
        with locked(database.file):
            yield


def _present(database: Database) -> str | None:
    with database.reading() as connection:
        return _read(connection)


def _read(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    value = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if value is None else str(value)
