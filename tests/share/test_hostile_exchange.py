"""Bodies made to do harm, to a server that runs: refused, without much memory, and the next one is served."""

import gzip
import json
import uuid
import zlib
from collections.abc import Iterator

import psycopg
import pytest
from exchange_parties import indicator
from hostile_wire import Memory, ask, connection, is_well, post, post_head, rest, send, statuses
from servers import Server, serving

MIB = 1 << 20
HUNDRED = 100 * MIB
MOST = 8 * MIB
"""`max_content_length`, which the tests leave as it comes."""
SETTINGS = """
[limits]
caller_rate = 1000
caller_burst = 10000
[connection]
header_seconds = 5
body_seconds = 5
"""
WELL = json.dumps({"objects": [indicator(1)]}).encode()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose memory has the size that ordinary large bodies give it."""
    url = None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres_server")
        with psycopg.connect(postgres.get_uri(), autocommit=True) as made:
            made.execute("CREATE DATABASE hostile TEMPLATE template0")
        url = postgres.get_uri(database="hostile").replace("postgresql://", "postgresql+psycopg://")
    with serving(tmp_path_factory.mktemp("hostile"), url, settings=SETTINGS) as server:
        assert server.post("alice", indicator(0, description="a" * 500_000)).status_code == 202
        for _ in range(3):
            assert server.post("alice", *(indicator(n) for n in range(300))).status_code == 202
            is_well(server)
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The server, which has to be well afterwards, and to have logged no error of its own."""
    lines = len(running.log_lines)
    yield running
    is_well(running)
    new = indicator(uuid.uuid4().int >> 100)
    assert running.post("alice", new).json()["success_count"] == 1
    assert running.get("bob", f"objects/{new['id']}/").json()["objects"] == [new]
    assert not [one for one in running.log_lines[lines:] if '"error"' in one or "Traceback" in one]


def bomb(wbits: int) -> bytes:
    """200 MB of blanks, compressed."""
    packer = zlib.compressobj(9, wbits=wbits)
    return b"".join(packer.compress(b" " * MIB) for _ in range(200)) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "wbits", "status"),
    [
        ("gzip", 31, 415),
        ("deflate", 15, 415),
        ("br", 31, 415),
        ("zstd", 31, 415),
        ("gzip, gzip", 31, 415),
        ("identity", 31, 422),
        ("", 31, 422),
        ("", 15, 422),
    ],
)
def test_compressed_bodies_are_not_unpacked(server: Server, coding: str, wbits: int, status: int) -> None:
    memory = Memory(server.process.pid)
    lines = [f"Content-Encoding: {coding}"] if coding else []
    assert post(server, bomb(wbits), *lines) == status
    assert post(server, gzip.compress(WELL), *lines) == status
    assert memory.grown() < 6 * MIB


def test_a_compressed_transfer_is_no_way_in(server: Server) -> None:
    body = bomb(31)
    framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    for coding in ("gzip, chunked", "gzip"):
        found = statuses(ask(server, post_head(server, f"Transfer-Encoding: {coding}"), framed))
        assert found and found[0] in (400, 422)


def test_a_hundred_megabytes_announced_are_refused_at_once(server: Server) -> None:
    memory = Memory(server.process.pid)
    for more in ([], ["Expect: 100-continue"]):
        with connection(server) as made:
            made.sendall(post_head(server, f"Content-Length: {HUNDRED}", *more))
            assert statuses(rest(made)) == [413]
    block = b" " * 65536
    with connection(server) as made:
        sent = send(made, [post_head(server, f"Content-Length: {HUNDRED}"), *[block] * (HUNDRED // 65536)])
        assert statuses(rest(made)) in ([413], [])
    assert sent < 3 * MOST
    assert memory.grown() < 4 * MIB


@pytest.mark.parametrize("who", ["alice", "reader", ""])
def test_a_hundred_megabytes_in_chunks_fill_no_memory(server: Server, who: str) -> None:
    memory = Memory(server.process.pid)
    block = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with connection(server) as made:
        parts = [post_head(server, "Transfer-Encoding: chunked", who=who), *[block] * (HUNDRED // 65536)]
        sent = send(made, parts)
        found = statuses(rest(made))
    assert found in ([413 if who == "alice" else 403 if who else 401], [])
    assert sent < 4 * MOST
    assert memory.grown() < (MOST * 2 if who == "alice" else 2 * MIB)


def test_tiny_chunks_and_long_extensions_cost_no_more(server: Server) -> None:
    memory = Memory(server.process.pid)
    for block in (b"1\r\n \r\n" * 10_000, b"1;" + b"a" * 60_000 + b"\r\n \r\n"):
        with connection(server) as made:
            send(made, [post_head(server, "Transfer-Encoding: chunked"), *[block] * 200, b"0\r\n\r\n"])
            assert statuses(rest(made))[:1] in ([422], [413], [400], [431], [])
    with connection(server) as made:
        send(made, [post_head(server, "Transfer-Encoding: chunked"), b"1;"] + [b"a" * 65536] * 800)
        assert statuses(rest(made))[:1] in ([400], [408], [413], [431], [])
    assert memory.grown() < 2 * MOST


DEEP = 1_000_000
NESTED = {
    "lists": b"[" * DEEP,
    "closed": b"[" * DEEP + b"]" * DEEP,
    "objects": b'{"a":' * DEEP,
    "in an object": b'{"objects":[{"id":"a","type":"a","x":' + b"[" * DEEP + b"]" * DEEP + b"}]}",
    "beside": b'{"objects":[{"id":"a","type":"a"}],"x":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "just too deep": b'{"objects":[{"id":"a","type":"a","x":' + b"[" * 70 + b"]" * 70 + b"}]}",
    "brackets in a text": b'{"objects":["' + b"[" * DEEP + b'"]}',
    "many": b'{"objects":[' + b"{}," * DEEP + b"{}]}",
    "many that look well": b'{"objects":[' + b'{"id":"a","type":"a"},' * 350_000 + b"{}]}",
    "escapes": b'{"objects":[{"id":"' + b"\\u0061" * DEEP + b'","type":"a"}]}',
    "a text without end": b'{"objects":[{"id":"' + b"a" * 4 * MIB,
    "blanks": b" " * (MOST - 10) + b"{}",
    "names": b'{"objects":[{"id":"a","type":"a",' + b",".join(b'"%x":0' % n for n in range(150_000)) + b"}]}",
}


@pytest.mark.parametrize("name", NESTED)
def test_json_that_is_deep_or_wide_is_refused(server: Server, name: str) -> None:
    memory = Memory(server.process.pid)
    assert post(server, NESTED[name]) == 422
    assert memory.grown() < 64 * MIB


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
    memory = Memory(server.process.pid)
    for body in (*NESTED.values(), *SPOILED.values(), bomb(31)):
        assert post(server, body, path=f"/exchange-api/v1/{path}") == 422
    for body in (b'{"object_id":"\\u0000"}', b'{"payload":"\\u0000","payloadType":"\\ud800","signatures":[{}]}'):
        assert post(server, body, path=f"/exchange-api/v1/{path}") == 422
    assert memory.grown() < 64 * MIB


def test_a_body_that_stops_half_way_leaves_nothing(server: Server) -> None:
    with connection(server) as made:
        made.sendall(post_head(server, f"Content-Length: {len(WELL) * 2}") + WELL)
    new = indicator(77_777)
    body = json.dumps({"objects": [new]}).encode()
    with connection(server) as made:
        made.sendall(post_head(server, "Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(body), body))
    assert server.get("alice", f"objects/{new['id']}/").status_code == 404
