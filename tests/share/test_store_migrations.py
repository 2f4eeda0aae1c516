"""Opening a database: from nothing, by several at once, of an older or newer version, or none at all."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from stores import COLLECTION, exchange, new_id, prepare

from countermark.errors import Error
from countermark.store.exchange import ExchangeStore
from countermark.store.exchange.database import Database
from countermark.store.exchange.migrate import FOLDER, migrate
from countermark.store.exchange.tables import REVISION, metadata


def test_migrations_end_where_the_code_begins(database_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION
    ExchangeStore.open(database_url).close()
    database = Database(database_url)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    database.close()


def test_an_older_database_is_brought_forward_and_keeps_what_it_has(database_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    revisions = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]
    database = Database(database_url)
    migrate(database, revisions[-1])  # the first that there was
    with database.writing() as connection:
        row = {"member_id": "identity--x", "name": "x", "role": "member", "groups": "[]", "disabled": False}
        connection.execute(sa.insert(metadata.tables["members"]), row)
    database.close()
    store = ExchangeStore.open(database_url)
    assert [member.name for member in store.members.all()] == ["x"]
    store.close()


def test_a_newer_database_is_left_alone(database_url: str) -> None:
    ExchangeStore.open(database_url).close()
    database = Database(database_url)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(Error, match="newer version"):
        ExchangeStore.open(database_url)


def test_processes_that_open_at_once_make_the_tables_once(database_url: str) -> None:
    program = (
        "import sys; from countermark.store.exchange import ExchangeStore\n"
        "store = ExchangeStore.open(sys.argv[1]); store.ping(); store.close()\n"
    )
    command = [sys.executable, "-c", program, database_url]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [one.wait(120) for one in running] == [0, 0, 0]
    with exchange(database_url) as one:
        assert one.add(prepare(new_id()))[0].new


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:pa55@h/x",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro",
        "nothing",
        "",
        "postgresql+psycopg://u:pa55@127.0.0.1:1/x",
        "postgresql://u:pa55@h:port/x",
        "sqlite:////proc/none/x.db",
    ],
)
def test_what_is_no_database_is_an_error_without_its_password(url: str) -> None:
    with pytest.raises(Error) as caught:
        ExchangeStore.open(url)
    assert "pa55" not in caught.value.message + caught.value.hint


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"text, and quite a lot of it" * 100)
    with pytest.raises(Error, match="database"):
        ExchangeStore.open(f"sqlite:///{tmp_path}/x.db")


def test_a_database_that_is_gone_is_an_error(postgres_url: str) -> None:
    store = ExchangeStore.open(postgres_url)
    store.ping()
    database = Database(postgres_url)
    with database.reading() as connection:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        connection.execute(sa.text(f"{query} AND datname = current_database()"))
    database.close()
    store.ping()  # the connection that was broken is found out and replaced
    store.collections.add(COLLECTION)
    assert store.collections.all() == [COLLECTION]
    store.close()
