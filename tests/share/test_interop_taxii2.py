"""`taxii2-client` and `stix2`'s TAXII store, as others run them, against a server that runs.

They show a bearer token, as the server's defaults ask; their users and passwords are in test_share_basic.py.
"""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import requests
import stix2
from bearer import Bearer
from exchange_parties import indicator
from servers import HIDDEN, SHARED, Server, serving
from stix2.datastore import DataSourceError
from taxii2client.common import TokenAuth
from taxii2client.exceptions import AccessError
from taxii2client.v21 import ApiRoot, Collection, as_pages
from taxii2client.v21 import Server as Discovery

MANY = 25
TOTAL = MANY + 4
"""Versions stored: `MANY` indicators, two later versions of the first, a marking, an address."""
MARKING = {
    "type": "marking-definition",
    "spec_version": "2.1",
    "id": "marking-definition--6f4d1a0e-4b8a-4a6c-9b55-2f6a0b0c1d2e",
    "created": "2026-01-01T00:00:00.000Z",
    "definition_type": "statement",
    "definition": {"statement": "of the exchange"},
}
ADDRESS = {
    "type": "ipv4-addr",
    "spec_version": "2.1",
    "id": "ipv4-addr--dc63603e-e634-5357-b239-d4b562bc5445",
    "value": "198.51.100.7",
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that pages at ten, with what alice posted; nothing of it is changed by the tests."""
    url = None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres_server")
        with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE interop TEMPLATE template0")
        url = postgres.get_uri(database="interop").replace("postgresql://", "postgresql+psycopg://")
    settings = "[taxii]\npage_limit = 10\nmost_per_page = 10\n"
    with serving(tmp_path_factory.mktemp("interop"), url, settings=settings) as running:
        assert running.post("alice", *(indicator(n) for n in range(MANY))).json()["success_count"] == MANY
        assert running.post("alice", indicator(0, 2), MARKING, ADDRESS).json()["failure_count"] == 0
        assert running.post("alice", indicator(0, 1)).json()["failure_count"] == 0
        yield running


def collection(server: Server, who: str = "bob", name: str = SHARED) -> Collection:
    return Collection(f"{server.url}/exchange/collections/{name}/", auth=Bearer(server.tokens[who]))


def fresh(number: int, version: int = 0) -> Any:
    """An indicator that no test but one posts."""
    return stix2.parse(indicator(1000 + number, version))


def test_discovery_root_and_collections_are_found(server: Server) -> None:
    found = Discovery(f"{server.url}/taxii2/", auth=Bearer(server.tokens["alice"]))
    assert found.default.url == found.api_roots[0].url == f"{server.url}/exchange/"
    root = found.default
    assert root.versions == ["application/taxii+json;version=2.1"]
    assert root.max_content_length > 0
    shared = next(one for one in root.collections if one.id == SHARED)
    assert (shared.title, shared.can_read, shared.can_write) == ("Shared", True, True)
    assert shared.media_types == ["application/stix+json;version=2.1"]
    assert len(shared.get_objects()["objects"]) == 10


def test_what_is_not_granted_is_not_there_for_it(server: Server) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        collection(server, "carol").refresh()
    assert caught.value.response.status_code == 404
    with pytest.raises(requests.HTTPError):
        collection(server, "alice", HIDDEN).get_objects()
    with pytest.raises(AccessError):
        collection(server, "reader").add_objects({"objects": [indicator(1)]})


@pytest.mark.parametrize("login", ["wrong", "password", "token"])
def test_whoever_shows_no_bearer_token_that_holds_is_told_to(server: Server, login: str) -> None:
    """The last two are the ways of its own that taxii2-client has."""
    token = server.tokens["alice"]
    logins: dict[str, dict[str, Any]] = {
        "wrong": {"auth": Bearer("cmx_wrong")},
        "password": {"user": "alice", "password": token},
        "token": {"auth": TokenAuth(token)},
    }
    with pytest.raises(requests.HTTPError) as caught:
        ApiRoot(f"{server.url}/exchange/", **logins[login]).refresh()
    assert caught.value.response.status_code == 401
    assert caught.value.response.headers["www-authenticate"] == 'Bearer realm="countermark"'


@pytest.mark.parametrize("per_request", [0, 3, 7, 10, 1000])
def test_pages_of_objects_and_manifest_give_everything_once(server: Server, per_request: int) -> None:
    for ask in (collection(server).get_objects, collection(server).get_manifest):
        pages = list(as_pages(ask, per_request, version="all"))
        every = [one for page in pages for one in page["objects"]]
        found = [(one["id"], one.get("version", one.get("modified"))) for one in every]
        assert len(found) == len(set(found)) >= TOTAL
        assert found[:MANY] == [(indicator(n)["id"], indicator(n)["modified"]) for n in range(MANY)]


def test_versions_and_filters_are_sent_as_the_server_reads_them(server: Server) -> None:
    one, known = collection(server), indicator(0)["id"]
    assert one.object_versions(known)["versions"] == [
        indicator(0, version)["modified"] for version in (0, 2, 1)
    ]
    assert one.get_object(known)["objects"][0]["modified"] == indicator(0, 2)["modified"]
    every = one.get_object(known, version=["first", "last"])["objects"]
    assert {found["modified"] for found in every} == {indicator(0)["modified"], indicator(0, 2)["modified"]}
    kinds = one.get_objects(type=["ipv4-addr", "marking-definition"])["objects"]
    assert [found["id"] for found in kinds] == [MARKING["id"], ADDRESS["id"]]
    assert one.get_objects(id=known, spec_version="2.1")["objects"][0]["id"] == known
    last = one.get_manifest(id=ADDRESS["id"])["objects"][0]["date_added"]
    assert (
        one.get_objects(added_after=last, version="all")["objects"][0]["modified"]
        == (indicator(0, 1)["modified"])
    )
    assert one.get_objects(added_after=last, id=MARKING["id"]) == {}


def test_pages_of_versions(server: Server) -> None:
    pages = list(as_pages(lambda **more: collection(server).object_versions(indicator(0)["id"], **more), 2))
    assert [len(page["versions"]) for page in pages] == [2, 1]


def test_objects_are_added_polled_and_deleted(server: Server) -> None:
    alice, new = collection(server, "alice"), fresh(1)
    status = alice.add_objects({"objects": [json.loads(new.serialize()), {"type": "indicator", "id": "x"}]})
    assert (status.status, status.success_count, status.failure_count) == ("complete", 1, 1)
    assert status.failures[0]["message"]
    status.refresh()
    assert (status.total_count, status.success_count, status.pending_count) == (2, 1, 0)
    assert collection(server).get_object(new.id)["objects"] == [json.loads(new.serialize())]
    with pytest.raises(requests.HTTPError) as caught:
        collection(server).delete_object(new.id)
    assert caught.value.response.status_code == 403
    alice.delete_object(new.id)
    with pytest.raises(requests.HTTPError) as caught:
        alice.get_object(new.id)
    assert caught.value.response.status_code == 404


def test_stix2_reads_by_id_by_version_and_by_query(server: Server) -> None:
    source = stix2.TAXIICollectionSource(collection(server))
    assert source.get(indicator(0)["id"])["modified"] == stix2.utils.parse_into_datetime(
        indicator(0, 2)["modified"]
    )
    assert source.get("indicator--11111111-1111-4111-8111-111111111111") is None
    assert len(source.all_versions(indicator(0)["id"])) == 3
    assert [one.id for one in source.query([stix2.Filter("type", "=", "ipv4-addr")])] == [ADDRESS["id"]]
    both = [stix2.Filter("type", "=", "indicator"), stix2.Filter("valid_from", "<", "2027-01-01T00:00:00Z")]
    assert {one.id for one in source.query(both)} >= {indicator(n)["id"] for n in range(MANY)}
    assert source.query([stix2.Filter("type", "=", "malware")]) == []
    assert source.query([stix2.Filter("id", "=", MARKING["id"])])[0].definition_type == "statement"


def test_stix2_as_a_store_of_what_it_made_itself(server: Server) -> None:
    alice, new = collection(server, "alice"), fresh(2)
    alice.add_objects({"objects": [json.loads(one.serialize()) for one in (new, fresh(2, 5))]})
    store = stix2.TAXIICollectionStore(alice)
    assert store.get(new.id) == fresh(2, 5)
    assert {one.modified for one in store.all_versions(new.id)} == {new.modified, fresh(2, 5).modified}
    composite = stix2.CompositeDataSource()
    composite.add_data_sources([store.source, stix2.MemorySource([fresh(3)])])
    assert composite.get(fresh(3).id) == fresh(3)
    assert composite.get(new.id) == fresh(2, 5)


def test_the_sink_of_stix2_breaks_the_specification_and_is_told_so(server: Server) -> None:
    """It posts a StixBundle, where 5.5 has "clients MUST deliver all objects in a TAXII envelope"."""
    with pytest.raises(requests.HTTPError) as caught:
        stix2.TAXIICollectionSink(collection(server, "alice")).add(fresh(4))
    assert caught.value.response.status_code == 422
    assert 'send {"objects": […]}' in caught.value.response.json()["title"]
    assert stix2.TAXIICollectionSource(collection(server)).get(fresh(4).id) is None
    with pytest.raises(DataSourceError):
        stix2.TAXIICollectionSink(collection(server, "reader"))
