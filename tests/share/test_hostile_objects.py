"""Objects and texts made to do harm, to a server that runs on either database: refused, nothing stays."""

import base64
import json
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from exchange_parties import indicator
from hostile_wire import OBJECTS, ask, connection, head, post, post_head, statuses, unharmed, warm
from servers import Server

WELL = json.dumps({"objects": [indicator(1)]}).encode()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on each kind of database."""
    url = None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres_server")
        with psycopg.connect(postgres.get_uri(), autocommit=True) as made:
            made.execute("CREATE DATABASE hostile TEMPLATE template0")
        url = postgres.get_uri(database="hostile").replace("postgresql://", "postgresql+psycopg://")
    with warm(tmp_path_factory.mktemp("hostile"), url) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The server, which has to be well afterwards."""
    with unharmed(running):
        yield running


SPOILED = {
    "bad UTF-8": WELL.replace(b"indicator", b"\xff\xfe", 1),
    "overlong": WELL.replace(b"stix", b"\xc0\xafix"),
    "surrogates in UTF-8": WELL.replace(b"stix", b"\xed\xa0\x80"),
    "UTF-16": WELL.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + WELL,
    "NUL": WELL.replace(b"stix", b"\x00"),
    "a member twice": WELL.replace(b'"type": "indicator"', b'"type": "malware", "type": "indicator"'),
    "objects twice": b'{"objects":[],' + WELL[1:],
    "a number of 10^6 digits": WELL.replace(b'"stix"', b"9" * 1_000_000),
    "NaN": WELL.replace(b'"stix"', b"NaN"),
    "two documents": WELL + WELL,
    "nothing": b"",
    "a list": b"[" + WELL + b"]",
    "a StixBundle": WELL.replace(b"{", b'{"type": "bundle", ', 1),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_no_plain_json_is_refused_whole(server: Server, name: str) -> None:
    assert post(server, SPOILED[name]) == 422


@pytest.mark.parametrize(
    "spoiled",
    [
        {"id": "indicator--\x00"},
        {"id": "\ud800"},
        {"type": "indicator\x00"},
        {"name": "a\x00b"},
        {"name": "a\ud800b"},
        {"confidence": 10**300},
        {"confidence": 1e308},
        {"modified": "9999-99-99T00:00:00Z"},
        {"modified": "2026-01-01T00:00:00." + "0" * 5000 + "Z"},
        {"valid_from": "0000-01-01T00:00:00Z"},
        {"pattern": "[" * 5000},
        {"pattern": "[ipv4-addr:value MATCHES '" + "(a+)+" * 500 + "$']"},
        {"id": "indicator--" + "a" * 5000},
        {"labels": ["a" * 1000] * 900},
        {"extensions": {"extension-definition--" + str(uuid.UUID(int=5, version=4)): {"a": None}}},
        {"object_marking_refs": ["marking-definition--" + "0" * 36] * 10_000},
        {"__proto__": {"a": 1}, "constructor": 1},
    ],
    ids=lambda one: f"{next(iter(one))}-{len(json.dumps(one))}",
)
def test_an_object_that_is_spoiled_does_not_take_the_others_along(
    server: Server, spoiled: dict[str, object]
) -> None:
    good = indicator(uuid.uuid4().int >> 100)
    answer = server.post("alice", good, indicator(uuid.uuid4().int >> 100) | spoiled)
    if answer.status_code == 422:  # nothing of it was taken
        assert server.get("alice", f"objects/{good['id']}/").status_code == 404
    else:
        assert answer.status_code == 202, answer.text
        assert {good["id"]} <= {one["id"] for one in answer.json()["successes"]}
        assert server.ask("alice", "GET", f"/exchange/status/{answer.json()['id']}/").json() == answer.json()
        assert server.get("alice", f"objects/{good['id']}/").json()["objects"] == [good]


@pytest.mark.parametrize("path", ["disputes", "releases"])
def test_the_endpoints_beside_taxii_hold_out_too(server: Server, path: str) -> None:
    deep = b"[" * 1_000_000
    texts = (b'{"object_id":"\\u0000"}', b'{"payload":"\\u0000","payloadType":"\\ud800","signatures":[{}]}')
    for body in (*SPOILED.values(), deep, b'{"object_id":' + deep, *texts):
        assert post(server, body, path=f"/exchange-api/v1/{path}") == 422


@pytest.mark.parametrize(
    "path",
    [
        "/exchange-api/v1/releases/%00",
        "/exchange-api/v1/releases/%ff%fe",
        "/exchange-api/v1/disputes/%00",
        "/exchange-api/v1/audit/entries/%00/proof",
        "/exchange/status/%00/",
        "/exchange/collections/%00/",
        "/exchange/collections/%ed%a0%80/objects/",
        "/%00/collections/",
        f"{OBJECTS}indicator--%00/",
        f"{OBJECTS}?match[id]=%00",
        f"{OBJECTS}?match[type]=a%00b",
        f"{OBJECTS}?match[version]=%ff",
        f"{OBJECTS}?next=%00",
        f"{OBJECTS}?added_after=9999-12-31T23:59:59.999999Z&match[version]=0001-01-01T00:00:00Z",
    ],
)
def test_no_text_in_a_url_upsets_a_database(server: Server, path: str) -> None:
    answer = statuses(ask(server, head(server, "GET", path, "Connection: close")))
    assert answer in ([404], [400], [200] if "9999" in path else [400])


@pytest.mark.parametrize("token", ["cmx_\0", "cmx_aaaaaaaaaaaa_\0", "\0", "a:\ud800", ":cmx_" + "a" * 5000])
def test_no_credentials_upset_a_database(server: Server, token: str) -> None:
    coded = base64.b64encode(f"alice:{token}".encode("utf-8", "surrogatepass")).decode()
    plain = token.encode("utf-8", "surrogatepass").decode("latin-1")
    for text in (coded, plain):  # those of Basic are in test_share_basic.py
        line = f"Authorization: Bearer {text}"
        answer = ask(server, head(server, "GET", OBJECTS, line, "Connection: close", who=""))
        assert statuses(answer) == [400 if "\0" in text else 401]


def test_a_body_that_stops_half_way_leaves_nothing(server: Server) -> None:
    with connection(server) as made:
        made.sendall(post_head(server, f"Content-Length: {len(WELL) * 2}") + WELL)
    new = indicator(77_777)
    body = json.dumps({"objects": [new]}).encode()
    with connection(server) as made:
        made.sendall(post_head(server, "Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(body), body))
    assert server.get("alice", f"objects/{new['id']}/").status_code == 404
