"""Segments are what the objects say, whatever happens to either, on both databases."""

import random
import signal
import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy as sa
from stores import COLLECTION, Exchange, exchange, new_id, prepare

from countermark.store.exchange import segments
from countermark.store.exchange.database import Database
from countermark.store.exchange.recent import SOON
from countermark.store.exchange.segments import LISTED, Read
from countermark.store.exchange.tables import segments as table

HERE = COLLECTION.collection_id
SPECS = {"spec_versions": LISTED.spec_versions}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SIZE", 3)


def made(one: Exchange) -> None:
    """All segments that can be made."""
    while not one.store.segments.make():
        pass


def held(one: Exchange, after: int, limit: int) -> Read | None:
    """A page out of segments alone."""
    return one.store.segments.read(one.store.objects._names.collection(HERE), after, limit)


def compare(one: Exchange, limits: tuple[int, ...] = (1, 2, 5, 40)) -> int:
    """Hold every page against the rows; how many segments held."""
    rows, found = one.walk(**SPECS), 0
    for after in [-1, *(row.date_added for row in rows), *(row.date_added - 1 for row in rows[::3])]:
        for limit in limits:
            page, expected = held(one, after, limit), one.page(after, limit, **SPECS)
            joined = one.store.objects.joined(HERE, LISTED, after=after, limit=limit)
            assert joined.positions == expected.positions
            assert (joined.steps, joined.span, joined.more) == (expected.steps, expected.span, expected.more)
            assert (joined.owners, joined.those) == (expected.owners, expected.those)
            assert joined.data == b",".join(row.data for row in expected.rows)
            if page is not None:
                found += 1
                assert (page.steps, b"".join(page.parts), page.more) == (joined.steps, joined.data, True)
    return found


def sizes(one: Exchange) -> list[int]:
    """Objects of each segment, in order."""
    query = sa.select(table.c.places).order_by(table.c.last)
    with one.store._database.reading() as connection:
        return [len(places) // 16 for places in connection.execute(query).scalars()]


def change(one: Exchange, chance: random.Random, known: list[str]) -> None:
    """Some objects are added, revised or deleted."""
    if chance.random() < 0.5 or not known:
        known += (new := [new_id() for _ in range(chance.randint(1, 7))])
        one.add(*map(prepare, new), who=chance.choice(["ada", "bob"]))
        return
    some, at = chance.choice(known), f"2026-01-01T00:00:{chance.randrange(60):02}Z"
    if chance.random() < 0.5:
        one.delete(some, "op", versions=(chance.choice(["last", "first", "all"]),))
    else:
        one.add(prepare(some, at, chance.choice(["2.1", "2.1", "2.0"])), prepare(some, at[:-3] + "59Z"))


@pytest.mark.parametrize("seed", range(3))
def test_every_page_is_that_of_the_objects_after_every_change(database_url: str, seed: int) -> None:
    """Two stores on one database, as two processes have them."""
    chance, known, found = random.Random(seed), [], 0
    with exchange(database_url) as one, exchange(database_url) as other:
        for _ in range(30):
            change(chance.choice([one, other]), chance, known)
            if chance.random() < 0.4:
                made(chance.choice([one, other]))
                assert all(3 <= size < 6 for size in sizes(one))
            time.sleep(SOON)  # so long what another process changed may go unseen
            found += compare(one)
        assert found > 100
        made(one)
        assert one.store.segments.differing(HERE) == []


def test_what_goes_leaves_no_small_segment_and_no_gap(database_url: str) -> None:
    with exchange(database_url) as one:
        ids = [new_id() for _ in range(30)]
        one.add(*map(prepare, ids))
        made(one)
        assert sizes(one) == [3] * 10
        for at in (1, 4, 6, 7, 8, 20, 27, 28, 29):
            one.delete(ids[at])
            compare(one)
            made(one)
        assert sum(sizes(one)) in range(19, 22)
        assert min(sizes(one)) >= 3
        assert compare(one) > 40
        one.add(*map(prepare, [new_id() for _ in range(9)]))
        made(one)
        assert sum(sizes(one)) in range(28, 31)
        for stix_id in ids:
            one.delete(stix_id)
        made(one)
        assert sum(sizes(one)) == 9
        assert compare(one) > 0


def test_one_that_is_killed_while_it_makes_them_leaves_none_half_made(database_url: str) -> None:
    program = (
        "import os, sys\n"
        "from countermark.store.exchange import ExchangeStore, segments\n"
        "make, segments.SIZE, left = segments._segment, 3, [7]\n"
        "def dying(*given):\n"
        "    left[0] -= 1\n"
        "    return make(*given) if left[0] else os.kill(os.getpid(), 9)\n"
        "segments._segment, segments._MOST = dying, 2\n"
        "ExchangeStore.open(sys.argv[1]).segments.make()\n"
    )
    with exchange(database_url) as one:
        ids = [new_id() for _ in range(40)]
        one.add(*map(prepare, ids))
    done = subprocess.run([sys.executable, "-c", program, database_url], check=False)
    assert done.returncode == -signal.SIGKILL
    with exchange(database_url) as one:
        assert sizes(one) == [3] * 6  # three transactions of two; the fourth never was
        assert compare(one) > 0
        made(one)
        assert sizes(one) == [3] * 13
        one.delete(ids[5])
        assert one.store.segments.differing(HERE) == []


def test_making_while_others_write_changes_no_page(database_url: str) -> None:
    ended = threading.Event()
    with exchange(database_url) as one, exchange(database_url) as maker:

        def make() -> None:
            while not ended.is_set():
                made(maker)

        thread = threading.Thread(target=make)
        thread.start()
        try:
            chance, known = random.Random(4), []
            for _ in range(60):
                change(one, chance, known)
                walked = one.store.objects.joined(HERE, LISTED, after=None, limit=1000)
                assert walked.positions == one.page(limit=1000, **SPECS).positions
        finally:
            ended.set()
            thread.join()
        made(one)
        assert one.store.segments.differing(HERE) == []
        assert compare(one) > 0


def test_a_segment_that_somebody_changed_is_found(database_url: str) -> None:
    with exchange(database_url) as one:
        one.add(*map(prepare, [new_id() for _ in range(9)]))
        made(one)
        with one.store._database.writing() as connection:
            second = sorted(connection.execute(sa.select(table.c.last)).scalars())[1]
            data = connection.execute(sa.select(table.c.data).where(table.c.last == second)).scalar()
            changed = data.replace(b"indicator", b"indicatoR", 1)
            connection.execute(sa.update(table).where(table.c.last == second).values(data=changed))
        assert one.store.segments.differing(HERE) == [second]


def test_a_database_of_before_has_its_pages_at_once_and_its_segments_soon(database_url: str) -> None:
    with exchange(database_url) as one:
        one.add(*map(prepare, [new_id() for _ in range(20)]))
    database = Database(database_url)
    with database.writing() as connection:
        connection.execute(sa.text("DROP TABLE segments"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0005'"))
    database.close()
    with exchange(database_url) as one:
        assert compare(one) == 0
        made(one)
        assert compare(one) > 0


def test_large_objects_are_joined_few_at_a_time(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_MOST_BYTES", 2000)
    with exchange(sqlite_url) as one:
        one.add(*(prepare(new_id(), pad="x" * 500) for _ in range(30)))
        number = one.store.objects._names.collection(HERE)
        assert one.store.segments._make_some(number)
        assert sizes(one) == [3, 3]
        made(one)
        assert compare(one) > 0
