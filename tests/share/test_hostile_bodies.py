"""Bodies made to fill memory, to a server that runs: refused, and the next request is served.

What stands in them, on both databases, is `test_hostile_objects.py`.
"""

import gzip
import json
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
from exchange_parties import indicator
from hostile_wire import Memory, ask, connection, post, post_head, rest, send, statuses, unharmed, warm
from servers import Server

MIB = 1 << 20
HUNDRED = 100 * MIB
MOST = 8 * MIB
"""`max_content_length`, which the tests leave as it comes."""
WELL = json.dumps({"objects": [indicator(1)]}).encode()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the bounds on bodies that it comes with."""
    with warm(tmp_path_factory.mktemp("hostile")) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The server, which has to be well afterwards."""
    with unharmed(running):
        yield running


@cache
def bomb(wbits: int) -> bytes:
    """100 MB of blanks, compressed."""
    packer = zlib.compressobj(9, wbits=wbits)
    return b"".join(packer.compress(b" " * MIB) for _ in range(100)) + packer.flush()


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
    assert statuses(ask(server, post_head(server, "Transfer-Encoding: gzip, chunked"), framed)) == [422]
    with connection(server) as made:
        made.sendall(post_head(server, "Transfer-Encoding: gzip"))
        assert statuses(rest(made)) in ([400], [])


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
            send(made, [post_head(server, "Transfer-Encoding: chunked"), *[block] * 20, b"0\r\n\r\n"])
            assert statuses(rest(made)) in ([422], [400])
    with connection(server) as made:
        send(made, [post_head(server, "Transfer-Encoding: chunked"), b"1;"] + [b"a" * 65536] * 400)
        assert statuses(rest(made)) in ([400], [408], [])
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


def heavy() -> bytes:
    """An object that takes some hundred times as long to check as others."""
    one = json.dumps(indicator(5)).encode()
    inner = b",".join([b'{"a":{}}'] * 30_000)
    known = b'"extension-definition--11111111-1111-4111-8111-111111111111"'
    extended = b'"extensions":{%s:{"extension_type":"property-extension","x":[%s]}},"pattern_type"' % (
        known,
        inner,
    )
    return b'{"objects":[' + one.replace(b'"pattern_type"', extended) + b"]}"


def test_one_member_s_heavy_posts_do_not_hold_up_the_others(server: Server) -> None:
    body, many = heavy(), 16
    with ThreadPoolExecutor(many) as pool:
        posts = [pool.submit(post, server, body) for _ in range(many)]
        while not any(one.done() for one in posts):
            time.sleep(0.01)
        assert server.get("bob", "objects/?limit=1&match[type]=indicator").status_code == 200
        assert server.post("bob", indicator(900_000)).status_code == 202
        assert sum(not one.done() for one in posts) > many / 2
        assert [one.result() for one in posts] == [202] * many
