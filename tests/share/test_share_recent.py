"""Pages that are kept: what changes a collection counts, at once in the process that changes it."""

import asyncio
import random
import time
from datetime import UTC, datetime

import pytest
from exchange_parties import HIDDEN, SHARED, Exchange, ids, indicator
from stores import COLLECTION, new_id, prepare
from stores import Exchange as Store
from stores import exchange as store_at

from countermark.share.server.parts import Settings
from countermark.share.server.work import Work
from countermark.store.exchange import ExchangeStore, Filters, Joined, recent
from countermark.store.exchange.recent import SOON, Recent


def joined(one: Store) -> Joined:
    filters = Filters(versions=("all",))
    return one.store.objects.joined(COLLECTION.collection_id, filters, after=None, limit=3)


def test_a_kept_page_is_the_page_after_every_change_by_anybody(database_url: str) -> None:
    """Two stores on one database, as two processes have them."""
    chance = random.Random(5)
    known = [new_id() for _ in range(4)]
    with store_at(database_url) as one, store_at(database_url) as other:
        for step in range(60):
            writer = chance.choice([one, other])
            stix_id = chance.choice(known)
            if chance.random() < 0.3:
                writer.delete(stix_id, versions=("all",) if chance.random() < 0.5 else ("last",))
            elif chance.random() < 0.7:
                writer.add(prepare(stix_id, f"2026-01-01T00:00:{step:02}Z"))
            for reader in (one, other):
                if reader is not writer:
                    time.sleep(2 * SOON)  # what the other did counts then
                page, kept = reader.page(limit=3, versions=("all",)), joined(reader)
                assert kept.positions == page.positions
                assert kept.owners == page.owners
                assert kept.data == b",".join(row.data for row in page.rows)
                assert kept.more == page.more
                assert kept.steps == page.steps
                assert joined(reader) is kept


def test_positions_still_increase_after_deletions(database_url: str) -> None:
    with store_at(database_url) as one:
        first = one.add(prepare(stix_id := new_id()))[0].date_added or 0
        before = one.page(versions=("all",))
        for _ in range(3):
            one.delete(stix_id)
            last = one.add(prepare(stix_id))[0].date_added or 0
            assert last > first
            first = last
        assert len(before.rows) == len(one.page(versions=("all",)).rows) == 1


def test_a_page_at_hand_takes_no_query_and_is_none_once_something_changed(database_url: str) -> None:
    here, filters = COLLECTION.collection_id, Filters(versions=("all",))
    with store_at(database_url) as one:
        objects, stix_id = one.store.objects, new_id()
        joined(one)
        key = objects.key(here, filters, after=None, limit=3)
        assert key is not None

        def kept(asked: float) -> Joined | None:
            return objects.kept(key, asked)

        for _ in range(2):
            now = time.monotonic()
            one.add(prepare(stix_id))
            assert not objects.is_current(key, now)
            assert kept(now) is None
            page = joined(one)
            objects.refresh(here)  # or before, where it was quick
            assert objects.is_current(key, now)
            assert kept(now) is page
            assert kept(now + 60) is None
            one.delete(stix_id)
            assert kept(now) is None


def test_what_many_ask_for_at_once_is_asked_once() -> None:
    asked: list[str] = []

    def slow(key: str) -> int:
        time.sleep(0.1)
        asked.append(key)
        return len(asked)

    async def ask() -> list[object]:
        work = Work(Settings())
        all_of_a = [asyncio.create_task(work.once(slow, "a")) for _ in range(5)]
        other = asyncio.create_task(work.once(slow, "b"))
        await asyncio.sleep(0.02)
        all_of_a[0].cancel()  # whoever goes leaves the others theirs
        found = await asyncio.gather(*all_of_a, other, return_exceptions=True)
        await work.once(slow, "a")
        work.close()
        return list(found)

    found = asyncio.run(ask())
    assert isinstance(found[0], asyncio.CancelledError)
    assert len(set(found[1:5])) == 1
    assert sorted(asked) == ["a", "a", "b"]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MOST_BYTES", 11_000)
    monkeypatch.setattr(recent, "_MOST_OF_ONE", 5_000)
    kept = Recent()
    keys = [(1, Filters(), after, 100) for after in range(10)]
    long = (1, Filters(ids=("long",) * 1000), 0, 100)
    for key in keys[:5]:
        kept.put(key, 1, Joined([], (0, 0), (), {}, (b"x" * 2_000,), False))
        kept.get(keys[0], 1)
    assert [at for at in range(5) if kept.get(keys[at], 1)] == [0, 3, 4]
    kept.put(keys[9], 1, Joined([], (0, 0), (), {}, (b"x" * 6_000,), False))
    assert kept.get(keys[9], 1) is None
    assert kept.get(keys[4], 2) is None
    kept.put(long, 1, Joined([], (0, 0), (), {}, (b"",), False))
    assert kept.get(long, 1) is None
    for change in range(100):
        kept.put(keys[4], change, Joined([], (0, 0), (), {}, (b"x" * change,), False))
    assert [at for at in range(5) if kept.get(keys[at], 1) or kept.get(keys[at], 99)] == [0, 3, 4]


def test_a_kept_page_gives_no_right(each_exchange: Exchange) -> None:
    each_exchange.post([indicator(0)])
    for who in ("bob", "operator", "alice", "bob"):
        assert len(ids(each_exchange.get("objects/", who))) == 1
    assert each_exchange.get("objects/", "carol").status_code == 404
    store, bob = each_exchange.store, each_exchange.members["bob"]
    store.collections.grant(SHARED, member_id=bob, read=False, write=True)
    assert each_exchange.get("objects/", "bob").status_code == 403
    each_exchange.tokens["scoped"] = store.members.add_token(
        each_exchange.members["alice"], ["read"], collections=[HIDDEN]
    )[1]
    assert each_exchange.get("objects/", "scoped").status_code == 404
    assert [one[0] for one in each_exchange.audit.reads] == ["bob", "operator", "bob"]


def test_a_revocation_and_a_deletion_show_in_the_next_answer(each_exchange: Exchange) -> None:
    each_exchange.post([indicator(0), indicator(1)])
    assert "revoked" not in each_exchange.get("objects/", "bob").text
    each_exchange.post([indicator(0, 5, revoked=True)])
    assert [one.get("revoked") for one in each_exchange.get("objects/", "bob").json()["objects"]] == [
        None,
        True,
    ]
    path = f"/exchange/collections/{SHARED}/objects/{indicator(1)['id']}/"
    assert each_exchange.ask("alice", "DELETE", path).status_code == 200
    assert ids(each_exchange.get("objects/", "bob")) == [indicator(0)["id"]]
    path = f"/exchange/collections/{SHARED}/objects/{indicator(0)['id']}/"
    assert each_exchange.ask("operator", "DELETE", path).status_code == 200
    assert each_exchange.get("objects/", "bob").json() == {}


def test_a_revoked_token_works_no_longer_though_its_answer_was_kept(database_url: str) -> None:
    store = ExchangeStore.open(database_url)
    member = store.members.add("ada", "member").member_id
    token_id, token = store.members.add_token(member, ["read"])
    assert not store.members.is_at_hand(token)
    assert store.members.authenticate(token, datetime.now(UTC)) is not None
    assert store.members.is_at_hand(token)
    store.members.revoke_token(token_id)
    assert store.members.authenticate(token, datetime.now(UTC)) is None
    assert (
        store.members.authenticate(token[:-1] + ("A" if token[-1] != "A" else "B"), datetime.now(UTC)) is None
    )
    store.close()
