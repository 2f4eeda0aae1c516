"""Fixtures of the exchange's tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from databases import database_url, postgres_server, postgres_url, sqlite_url
from exchange_parties import Exchange, exchange_at, found

from countermark.store.exchange import ExchangeStore

__all__ = ["database_url", "postgres_server", "postgres_url", "sqlite_url"]


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], dict[str, str]]:
    """A SQLite file with tables and members, made once: it takes longer than most tests; tokens and ids."""
    path = tmp_path_factory.mktemp("exchange") / "founded.sqlite"
    store = ExchangeStore.open(f"sqlite:///{path}")
    known = found(store)
    store.close()
    return path, *known


@pytest.fixture(scope="session")
def _alliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from alliances import alliance  # slow to import

    quotas = "public_day = 100000\nanonymous = true\nanswer_seconds = 5"
    with alliance(tmp_path_factory.mktemp("allied"), check=quotas) as made:
        yield made


@pytest.fixture
def allied(_alliance: Any) -> Iterator[Any]:
    """Nodes for joint checks (alliances.py), started once; gamma answers as it should."""
    _alliance.gamma.answer = None
    _alliance.gamma.asked.clear()
    yield _alliance
    _alliance.gamma.answer = None


@pytest.fixture
def exchange(tmp_path: Path, founded: tuple[Path, dict[str, str], dict[str, str]]) -> Iterator[Exchange]:
    """An exchange on SQLite, with its endpoints."""
    path = shutil.copy(founded[0], tmp_path / "exchange.sqlite")
    with exchange_at(f"sqlite:///{path}", founded[1:], reads_inline=True) as made:
        yield made


@pytest.fixture
def each_exchange(database_url: str) -> Iterator[Exchange]:
    """The same on each kind of database, whose queries run in threads."""
    with exchange_at(database_url) as made:
        yield made
