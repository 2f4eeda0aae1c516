"""Pages out of segments, by HTTP: the same objects, nothing that is gone, and every read in the log."""

from collections.abc import Callable
from typing import Any

import pytest
from exchange_parties import OTHER, Exchange, ids, indicator, walk

from countermark.store.exchange import segments
from countermark.store.exchange.segments import Read

COUNT = 30


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Objects of each page that came out of segments."""
    monkeypatch.setattr(segments, "SIZE", 3)
    found: list[int] = []

    def counting(page: Callable[..., Read | None]) -> Callable[..., Read | None]:
        def counted(*asked: Any) -> Read | None:
            made = page(*asked)
            found.extend([len(made.steps)] if made else [])
            return made

        return counted

    monkeypatch.setattr(segments, "_page", counting(segments._page))
    return found


def test_a_walk_is_the_same_and_every_read_is_logged(each_exchange: Exchange, given: list[int]) -> None:
    order = [indicator(number)["id"] for number in range(COUNT)]
    for number in range(COUNT):
        each_exchange.post([indicator(number)], "bob" if number % 7 == 3 else "alice")
    assert each_exchange.store.segments.make()
    for _ in range(5):  # the first on PostgreSQL go through threads
        each_exchange.audit.reads.clear()
        walked = walk(lambda path: each_exchange.get(path, "bob"), "objects/?limit=4")
        assert [one["id"] for one in walked] == order
        read = [position for _, _, positions, _ in each_exchange.audit.reads for position in positions]
        assert len(read) == len(set(read)) == len([at for at in range(COUNT) if at % 7 != 3])
    assert given.count(4) > 5
    assert ids(each_exchange.get("objects/?limit=4", collection=OTHER)) == []


def test_what_is_gone_or_revised_is_given_by_no_segment(each_exchange: Exchange, given: list[int]) -> None:
    order = [indicator(number)["id"] for number in range(COUNT)]
    each_exchange.post([indicator(number) for number in range(COUNT)])
    for gone, revised in ((2, 3), (9, 20), (21, 4), (0, 1)):
        assert each_exchange.store.segments.make()
        assert (
            each_exchange.ask(
                "alice", "DELETE", f"/exchange/collections/{'common'}/objects/{indicator(gone)['id']}/"
            ).status_code
            == 200
        )
        assert each_exchange.post([indicator(revised, 5)]).status_code == 202
        order.remove(indicator(gone)["id"])
        order.remove(indicator(revised)["id"])
        order.append(indicator(revised)["id"])
        for who in ("bob", "alice"):
            walked = walk(lambda path, who=who: each_exchange.get(path, who), "objects/?limit=5")  # type: ignore[misc]
            assert [one["id"] for one in walked] == order
    assert given


def test_filters_and_manifests_go_their_own_way(each_exchange: Exchange, given: list[int]) -> None:
    each_exchange.post([indicator(number) for number in range(COUNT)])
    each_exchange.post([indicator(3, 1)])
    assert each_exchange.store.segments.make()
    for path in (
        "manifest/?limit=4",
        "objects/?limit=4&match[version]=all",
        "objects/?limit=4&match[type]=x",
    ):
        each_exchange.get(path, "bob")
    assert given == []
    assert len(walk(each_exchange.get, "objects/?limit=4&match[version]=all")) == COUNT + 1
    late = each_exchange.dates()[9]
    assert ids(each_exchange.get(f"objects/?limit=4&added_after={late}")) == [
        indicator(number)["id"] for number in range(10, 14)
    ]
