"""What servers do wrong, and what becomes of a poll: nothing lost, nothing twice, and an end."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from faulty_taxii import COLLECTION, OBJECTS, TAXII, Asked, Faulty, Reply, day, faulty, page, walk
from release_folders import indicators

from countermark.errors import Error
from countermark.share.client.credentials import Credentials
from countermark.share.client.poll import Polled, poll
from countermark.share.client.taxii import Taxii
from countermark.share.client.transport import Bounds, Transport, retry_after
from countermark.share.stix.reading import Received
from countermark.trust.keyfiles import Secret

TOKEN = "cmx_aaaaaaaaaaaa_secret-of-the-client"
ALICE = "identity--11111111-1111-4111-8111-111111111111"
SOME = indicators(12, ALICE)
QUICK = Bounds(idle_seconds=1, answer_seconds=2, tries=4, answer_bytes=1 << 20)


@pytest.fixture
def server() -> Iterator[Faulty]:
    with faulty() as told:
        yield told


@contextmanager
def asking(server: Faulty, pauses: list[float] | None = None, **bounds: Any) -> Iterator[Taxii]:
    """A client that does not really wait."""
    given = Bounds(**{**{name: getattr(QUICK, name) for name in QUICK.__dataclass_fields__}, **bounds})
    kept = [] if pauses is None else pauses
    credentials = Credentials.bearer(Secret(TOKEN.encode()))
    with Transport(server.url, credentials, bounds=given, sleep=kept.append) as transport:
        yield Taxii(transport)


def fetch(server: Faulty, out: Path, pauses: list[float] | None = None, **more: Any) -> Polled:
    """One poll."""
    bounds = {name: more.pop(name) for name in list(more) if name in QUICK.__dataclass_fields__}
    with asking(server, pauses, **bounds) as taxii:
        return poll(taxii, taxii.find("/"), out, **more)


def kept(out: Path) -> list[str]:
    """Ids of what was received, in order."""
    with Received(out) as received:
        return [one["id"] for one in received.objects()]


def ids(*numbers: int) -> list[str]:
    return [SOME[number]["id"] for number in numbers]


def test_the_cursor_moves_after_the_objects_are_there(
    server: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.objects = walk({"": page(SOME[:3], day(1), more=True, next="b"), "b": page(SOME[3:5], day(2))})

    def died(*_: object) -> None:
        assert kept_now() == ids(0, 1, 2)
        raise KeyboardInterrupt

    def kept_now() -> list[str]:
        lines = (tmp_path / "objects.jsonl").read_bytes().splitlines()
        return [json.loads(one)["object"]["id"] for one in lines]

    with monkeypatch.context() as patch:
        patch.setattr("countermark.share.client.cursors.CursorFile.write", died)
        with pytest.raises(KeyboardInterrupt):
            fetch(server, tmp_path)
    done = fetch(server, tmp_path)
    assert (done.new, done.known) == (2, 3)
    assert kept(tmp_path) == ids(0, 1, 2, 3, 4)


def test_a_cursor_of_something_else_is_refused(server: Faulty, tmp_path: Path) -> None:
    server.objects = lambda _: page(SOME[:1], day(1))
    fetch(server, tmp_path)
    (cursor,) = (tmp_path / "cursors").glob("*.json")
    for text in ("", "[]", cursor.read_text().replace("/root/", "/other/")):
        cursor.write_text(text)
        with pytest.raises(Error, match="no cursor of this collection"):
            fetch(server, tmp_path)


def test_every_request_is_as_the_standard_says(server: Faulty, tmp_path: Path) -> None:
    server.objects = lambda _: page(SOME[:1], day(1))
    fetch(server, tmp_path)
    assert len(server.asked) == 3
    for one in server.asked:
        assert one.path.endswith("/")
        assert one.headers["accept"] == TAXII
        assert one.headers["user-agent"].startswith("countermark/")
        assert one.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_connection_cut_in_a_page_is_asked_again(server: Faulty, tmp_path: Path) -> None:
    replies = [page(SOME[:3], day(1)), page(SOME[:3], day(1))]
    replies[0].cut = 200
    server.objects = lambda _: replies.pop(0)
    pauses: list[float] = []
    assert fetch(server, tmp_path, pauses).new == 3
    assert len(pauses) == 1
    assert kept(tmp_path) == ids(0, 1, 2)


def test_a_page_that_is_always_cut_ends_the_poll_where_it_was(server: Faulty, tmp_path: Path) -> None:
    first, cut = page(SOME[:3], day(1), more=True, next="b"), page(SOME[3:6], day(2))
    cut.cut = 100
    server.objects = walk({"": first, "b": cut})
    with pytest.raises(Error, match="there is more, and the exchange is not reached"):
        fetch(server, tmp_path)
    assert kept(tmp_path) == ids(0, 1, 2)
    server.objects = lambda _: page(SOME[2:6], day(2))
    server.asked.clear()
    assert fetch(server, tmp_path).new == 3
    assert server.queries() == [{"limit": "1000", "added_after": "2026-01-31T23:59:59.999999Z"}]


def test_a_next_that_goes_on_by_itself_loses_no_page(server: Faulty, tmp_path: Path) -> None:
    """As medallion's does: one word for all pages of a walk, the next page with every use."""
    waiting: list[Any] = []
    cut = [2, 4]

    def objects(asked: Asked) -> Reply:
        if "next" not in asked.query:
            after = asked.query.get("added_after", "")
            waiting[:] = [(day(at + 1), one) for at, one in enumerate(SOME) if day(at + 1) > after]
        now = [waiting.pop(0) for _ in range(min(2, len(waiting)))]
        reply = page(
            [one for _, one in now], now[-1][0], **({"more": True, "next": "same"} if waiting else {})
        )
        if cut and len(server.queries()) == cut[0]:
            reply.cut = cut.pop(0) * 10
        return reply

    server.objects = objects
    assert fetch(server, tmp_path).new == 12
    assert kept(tmp_path) == ids(*range(12))
    assert cut == []


def test_a_next_that_the_server_forgot_begins_the_walk_anew(server: Faulty, tmp_path: Path) -> None:
    refused = Reply(b'{"title":"unknown next"}', 400)
    replies = [page(SOME[:3], day(1), more=True, next="b"), refused, page(SOME[2:5], day(2))]
    server.objects = lambda _: replies.pop(0)
    done = fetch(server, tmp_path)
    assert (done.new, done.known) == (5, 1)
    assert kept(tmp_path) == ids(0, 1, 2, 3, 4)


@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/taxii+json;version=2.0", ""])
def test_another_media_type_is_refused(server: Faulty, tmp_path: Path, kind: str) -> None:
    reply = page(SOME[:1], day(1))
    reply.headers = {"Content-Type": kind}
    server.objects = lambda _: reply
    with pytest.raises(Error, match="media type"):
        fetch(server, tmp_path)


def test_more_without_next_goes_on_by_date_and_loses_no_tie(server: Faulty, tmp_path: Path) -> None:
    dates = [1, 1, 2, 2, 2, 2, 3, 4, 4, 5, 5, 5]

    def objects(asked: Asked) -> Reply:
        after = asked.query.get("added_after", "")
        left = [(day(at), one) for at, one in zip(dates, SOME, strict=True) if day(at) > after]
        return page([one for _, one in left[:5]], *[left[:5][-1][0]] if left else [], more=len(left) > 5)

    server.objects = objects
    assert fetch(server, tmp_path).new == 12
    assert kept(tmp_path) == ids(*range(12))
    assert fetch(server, tmp_path).objects == 0


def test_more_and_no_word_where_is_an_error(server: Faulty, tmp_path: Path) -> None:
    server.objects = lambda _: page(SOME[:2], more=True)
    with pytest.raises(Error, match="no next, and no date"):
        fetch(server, tmp_path)


def test_an_empty_page_after_more_is_no_fault(server: Faulty, tmp_path: Path) -> None:
    server.objects = walk({"": page(SOME[:2], day(1), more=True, next="b"), "b": page((), day(1))})
    done = fetch(server, tmp_path)
    assert (done.new, done.position) == (2, day(1))


def test_a_bad_object_goes_to_the_quarantine_and_the_rest_is_kept(server: Faulty, tmp_path: Path) -> None:
    bad = SOME[1] | {"pattern": "[nothing"}
    no_text = json.dumps(SOME[2]).encode().replace(b"stix", b"st\xffix")
    deep = b'{"type":"x-deep","id":"x-deep--1","a":%s}' % (b"[" * 200 + b"]" * 200)
    server.objects = lambda _: page([SOME[0], bad, no_text, deep, 7, SOME[3]], day(1))
    done = fetch(server, tmp_path)
    assert (done.new, done.quarantined) == (2, 4)
    with Received(tmp_path) as received:
        assert len(received.quarantine) == 4
    assert kept(tmp_path) == ids(0, 3)


def test_duplicates_and_reordered_pages_change_nothing(server: Faulty, tmp_path: Path) -> None:
    later = [one | {"modified": "2026-01-03T00:00:00.000Z"} for one in SOME[:2]]
    pages = {
        "": page([*later, SOME[2]], day(3), more=True, next="b"),
        "b": page([SOME[0], SOME[0], *SOME[2:4], SOME[1]], day(1), more=True, next="c"),
        "c": page([SOME[3], *later], day(2)),
    }
    server.objects = walk(pages)
    done = fetch(server, tmp_path)
    assert (done.objects, done.new, done.known) == (11, 6, 5)
    assert done.position == day(3), "the cursor does not go back"
    with Received(tmp_path) as received:
        assert [received.latest(one["id"]) for one in later] == later


def test_a_server_that_drips_is_left(server: Faulty, tmp_path: Path) -> None:
    reply = page(SOME[:2], day(1))
    reply.drip = 0.05
    server.objects = lambda _: reply
    began = time.monotonic()
    with pytest.raises(Error, match="too long"):
        fetch(server, tmp_path, tries=2, answer_seconds=0.5)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("word", ["same", "other"])
def test_pages_without_end_come_to_one(server: Faulty, tmp_path: Path, word: str) -> None:
    counts = iter(range(1_000_000))

    def objects(_: Asked) -> Reply:
        return page((), day(1), more=True, next="x" if word == "same" else f"x{next(counts)}")

    server.objects = objects
    with pytest.raises(Error, match="same place again or nothing"):
        fetch(server, tmp_path)
    assert len(server.queries()) < 120


def test_a_poll_has_so_many_pages_and_the_next_goes_on(server: Faulty, tmp_path: Path) -> None:
    def objects(asked: Asked) -> Reply:
        after = asked.query.get("added_after", "")
        at = int(asked.query.get("next", sum(1 for number in range(6) if day(number + 1) <= after)))
        more = {"more": True, "next": str(at + 1)} if at < 5 else {}
        return page([SOME[at]], day(at + 1), **more)

    server.objects = objects
    with pytest.raises(Error, match="more after 4 pages"):
        fetch(server, tmp_path, most_pages=4)
    assert fetch(server, tmp_path, most_pages=4).new == 2
    assert kept(tmp_path) == ids(*range(6))


def test_too_large_a_page_is_asked_for_in_smaller_ones(server: Faulty, tmp_path: Path) -> None:
    def objects(asked: Asked) -> Reply:
        start, limit = int(asked.query.get("next", "0")), int(asked.query["limit"])
        rest = {"more": True, "next": str(start + limit)} if start + limit < 12 else {}
        return page(SOME[start : start + limit], day(1), **rest)

    server.objects = objects
    assert fetch(server, tmp_path, limit=64, answer_bytes=2000).new == 12
    with pytest.raises(Error, match="over 100 bytes"):
        fetch(server, tmp_path / "none", limit=64, answer_bytes=100)


def test_the_token_follows_no_redirect(server: Faulty, tmp_path: Path) -> None:
    with faulty() as other:
        for status in (301, 302, 307, 308):
            where = {"Location": f"{other.url}{OBJECTS}"}
            server.objects = lambda _, status=status, where=where: Reply(b"", status, where)
            with pytest.raises(Error, match="elsewhere") as told:
                fetch(server, tmp_path)
            assert TOKEN not in f"{told.value}{told.value.hint}"
        assert other.asked == []


def test_the_token_follows_no_api_root_on_another_host(server: Faulty, tmp_path: Path) -> None:
    with faulty() as other:
        roots = {"title": "t", "api_roots": [f"{other.url}/root/"]}
        server.other["/taxii2/"] = lambda _: Reply(json.dumps(roots).encode())
        with pytest.raises(Error, match="own host") as told:
            fetch(server, tmp_path)
        assert other.url in told.value.hint
        assert other.asked == []


def test_an_unknown_token_is_told_and_not_shown(server: Faulty, tmp_path: Path) -> None:
    body = json.dumps({"title": f"no such token: {TOKEN}"}).encode()
    server.objects = lambda _: Reply(body, 401, {"WWW-Authenticate": "Bearer"})
    with pytest.raises(Error, match="answers 401: no such token: …") as told:
        fetch(server, tmp_path)
    assert "token" in told.value.hint
    assert len(server.queries()) == 1, "asking again would not help"


def test_a_busy_server_is_asked_again_when_it_says(server: Faulty, tmp_path: Path) -> None:
    replies = [
        Reply(status=429, headers={"Retry-After": "7"}),
        Reply(status=503),
        page(SOME[:1], day(1)),
    ]
    server.objects = lambda _: replies.pop(0)
    pauses: list[float] = []
    assert fetch(server, tmp_path, pauses).new == 1
    assert 7 <= pauses[0] <= 7.5
    assert 0 <= pauses[1] <= 1
    server.objects = lambda _: Reply(status=429, headers={"Retry-After": "86400"})
    with pytest.raises(Error, match="wait for 86400 seconds"):
        fetch(server, tmp_path)
    assert len(server.queries()) == 4
    server.objects = lambda _: Reply(status=503)
    with pytest.raises(Error, match="answers 503, 4 times"):
        fetch(server, tmp_path)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3),
        ("Fri, 20 Nov 2026 12:00:05 GMT", 5),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("9" * 5000, 999_999_999_999),
        ("Fri, 20 Nov 2026 12:00:05", None),
    ],
)
def test_retry_after_is_read(text: str, seconds: float | None) -> None:
    from policy_samples import NOW

    assert retry_after(text, NOW) == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"objects":{}}',
        b'{"more":"yes"}',
        b'{"objects":[' + b"[" * 100_000,
        b'{"x":' * 50_000,
    ],
)
def test_what_is_no_envelope_is_refused(server: Faulty, tmp_path: Path, body: bytes) -> None:
    server.objects = lambda _: Reply(body)
    with pytest.raises(Error, match="no envelope"):
        fetch(server, tmp_path)


@pytest.mark.parametrize("last", ["2126-01-01T00:00:00.000000Z", "yesterday", "2026-02-31T00:00:00.000000Z"])
def test_a_date_that_cannot_be_moves_no_cursor(server: Faulty, tmp_path: Path, last: str) -> None:
    server.objects = lambda _: page(SOME[:1], last)
    with pytest.raises(Error, match=r"date"):
        fetch(server, tmp_path)
    server.objects = lambda _: page(SOME[:2], day(1))
    assert fetch(server, tmp_path).new == 1
    assert "added_after" not in server.queries()[-1]


def test_a_zipped_answer_is_not_unpacked(server: Faulty, tmp_path: Path) -> None:
    server.objects = lambda _: Reply(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    with pytest.raises(Error, match="encoding"):
        fetch(server, tmp_path)


def test_all_optional_properties_are_understood(server: Faulty) -> None:
    whole = COLLECTION | {"description": "d", "media_types": ["application/stix+json;version=2.1"], "x_a": 1}
    server.other["/root/collections/"] = lambda _: Reply(json.dumps({"collections": [whole]}).encode())
    with asking(server) as taxii:
        assert taxii.find("/", "faulty").info.description == "d"
        assert taxii.find("/root/", "Faulty").path == OBJECTS.removesuffix("objects/")
