"""Fixtures of the exchange's tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import database_url, postgres_server, postgres_url, sqlite_url
from exchange_parties import Exchange, exchange_at

from countermark.store.exchange import ExchangeStore

__all__ = ["database_url", "postgres_server", "postgres_url", "sqlite_url"]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables, made once: migrations take longer than most tests."""
    path = tmp_path_factory.mktemp("exchange") / "empty.sqlite"
    ExchangeStore.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def exchange(tmp_path: Path, empty_database: Path) -> Iterator[Exchange]:
    """An exchange on SQLite, with its endpoints."""
    path = shutil.copy(empty_database, tmp_path / "exchange.sqlite")
    with exchange_at(f"sqlite:///{path}", reads_inline=True) as made:
        yield made


@pytest.fixture
def each_exchange(database_url: str) -> Iterator[Exchange]:
    """The same on each kind of database, whose queries run in threads."""
    with exchange_at(database_url) as made:
        yield made
