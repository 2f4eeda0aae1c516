"""Bodies that are too large, too deep, too slow, or no envelope: sections 3.7, 4.2.1, 5.5, Appendix B."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from exchange_parties import SHARED, TAXII, Exchange, exchange_at, ids, indicator
from starlette.requests import Request

from countermark.share.server.bodies import Bodies
from countermark.share.server.envelopes import envelope_objects
from countermark.share.server.errors import TaxiiError
from countermark.share.server.parts import Settings

GOOD = msgspec.json.encode(indicator(0))
HEAD = b'{"type":"x-a","id":"x-a--00000000-0000-4000-8000-000000000000"'


def envelope(*objects: bytes) -> bytes:
    return b'{"objects":[' + b",".join(objects) + b"]}"


BROKEN = {
    "nothing": b"",
    "no JSON": b"objects",
    "cut off": envelope(GOOD)[:-1],
    "two values": envelope(GOOD) + b"{}",
    "a list": b"[" + GOOD + b"]",
    "an object": GOOD,
    "a StixBundle": b'{"type":"bundle","id":"bundle--1","objects":[' + GOOD + b"]}",
    "no objects": b"{}",
    "an empty list": envelope(),
    "an object for a list": b'{"objects":' + GOOD + b"}",
    "a number": envelope(GOOD, b"1"),
    "null": envelope(GOOD, b"null"),
    "no id": envelope(GOOD, b'{"type":"indicator"}'),
    "no type": envelope(GOOD, b'{"id":"indicator--1"}'),
    "an id that is a number": envelope(GOOD, b'{"type":"indicator","id":1}'),
    "bad UTF-8": envelope(GOOD, HEAD + b',"name":"\xff"}'),
    "an overlong form": envelope(GOOD, HEAD + b',"name":"\xc0\x80"}'),
    "half a surrogate": envelope(GOOD, HEAD + b',"name":"\xed\xa0\x80"}'),
    "half a surrogate, escaped": envelope(GOOD, HEAD + b',"name":"\\ud800"}'),
    "UTF-16": envelope(GOOD).decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + envelope(GOOD),
    "NaN": envelope(GOOD, HEAD + b',"x":NaN}'),
    "a raw control character": envelope(GOOD, HEAD + b',"name":"\x01"}'),
    "objects twice": b'{"objects":[' + GOOD + b'],"objects":[' + GOOD + b"]}",
    "an id twice": envelope(GOOD, HEAD + b',"id":"x-a--2"}'),
    "a member twice, escaped": envelope(GOOD, HEAD + b',"x":{"a":1,"\\u0061":2}}'),
    "a number of many digits": envelope(GOOD, HEAD + b',"x":' + b"9" * 5000 + b"}"),
    "deep lists": envelope(GOOD, HEAD + b',"x":' + b"[" * 62 + b"]" * 62 + b"}"),
    "deep objects": envelope(GOOD, HEAD + b',"x":' + b'{"a":' * 62 + b"1" + b"}" * 62 + b"}"),
    "very deep lists": envelope(GOOD, HEAD + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "deep beside the objects": envelope(GOOD)[:-1] + b',"x":' + b"[" * 64 + b"]" * 64 + b"}",
    "much beside the objects": envelope(GOOD)[:-1] + b',"x":"' + b"y" * 70_000 + b'"}',
    "a long object": envelope(HEAD + b',"x":"' + b"y" * (1 << 20) + b'"}'),
    "objects twice, other ones": b'{"objects":[' + GOOD + b'],"objects":[' + HEAD + b"}]}",
    "more twice": envelope(GOOD)[:-1] + b',"more":true,"more":false}',
    "very deep and cut off": b"[" * 1_000_000,
}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Exchange]:
    """An exchange with small limits."""
    url = f"sqlite:///{tmp_path / 'x'}"
    with exchange_at(url, max_content_length=4000, max_objects=3, reads_inline=True) as made:
        yield made


def test_5_5_a_body_that_is_no_envelope_is_422_and_nothing_of_it_is_stored(exchange: Exchange) -> None:
    for name, body in BROKEN.items():
        found = exchange.post(body)
        assert (found.status_code, found.headers["content-type"]) == (422, TAXII), name
        assert set(found.json()) == {"title", "http_status", "error_id"}, name
    assert exchange.dates() == []


def test_depth_is_of_brackets_and_not_of_text(exchange: Exchange) -> None:
    text = json.dumps('[{"' * 500 + "\\").encode()
    deepest = b"[" * 61 + b"]" * 61
    body = envelope(HEAD + b',"x":' + deepest + b',"y":' + text + b"}")
    assert exchange.post(body).json()["success_count"] == 1


def test_7_1_1_other_properties_of_an_envelope_are_left_aside(exchange: Exchange) -> None:
    found = exchange.post(b'{"more":false,"next":"x","x_a":{"objects":1},"objects":[' + GOOD + b"]}")
    assert found.json()["success_count"] == 1


def test_an_object_whose_id_cannot_be_asked_for_is_a_failure(exchange: Exchange) -> None:
    wrong = [indicator(0, id="indicator--1"), indicator(0, id="malware" + indicator(0)["id"][9:])]
    wrong += [
        indicator(0, id="indicator--\x00" + "0" * 35),
        indicator(0, type="\x00", id="\x00--" + "0" * 36),
    ]
    status = exchange.post([*wrong, indicator(1)]).json()
    assert (status["failure_count"], status["success_count"]) == (4, 1)
    assert ids(exchange.get("objects/")) == [indicator(1)["id"]]


@pytest.mark.parametrize("chunked", [False, True])
def test_4_2_1_a_body_of_the_longest_length_is_taken_and_a_longer_one_is_413(
    small: Exchange, chunked: bool
) -> None:
    def send(length: int) -> Any:
        body = envelope(GOOD)
        body += b" " * (length - len(body))
        pieces = (body[at : at + 100] for at in range(0, length, 100))
        path = f"/exchange/collections/{SHARED}/objects/"
        content: Any = pieces if chunked else body
        return small.ask("alice", "POST", path, content=content, headers={"Content-Type": TAXII})

    assert [send(length).status_code for length in (3999, 4000, 4001)] == [202, 202, 413]
    assert send(4001).headers["connection"] == "close"


def test_b_more_objects_than_are_allowed_are_422(small: Exchange) -> None:
    assert small.post([indicator(n) for n in range(3)]).status_code == 202
    assert small.post([indicator(n) for n in range(4)]).status_code == 422


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "٣", "99999999999999999999"])
def test_a_content_length_that_is_none_is_400(length: str) -> None:
    with pytest.raises(TaxiiError) as caught:
        asyncio.run(received([GOOD], Settings(), [(b"content-length", length.encode("utf-8"))]))
    assert caught.value.status == 400


def test_a_body_is_given_up_when_it_takes_too_long() -> None:
    with pytest.raises(TaxiiError) as caught:
        asyncio.run(received([b"{"] * 50, Settings(body_seconds=0.05), wait=0.01))
    assert caught.value.status == 408


def test_bodies_in_flight_are_bounded_together() -> None:
    async def both() -> list[Any]:
        bodies = Bodies(Settings(bytes_in_flight=1500))
        tasks = [received([b"x" * 500] * 2, Settings(), wait=0.01, bodies=bodies) for _ in range(2)]
        first = await asyncio.gather(*tasks, return_exceptions=True)
        return [*first, await received([b"x" * 1500], Settings(), bodies=bodies)]

    *together, afterwards = asyncio.run(both())
    assert sorted(one.status if isinstance(one, TaxiiError) else len(one) for one in together) == [503, 1000]
    assert len(afterwards) == 1500


def test_one_member_s_bodies_leave_room_for_those_of_others() -> None:
    async def three() -> list[Any]:
        few = Settings(bytes_in_flight=4000, max_content_length=1000)
        bodies, body = Bodies(few), [b"x" * 500]
        tasks = [received(body, few, wait=0.01, bodies=bodies) for _ in range(3)]
        tasks += [received(body, few, wait=0.01, bodies=bodies, who="bob") for _ in range(2)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = [one.status if isinstance(one, TaxiiError) else len(one) for one in asyncio.run(three())]
    assert (sorted(found[:3]), found[3:]) == ([429, 500, 500], [500, 500])


async def received(
    chunks: list[bytes],
    settings: Settings,
    headers: list[tuple[bytes, bytes]] | None = None,
    *,
    wait: float = 0.0,
    bodies: Bodies | None = None,
    who: str = "alice",
) -> bytes:
    """What is made of a body that comes in pieces."""
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(wait)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    request = Request({"type": "http", "headers": headers or []}, receive)
    async with (bodies or Bodies(settings)).received(request, who) as body:
        await asyncio.sleep(3 * wait)
        return body


@pytest.mark.parametrize(
    "body",
    [
        b'{"objects":[' + b"0," * 4_000_000 + b"0]}",
        b'{"objects":[' + b"{}," * 2_500_000 + b"{}]}",
        b'{"objects":"' + b'\\"' * 4_000_000 + b'"}',
        b'{"objects":[' + b'{"id":"","type":""},' * 400_000 + b'{"id":"","type":""}]}',
        envelope(HEAD + b',"x":"' + b'\\"' * 4_000_000 + b'"}'),
        envelope(HEAD + b',"x":[' + b"[]," * 2_600_000 + b"[]]}"),
        b'"' * (8 << 20),
    ],
)
def test_b_the_worst_bodies_of_8_mib_take_less_than_seconds(body: bytes) -> None:
    begin = time.process_time()
    with pytest.raises(TaxiiError):
        envelope_objects(body, Settings())
    assert time.process_time() - begin < 2
