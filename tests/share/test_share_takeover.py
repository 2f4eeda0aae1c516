"""Nobody speaks for another member: versions, revocations, creators."""

from typing import Any

import pytest
from exchange_parties import OTHER, RELEASED, SHARED, Exchange, ids, indicator
from stores import Exchange as Store
from stores import exchange as store_at
from stores import new_id, prepare

from countermark.share.server.creators import NOT_YOURS
from countermark.store.exchange.adding import OF_ANOTHER, OTHER_BYTES

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
ID = indicator(0)["id"]
FORGED = [
    indicator(0, 9, pattern="[ipv4-addr:value = '192.0.2.1']"),
    indicator(0, 9, revoked=True),
    indicator(0, 0, name="other bytes of the same version"),
    indicator(0, 1, created="2025-01-01T00:00:00.000Z", modified="2025-01-01T00:00:00.000Z"),
]


def problems(one: Store, *objects: Any, who: str) -> list[str]:
    return [outcome.problem for outcome in one.add(*objects, who=who)]


def test_an_id_belongs_to_who_first_added_it(database_url: str) -> None:
    stix_id, scoped = new_id(), new_id("ipv4-addr")
    with store_at(database_url) as one:
        one.add(first := prepare(stix_id, LATE), prepare(scoped, None))
        for who in ("bob", "op"):
            found = problems(
                one,
                prepare(stix_id, "2026-03-01T00:00:00Z"),
                prepare(stix_id, EARLY),
                prepare(stix_id, LATE, pad="x"),
                prepare(scoped, None, pad="x"),
                first,
                mine := prepare(new_id(), EARLY),
                prepare(mine.stix_id, LATE),
                who=who,
            )
            assert found == [OF_ANOTHER] * 4 + [""] * 3
            assert problems(one, prepare(mine.stix_id, EARLY), who="ada") == [""]
        assert problems(one, prepare(stix_id, LATE, pad="x"), who="ada") == [OTHER_BYTES]
        assert [row.version for row in one.walk(ids=(stix_id,), versions=("all",))] == [LATE]
        assert problems(one, prepare(stix_id, "2026-03-01T00:00:00Z"), who="ada") == [""]


@pytest.mark.parametrize("who", ["ada", "op"])
def test_what_was_deleted_is_still_its_creators(database_url: str, who: str) -> None:
    stix_id = new_id()
    with store_at(database_url) as one:
        one.add(first := prepare(stix_id, EARLY), prepare(stix_id, LATE))
        assert one.delete(stix_id, who, versions=("all",)) == 2
        for other in ("bob", "op"):
            assert problems(one, first, prepare(stix_id, LATE, pad="x"), who=other) == [OF_ANOTHER] * 2
        assert problems(one, first, who="ada") == [""]
        assert problems(one, first, prepare(stix_id, LATE), who="bob") == ["", OF_ANOTHER]


def failed(answer: Any) -> list[str]:
    assert answer.status_code == 202
    return [one["message"] for one in answer.json().get("failures", [])]


@pytest.mark.parametrize("who", ["bob", "operator"])
def test_pollers_see_what_the_creator_said(each_exchange: Exchange, who: str) -> None:
    each_exchange.post([indicator(0)])
    before = each_exchange.get("objects/?match[version]=all", "bob").content
    for forged in FORGED:
        assert failed(each_exchange.post([forged], who)) == [OF_ANOTHER]
    assert each_exchange.get("objects/?match[version]=all", "bob").content == before
    assert failed(each_exchange.post([indicator(0)], who)) == []
    assert failed(each_exchange.post([indicator(0, 9, revoked=True)])) == []
    assert each_exchange.get("objects/", "bob").json()["objects"][0]["revoked"] is True
    if who == "operator":
        assert (
            each_exchange.ask(who, "DELETE", f"/exchange/collections/{SHARED}/objects/{ID}/").status_code
            == 200
        )
        assert ids(each_exchange.get("objects/", "bob")) == []


@pytest.mark.parametrize("collection", [SHARED, RELEASED])
@pytest.mark.parametrize("who", ["bob", "operator"])
def test_nothing_is_taken_in_another_members_name(each_exchange: Exchange, who: str, collection: str) -> None:
    alice = each_exchange.members["alice"]
    times = {"created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}
    identity = {"type": "identity", "spec_version": "2.1", "id": alice, "name": "alice", **times}
    forged = [indicator(1, created_by_ref=alice), identity]
    assert failed(each_exchange.post(forged, who, collection)) == [NOT_YOURS] * 2


def test_ones_own_name_strangers_names_and_copies_are_taken(each_exchange: Exchange) -> None:
    alice, bob = (each_exchange.members[name] for name in ("alice", "bob"))
    stranger = "identity--11111111-1111-4111-8111-111111111111"
    times = {"created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}
    identity = {"type": "identity", "spec_version": "2.1", "id": bob, "name": "bob", **times}
    ours = [indicator(1, created_by_ref=bob), indicator(2, created_by_ref=stranger), identity]
    assert failed(each_exchange.post(ours, "bob")) == []
    theirs = indicator(3, created_by_ref=alice)
    each_exchange.post([theirs])
    assert failed(each_exchange.post([theirs], "bob")) == []
    assert failed(each_exchange.post([theirs], "bob", OTHER)) == [NOT_YOURS]
