"""Connections and requests made to do harm, to a server that runs: cut off or refused, others are served."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest
from exchange_parties import indicator
from hostile_wire import (
    OBJECTS,
    PATIENCE,
    Memory,
    ask,
    connection,
    head,
    is_well,
    port,
    post_head,
    rest,
    send,
    statuses,
    unharmed,
)
from servers import ABSENT, HIDDEN, SHARED, Server, serving

MIB = 1 << 20
SETTINGS = """
[limits]
caller_rate = 1000
caller_burst = 20000
address_rate = 1000
address_burst = 20000
failure_burst = 1000
[connection]
header_seconds = 1
body_seconds = 1
write_seconds = 1
keep_alive_seconds = 1
connections_of_address = 200
"""
MANY = 10


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of little patience with large objects of alice's, and one that she alone may not see."""
    with serving(tmp_path_factory.mktemp("wire"), settings=SETTINGS) as server:
        for number in range(MANY):
            assert server.post("alice", indicator(number, description="a" * 400_000)).status_code == 202
        assert server.post("operator", indicator(99), collection=HIDDEN).status_code == 202
        for _ in range(3):
            server.get("bob", "objects/")
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The server, which has to be well afterwards."""
    with unharmed(running):
        yield running


def get(server: Server, path: str, *lines: str, who: str = "alice", version: str = "1.1") -> list[int]:
    """Statuses of one GET on a connection of its own."""
    return statuses(
        ask(server, head(server, "GET", path, "Connection: close", *lines, who=who, version=version))
    )


def test_many_parameters_and_long_urls(server: Server) -> None:
    memory = Memory(server.process.pid)
    for query in ("&".join(f"a{n}=1" for n in range(100_000)), "match[id]=" + "a," * 100_000, "a" * MIB):
        assert get(server, f"{OBJECTS}?{query}") in ([431], [])
    for query in ("&" * 15_000, "a=1&" * 100, "match[id]=" + ",".join(["a"] * 200), "limit=1&" * 2):
        assert get(server, f"{OBJECTS}?{query}") == [400]
    assert get(server, f"/{'a' * 30_000}/") == [404]
    assert get(server, "/a" * 10_000) == [404]
    assert memory.grown() < 4 * MIB


def test_floods_of_header_lines(server: Server) -> None:
    memory = Memory(server.process.pid)
    floods = (
        b"".join(b"X-%d: a\r\n" % n for n in range(100_000)),
        b"X: " + b"a" * MIB + b"\r\n",
        b"a" * MIB + b": x\r\n",
        b"Cookie: a=b\r\n" * 50_000,
        b"Accept: " + b"a/b," * 20_000 + b"\r\n",
        b"X: a\r\n b\r\n" * 10_000,
    )
    for flood in floods:
        assert statuses(ask(server, head(server, "GET", OBJECTS)[:-2], flood, b"\r\n")) in ([431], [400], [])
    for line in (
        "Accept: " + "a/b," * 3_000,
        "Content-Type: " + ";a=b" * 3_000,
        "Authorization: " + "a" * 20_000,
    ):
        assert get(server, OBJECTS, line, who="")[0] in (401, 406)
    assert memory.grown() < 4 * MIB


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5, 6"],
        ["Content-Length: +5"],
        ["Content-Length: -5"],
        ["Content-Length: 0x5"],
        ["Content-Length: 5 5"],
        ["Content-Length: " + "9" * 30],
        ["Content-Length : 5"],
        [" Content-Length: 5"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: identity", "Transfer-Encoding: chunked", "Content-Length: 3"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding:\x0bchunked"],
        ["X: a\x00b"],
        ["X: a\rTransfer-Encoding: chunked"],
        ["X"],
        [": x"],
    ],
    ids=lambda lines: "; ".join(lines)[:60].encode("unicode_escape").decode(),
)
def test_requests_whose_end_can_be_read_in_two_ways_hide_no_second_one(
    server: Server, lines: list[str]
) -> None:
    """What follows in the same bytes must never be answered as a request of its own (RFC 9112, 6.3, 11.2)."""
    hidden = head(server, "GET", "/healthz", who="")
    with connection(server) as made:
        first = head(server, "POST", OBJECTS, "Content-Type: application/taxii+json;version=2.1", *lines)
        made.sendall(first)
        time.sleep(0.05)
        send(made, [b"0\r\n\r\n" + hidden])
        answer = rest(made)
    assert b'"status":"ok"' not in answer
    assert statuses(answer) in ([400], [422], [413], [408], [])


@pytest.mark.parametrize(
    "data",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /taxii2/\r\n\r\n",
        b"GET /taxii2/ HTTP/9.9\r\n\r\n",
        b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"TRACE /taxii2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"FOO\x00 / HTTP/1.1\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET taxii2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET //x:99999/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET ?a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /taxii2/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"GET /taxii2/ HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n",
        b"\x00" * 4096,
    ],
)
def test_strange_first_lines_get_an_error_of_taxii(server: Server, data: bytes) -> None:
    answer = ask(server, data)
    assert statuses(answer)[:1] in ([400], [401], [404], [405])
    body = answer.partition(b"\r\n\r\n")[2]
    assert json.loads(body)["http_status"] == str(statuses(answer)[0])


def test_old_versions_and_absolute_urls_are_served_alike(server: Server) -> None:
    assert get(server, "/taxii2/", version="1.0") == [200]
    assert get(server, f"http://elsewhere.example{OBJECTS}?limit=1") == [200]
    assert get(server, f"http://elsewhere.example/exchange/collections/{HIDDEN}/") == [404]
    answer = ask(server, head(server, "GET", "http://elsewhere.example/taxii2/", "Connection: close"))
    assert b"elsewhere" not in answer
    answer = ask(
        server, head(server, "GET", "/taxii2/", "X-Forwarded-Host: elsewhere.example", "Connection: close")
    )
    assert b"elsewhere" not in answer


HIDING = [
    f"/exchange/collections/{SHARED}/../{HIDDEN}/objects/",
    f"/exchange/collections/{SHARED}/%2e%2e/{HIDDEN}/objects/",
    f"/exchange/collections/{SHARED}%2f..%2f{HIDDEN}/objects/",
    f"/exchange/collections/{HIDDEN}%00/objects/",
    f"/exchange/collections/{HIDDEN};a=b/objects/",
    f"/exchange//collections/{HIDDEN}/objects/",
    f"/EXCHANGE/collections/{HIDDEN}/objects/",
    f"/exchange/collections/%ff/objects/?{SHARED}",
    f"/exchange/collections/{SHARED}/objects/..%5c..%5c{HIDDEN}/",
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/exchange/status/../collections/",
    f"/exchange/status/%00{ABSENT}/",
    "/exchange-api/v1/releases/%00",
    "/exchange-api/v1/releases/%ff%fe",
    "/exchange-api/v1/releases/..%2f..%2fexchange.toml",
    "/exchange-api/v1/disputes/%00",
    "/exchange-api/v1/audit/entries/%00/proof",
    "/exchange-api/v1/audit/entries/99999999999999999999999/proof",
    "/%00/collections/",
]


@pytest.mark.parametrize("path", HIDING)
def test_no_path_leads_round_the_rights(server: Server, path: str) -> None:
    answer = ask(server, head(server, "GET", path, "Connection: close"))
    assert statuses(answer) in ([404], [400])
    assert indicator(99)["id"].encode() not in answer


@pytest.mark.parametrize(
    "line",
    [
        "X-HTTP-Method-Override: DELETE",
        "X-Method-Override: DELETE",
        "X-HTTP-Method: DELETE",
        f"X-Original-URL: /exchange/collections/{HIDDEN}/objects/",
        f"X-Rewrite-URL: /exchange/collections/{HIDDEN}/objects/",
        "X-Forwarded-For: 127.0.0.1",
        "Client-Cert: :MAAA:",
        "Range: bytes=0-1",
        "If-Match: *",
    ],
)
def test_headers_that_mean_something_elsewhere_mean_nothing(server: Server, line: str) -> None:
    path = f"{OBJECTS}{indicator(0)['id']}/"
    for method in ("GET", "POST"):
        answer = ask(server, head(server, method, path, line, "Content-Length: 0", "Connection: close"))
        assert statuses(answer) == [200 if method == "GET" else 405]
        assert indicator(99)["id"].encode() not in answer
    assert server.get("alice", f"objects/{indicator(0)['id']}/").status_code == 200
    assert statuses(ask(server, head(server, "GET", OBJECTS, line, "Connection: close", who=""))) == [401]


def test_requests_in_a_row_are_answered_in_their_order(server: Server) -> None:
    one = head(server, "GET", f"{OBJECTS}?limit=1")
    post = head(
        server, "POST", OBJECTS, "Content-Type: application/taxii+json;version=2.1", "Content-Length: 2"
    )
    parts = [one, post, b"{}", head(server, "GET", f"{OBJECTS}?limit=0"), one]
    answer = ask(server, b"".join(parts) + head(server, "GET", "/nowhere/", "Connection: close"))
    assert statuses(answer) == [200, 422, 400, 200, 404]


def test_a_thousand_requests_in_a_row_are_bounded(server: Server) -> None:
    memory = Memory(server.process.pid)
    few = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
    assert statuses(ask(server, few + head(server, "GET", "/taxii2/", "Connection: close")))[-1:] == [200]
    assert memory.grown() < 12 * MIB


def test_who_asks_for_much_and_reads_nothing_is_let_go(server: Server) -> None:
    memory = Memory(server.process.pid)
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            made = stack.enter_context(connection(server))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            made.sendall(head(server, "GET", OBJECTS, who="bob") * 20)
        time.sleep(0.5)
        is_well(server)
        time.sleep(2)
    assert memory.grown() < 100 * MIB


def test_slow_heads_and_bodies_are_cut_off_in_time_however_many(server: Server) -> None:
    memory = Memory(server.process.pid)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connection(server)) for _ in range(60)]
        for at, made in enumerate(slow):
            made.sendall(
                head(server, "GET", OBJECTS)[:-4] if at % 2 else post_head(server, "Content-Length: 9999")
            )
        began = time.monotonic()
        while time.monotonic() - began < 1.5:
            for made in slow:
                send(made, [b"a"])
            time.sleep(0.1)
        is_well(server)
        for made in slow:
            made.settimeout(PATIENCE)
            assert statuses(rest(made)) in ([408], [])
        assert time.monotonic() - began < 5
    assert memory.grown() < 8 * MIB


def test_idle_connections_cost_little_and_end(server: Server) -> None:
    memory = Memory(server.process.pid)
    server.client.get(f"{server.url}/healthz")
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connection(server)) for _ in range(400)]
        is_well(server)
        began = time.monotonic()
        for made in idle:
            assert rest(made) == b""
        assert time.monotonic() - began < 5
    assert memory.grown() < 16 * MIB


def test_replayed_and_reordered_changes_leave_one_of_each(server: Server) -> None:
    old, new = indicator(50, 1), indicator(50, 2)
    assert server.post("alice", new).json()["success_count"] == 1
    assert server.post("alice", old).json()["failure_count"] == 0
    answers = [server.post("alice", one).json() for one in (new, old, new, old)]
    assert {one["failure_count"] for one in answers} == {0}
    assert len({one["id"] for one in answers}) == 4
    path = f"objects/{old['id']}/"
    assert server.get("bob", path).json()["objects"] == [new]
    assert server.get("bob", f"{path}versions/").json()["versions"] == [new["modified"], old["modified"]]
    body = json.dumps({"objects": [old]}).encode()
    request = post_head(server, f"Content-Length: {len(body)}") + body
    assert [statuses(ask(server, request)) for _ in range(3)] == [[202]] * 3
    assert len(server.get("bob", f"{path}versions/").json()["versions"]) == 2
    changed = server.post("alice", old | {"name": "other words"}).json()
    assert (changed["failure_count"], changed["failures"][0]["id"]) == (1, old["id"])
    gone = f"{OBJECTS}{old['id']}/?match[version]={old['modified']}"
    assert server.ask("alice", "DELETE", gone).status_code == 200
    assert server.ask("alice", "DELETE", gone).status_code == 404
    assert server.ask("bob", "GET", gone).status_code == 404
    assert statuses(ask(server, request)) == [
        202
    ]  # a replay of the whole request, token and all, is a new one
    assert server.get("bob", f"{path}versions/").json()["versions"] == [new["modified"], old["modified"]]


def test_a_next_is_replayed_as_often_as_one_likes_and_by_nobody_else(server: Server) -> None:
    first = server.get("alice", "objects/?limit=2").json()
    path = f"objects/?limit=2&next={first['next']}"
    pages = [server.get("alice", path).json() for _ in range(3)]
    assert pages[0] == pages[1] == pages[2]
    assert server.get("alice", f"objects/?limit=2&next={pages[0]['next']}").status_code == 200
    assert server.get("alice", path).json() == pages[0]
    assert server.get("bob", path).status_code == 400
    assert server.get("alice", f"{path}&match[type]=malware").status_code == 400
    assert server.get("alice", path.replace("objects/", "manifest/")).status_code == 400
    assert server.get("carol", path).status_code == 404


def test_who_leaves_before_the_answer_changes_nothing_for_others(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            made = stack.enter_context(socket.create_connection(("127.0.0.1", port(server)), PATIENCE))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a reset, no goodbye
            made.sendall(head(server, "GET", OBJECTS, who="bob"))
    is_well(server)
