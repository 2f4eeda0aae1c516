"""Order, dates, limits and pages: sections 3.2, 3.3, 3.4, 3.5, Appendix B."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from exchange_parties import OTHER, SHARED, Exchange, exchange_at, ids, indicator, walk

FIRST, LAST = "X-TAXII-Date-Added-First", "X-TAXII-Date-Added-Last"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
EPOCH = "1970-01-01T00:00:00.000000Z"
ID = indicator(0)["id"]
PAGED = ["manifest/", "objects/", f"objects/{ID}/?match[version]=all", f"objects/{ID}/versions/"]


@pytest.fixture
def five(exchange: Exchange) -> Exchange:
    """Five objects, of which the first has five versions."""
    for version in (4, 2, 0, 3, 1):
        assert exchange.post([indicator(0, version)]).status_code == 202
    assert exchange.post([indicator(n) for n in (3, 1, 4, 2)], "bob").status_code == 202
    return exchange


def joined(path: str, more: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{more}"


def items(page: Any) -> list[Any]:
    body = page.json()
    return list(body.get("objects", body.get("versions", [])))


def test_3_3_objects_come_in_order_of_arrival(five: Exchange) -> None:
    order = [indicator(n)["id"] for n in (0, 3, 1, 4, 2)]
    assert ids(five.get("objects/")) == ids(five.get("manifest/")) == order
    dates = [one["date_added"] for one in five.get("manifest/?match[version]=all").json()["objects"]]
    assert len(dates) == 9
    assert dates == sorted(set(dates))
    assert all(STAMP.fullmatch(one) for one in dates)


@pytest.mark.parametrize("path", PAGED)
def test_3_2_dates_are_those_of_the_first_and_last_object(five: Exchange, path: str) -> None:
    page = five.get(joined(path, "limit=3"))
    dates = five.dates()
    first, last = page.headers[FIRST], page.headers[LAST]
    newest_only = path in ("manifest/", "objects/")
    assert (dates.index(first), dates.index(last)) == (0, 6 if newest_only else 2)
    following = five.get(joined(path, f"limit=3&next={page.json()['next']}"))
    assert following.headers[FIRST] > last


@pytest.mark.parametrize("path", PAGED)
def test_3_2_an_empty_200_has_both_dates_that_may_be_sent_back(five: Exchange, path: str) -> None:
    late = "2999-01-01T00:00:00.000000Z"
    page = five.get(joined(path, f"added_after={late}"))
    assert (page.status_code, page.content) == (200, b"{}")
    assert (page.headers[FIRST], page.headers[LAST]) == (late, late)


def test_3_2_an_empty_collection_has_dates_too(exchange: Exchange) -> None:
    page = exchange.get("objects/")
    assert (page.content, page.headers[FIRST], page.headers[LAST]) == (b"{}", EPOCH, EPOCH)


@pytest.mark.parametrize("path", PAGED)
def test_3_4_limit_is_kept_and_more_is_told(five: Exchange, path: str) -> None:
    for limit in (1, 2, 4, 5, 6, 1000, 2**53 - 1):
        page = five.get(joined(path, f"limit={limit}"))
        assert len(items(page)) == min(limit, 5)
        assert page.json().get("more", False) == (limit < 5)
        assert ("next" in page.json()) == (limit < 5)


@pytest.mark.parametrize("path", PAGED)
def test_3_5_pages_together_are_the_whole(five: Exchange, path: str) -> None:
    whole = items(five.get(path))
    name = "versions" if "versions/" in path else "objects"
    for limit in (1, 2, 3):
        assert walk(five.get, joined(path, f"limit={limit}"), name) == whole


def test_3_5_the_servers_own_limit_holds_without_one_and_above_it(tmp_path: Path) -> None:
    with exchange_at(f"sqlite:///{tmp_path / 'x'}", page_limit=2, most_per_page=3) as exchange:
        exchange.post([indicator(n) for n in range(5)])
        assert [len(items(exchange.get(f"objects/{q}"))) for q in ("", "?limit=4", "?limit=1")] == [2, 3, 1]
        assert exchange.get("objects/?limit=5").json()["more"] is True


def test_3_5_added_after_alone_reaches_everything_once(five: Exchange) -> None:
    found, after = [], ""
    while page := five.get(f"objects/?limit=2&match[version]=all{after}"):
        found += items(page)
        after = f"&added_after={page.headers[LAST]}"
        if not page.json():
            break
    assert len(found) == 9


def test_3_5_next_works_again_and_with_another_limit(five: Exchange) -> None:
    token = five.get("objects/?limit=2").json()["next"]
    first, again = (five.get(f"objects/?limit=2&next={token}") for _ in range(2))
    assert first.content == again.content
    assert items(five.get(f"objects/?limit=3&next={token}"))[:2] == items(first)


def test_3_5_new_objects_come_on_a_later_page(five: Exchange) -> None:
    page = five.get("objects/?limit=4").json()
    five.post([indicator(9)], "bob")
    rest = five.get(f"objects/?limit=4&next={page['next']}")
    assert ids(rest) == [indicator(2)["id"], indicator(9)["id"]]


def test_3_5_no_object_that_was_there_all_along_is_missed(five: Exchange) -> None:
    page = five.get("objects/?limit=2").json()
    five.post([indicator(0, 9), indicator(4, 9)], "bob")
    rest = ids(five.get(f"objects/?next={page['next']}"))
    assert set(rest) | {one["id"] for one in page["objects"]} == {indicator(n)["id"] for n in range(5)}


FOREIGN = [
    ("objects/", "manifest/?limit=2", "alice", SHARED),
    ("objects/", "objects/?limit=2", "bob", SHARED),
    ("objects/", "objects/?limit=2", "alice", OTHER),
    ("objects/", "objects/?limit=2&match[type]=indicator", "alice", SHARED),
    ("objects/?match[type]=malware", "objects/?limit=2&match[type]=indicator", "alice", SHARED),
    ("objects/", f"objects/?limit=2&added_after={EPOCH}", "alice", SHARED),
    ("objects/", f"objects/{ID}/versions/?limit=2", "alice", SHARED),
    (f"objects/{ID}/", f"objects/{ID}/?limit=2&match[version]=all", "alice", SHARED),
    (f"objects/{ID}/versions/", f"objects/{ID}/?limit=2&match[version]=all", "alice", SHARED),
]


@pytest.mark.parametrize(("path", "source", "who", "collection"), FOREIGN)
def test_b_next_of_another_query_collection_endpoint_or_member_is_refused(
    five: Exchange, path: str, source: str, who: str, collection: str
) -> None:
    five.post([indicator(n) for n in range(20, 24)], "bob", OTHER)
    token = five.get(source, who, collection).json()["next"]
    found = five.get(joined(path, f"next={token}"))
    assert found.status_code == 400
    assert "objects" not in found.json()


def test_b_a_damaged_next_is_refused(five: Exchange) -> None:
    token = five.get("objects/?limit=2").json()["next"]
    raw = base64.urlsafe_b64decode(token)
    damaged = [token[:-1], token + "A", token[:-1] + "=", "", "A" * 32, "é" * 32, token.upper()]
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(base64.urlsafe_b64encode(flipped).decode())
    for one in damaged:
        assert five.get("objects/", params={"next": one}).status_code == 400


def test_5_7_an_older_next_does_not_give_what_was_deleted(five: Exchange) -> None:
    token = five.get("objects/?limit=2").json()["next"]
    gone = indicator(1)["id"]
    assert five.ask("bob", "DELETE", f"/exchange/collections/{SHARED}/objects/{gone}/").status_code == 200
    assert ids(five.get(f"objects/?next={token}")) == [indicator(n)["id"] for n in (4, 2)]
