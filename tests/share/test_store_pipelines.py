"""Pages that the event loop reads from PostgreSQL itself: in order, never wrong when one is lost."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from stores import COLLECTION, Exchange, exchange, new_id, prepare

from countermark.store.exchange import segments
from countermark.store.exchange.database import Database
from countermark.store.exchange.segments import Read

Ask = Callable[[int], Awaitable[Read | None]]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SIZE", 3)


def filled(one: Exchange) -> list[int]:
    """Positions of objects that are all in segments."""
    one.add(*map(prepare, [new_id() for _ in range(60)]))
    while not one.store.segments.make():
        pass
    return [row.date_added for row in one.walk()]


async def first(one: Exchange, after: int) -> Read:
    """A page, as soon as there is a connection."""
    for _ in range(500):
        page = await soon(one, after)
        if page is not None:
            return page
        await asyncio.sleep(0.01)
    raise AssertionError("no connection was opened")


def soon(one: Exchange, after: int) -> Awaitable[Read | None]:
    return one.store.segments.read_soon(
        one.store.objects._names.collection(COLLECTION.collection_id), after, 4
    )


def right(one: Exchange, after: int, page: Read | None) -> bool:
    number = one.store.objects._names.collection(COLLECTION.collection_id)
    return page == one.store.segments.read(number, after, 4)


def lose_all(url: str) -> None:
    """End every connection but our own."""
    database = Database(url)
    with database.reading() as connection:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        connection.execute(sa.text(f"{query} AND datname = current_database()"))
    database.close()


def test_many_at_once_get_each_its_own(postgres_url: str) -> None:
    with exchange(postgres_url) as one:
        positions = filled(one)[:50]

        async def ask() -> list[Read | None]:
            await first(one, -1)
            tasks = [asyncio.ensure_future(soon(one, after)) for after in positions * 4]
            await asyncio.sleep(0)
            tasks[7].cancel()  # whoever goes leaves the others theirs
            return await asyncio.gather(*tasks, return_exceptions=True)  # type: ignore[return-value]

        for _ in range(2):  # each in an event loop of its own
            found = asyncio.run(ask())
            assert isinstance(found[7], asyncio.CancelledError)
            found[7] = one.store.segments.read(1, positions[7], 4)
            assert all(right(one, after, page) for after, page in zip(positions * 4, found, strict=True))


def test_a_lost_connection_gives_nothing_and_is_replaced(postgres_url: str) -> None:
    with exchange(postgres_url) as one:
        positions = filled(one)

        async def ask() -> None:
            assert right(one, positions[3], await first(one, positions[3]))
            lose_all(postgres_url)
            tasks = [asyncio.ensure_future(soon(one, positions[3])) for _ in range(5)]
            for page in await asyncio.gather(*tasks):
                assert page is None or right(one, positions[3], page)
            one.store.segments.read(1, 0, 4)  # the pool finds out too
            assert right(one, positions[3], await first(one, positions[3]))
            one.store.segments.close()
            assert await soon(one, positions[3]) is None
            assert right(one, positions[3], await first(one, positions[3]))
            one.store.segments.close()

        asyncio.run(ask())


def test_sqlite_has_none(sqlite_url: str) -> None:
    with exchange(sqlite_url) as one:
        filled(one)
        assert asyncio.run(soon(one, -1)) is None  # type: ignore[arg-type]
