"""Discovery, API roots, collections: sections 4.1, 4.2, 5.1, 5.2."""

from pathlib import Path

from exchange_parties import HIDDEN, OTHER, READ_ONLY, RELEASED, SHARED, WRITE_ONLY, Exchange, exchange_at

from countermark.records.exchange import Collection


def test_4_1_1_discovery_names_relative_roots_and_a_default_among_them(exchange: Exchange) -> None:
    found = exchange.ask("alice", "GET", "/taxii2/").json()
    assert found == {"title": "Countermark exchange", "default": "/exchange/", "api_roots": ["/exchange/"]}


def test_4_1_1_discovery_names_https_urls_where_a_public_url_is_set(tmp_path: Path) -> None:
    with exchange_at(
        f"sqlite:///{tmp_path / 'x'}", public_url="https://x.example/", contact="us"
    ) as exchange:
        found = exchange.ask("alice", "GET", "/taxii2/").json()
    assert found["default"] == "https://x.example/exchange/"
    assert found["api_roots"] == [found["default"]]
    assert found["contact"] == "us"


def test_4_2_1_an_api_root_names_the_version_and_the_longest_body(exchange: Exchange) -> None:
    found = exchange.ask("alice", "GET", "/exchange/").json()
    assert found == {
        "title": "Countermark exchange",
        "versions": ["application/taxii+json;version=2.1"],
        "max_content_length": 8 << 20,
    }


def test_another_api_root_is_there_for_who_has_a_collection_in_it(exchange: Exchange) -> None:
    there = "77777777-7777-4777-8777-777777777777"
    exchange.store.collections.add(Collection(collection_id=there, api_root="inner", title="t"))
    exchange.store.collections.grant(there, member_id=exchange.members["bob"], read=True, write=False)
    assert exchange.ask("bob", "GET", "/taxii2/").json()["api_roots"] == ["/exchange/", "/inner/"]
    assert exchange.ask("alice", "GET", "/taxii2/").json()["api_roots"] == ["/exchange/"]
    for path in ("", "collections/", f"collections/{there}/", f"collections/{SHARED}/"):
        assert exchange.ask("alice", "GET", f"/inner/{path}").status_code == 404
    assert exchange.ask("bob", "GET", f"/inner/collections/{there}/").status_code == 200
    assert exchange.ask("bob", "GET", f"/inner/collections/{SHARED}/").status_code == 404
    assert exchange.ask("bob", "GET", f"/exchange/collections/{there}/").status_code == 404


def test_5_1_collections_are_those_of_the_caller_in_one_order(exchange: Exchange) -> None:
    found = exchange.ask("alice", "GET", "/exchange/collections/").json()["collections"]
    assert [one["id"] for one in found] == sorted([SHARED, OTHER, READ_ONLY, WRITE_ONLY, RELEASED])
    flags = {one["id"]: (one["can_read"], one["can_write"]) for one in found}
    assert flags[SHARED] == (True, True)
    assert flags[READ_ONLY] == (True, False)
    assert flags[WRITE_ONLY] == (False, True)
    everything = exchange.ask("operator", "GET", "/exchange/collections/").json()["collections"]
    assert HIDDEN in {one["id"] for one in everything}


def test_5_1_1_no_collections_are_an_empty_object(exchange: Exchange) -> None:
    assert exchange.ask("carol", "GET", "/exchange/collections/").content == b"{}"


def test_5_2_1_a_collection_and_its_alias(exchange: Exchange) -> None:
    by_id = exchange.ask("alice", "GET", f"/exchange/collections/{SHARED}/")
    assert by_id.json() == {
        "id": SHARED,
        "title": "collection 91a7",
        "alias": "common",
        "can_read": True,
        "can_write": True,
        "media_types": ["application/stix+json;version=2.1"],
    }
    assert exchange.ask("alice", "GET", "/exchange/collections/common/").content == by_id.content


def test_5_2_names_are_compared_exactly(exchange: Exchange) -> None:
    for name in (SHARED.upper(), SHARED[:-1], "Common", "x" * 200, "-", "%2E%2E", "...", "%C3%A9"):
        assert exchange.ask("alice", "GET", f"/exchange/collections/{name}/x/").status_code == 404
        assert exchange.ask("alice", "GET", f"/exchange/collections/{name}/objects/").status_code == 404
