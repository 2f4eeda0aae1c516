"""Members that change the run under a request, or leave when they have what they wanted."""

import http.client
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from overlap_members import mails
from overlap_naive import couple, overlap_server
from overlap_played import Bob, alice_at
from servers import Server
from test_overlap_cheats import refusals, void
from test_overlap_cheats_operator import opened

from countermark.errors import Error
from countermark.records.canonical import canonical_json
from countermark.share.overlap import group
from countermark.share.overlap.messages import OPENING_TYPE, Opening
from countermark.trust.dsse import open_envelope, seal_envelope

COMMON = mails(*range(40))


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with overlap_server(request, tmp_path_factory.mktemp("late"), "sqlite") as running:
        yield running


def test_planted_that_were_begun_before_the_last_tags_are_proven_all_the_same(server: Server) -> None:
    """The body arrives when the run has gone on: what was looked at before does not count."""
    one, other = couple(server, "slow", "listed")
    assert other.put_tags().status_code == 200
    tags = one.make_tags()
    at = [place for place, word in enumerate(one.words) if word is None][:100]
    body = json.dumps({"positions": at, "public_key": one.key.hex(), "proof": "11" * 32 + "00" * 32}).encode()
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(place.hostname), int(place.port or 0), timeout=30)
    connection.putrequest("PUT", f"{one.path}/planted")
    headers = {"Authorization": f"Bearer {server.tokens['alice']}", "Content-Type": "application/json"}
    for name, value in (headers | {"Content-Length": str(len(body))}).items():
        connection.putheader(name, value)
    connection.endheaders(body[:10])
    time.sleep(0.5)  # it is asked whose run it is when the head of the request is there
    assert one.put_tags(tags).status_code == 200
    assert one.state()["state"] == "tagged"
    connection.send(body[10:])
    answer = connection.getresponse()
    assert (answer.status, b"by the proof" in answer.read()) == (422, True)
    connection.close()
    assert other.ask("GET", "/planted").status_code == 404
    assert refusals(server, "slow") == ["these are not the points of the planted, by the proof"]
    assert one.put_planted().status_code == 200


def test_nobody_takes_and_leaves(server: Server) -> None:
    one, other = couple(server, "leave", "opened")
    assert one.unshuffle().status_code == 200
    assert other.unshuffle().status_code == 200
    assert one.ask("GET", "/unshuffled").status_code == 200
    answer = one.ask("DELETE", "")
    assert (answer.status_code, "both have given" in answer.text) == (409, True)
    assert other.ask("GET", "/unshuffled").status_code == 200
    assert len(refusals(server, "leave")) == 1
    assert server.ask("operator", "DELETE", f"{one.path}?member=alice").json()["state"] == "void"


def test_who_ends_a_run_when_it_has_the_size_does_not_keep_it_from_the_other(
    server: Server, tmp_path: Path
) -> None:
    with alice_at(server, tmp_path, "size", COMMON) as alice:
        bob = Bob(server, "size", COMMON)

        def ended(*_: Any) -> Any:
            bob.go_on()
            assert bob.ask("DELETE", "").status_code == 200
            return alice.client.run()

        alice.client.lies["prove"] = ended
        assert void(alice.side(bob)).endswith("ended by bob; the exchange had counted size 40")
        assert void(alice.side(bob)).endswith("ended by bob; the exchange had counted size 40")


@pytest.mark.parametrize("size", [3, 24, 41, 10**40, -1])
def test_a_size_that_cannot_be_is_not_believed(server: Server, tmp_path: Path, size: int) -> None:
    run = f"size-{len(str(size))}-{abs(size) % 97}"
    with alice_at(server, tmp_path, run, COMMON) as alice:
        bob = Bob(server, run, COMMON)
        alice.client.lies["run"] = lambda one: msgspec.structs.replace(one, size=one.size and size)
        alice.client.lies["prove"] = lambda one, *_: msgspec.structs.replace(one, size=one.size and size)
        with pytest.raises(Error, match="announces a size that is not from 25 to 40") as raised:
            alice.side(bob).count()
        assert raised.value.exit_code == 20
        assert not alice.folder.state.counted


def test_an_opening_of_something_else_gives_nothing_whatever_the_operator_says(
    server: Server, tmp_path: Path
) -> None:
    with alice_at(server, tmp_path, "mixed", COMMON) as alice:
        bob = Bob(server, "mixed", COMMON)
        right = opened(server, alice, bob)
        opening = msgspec.json.decode(open_envelope(right, OPENING_TYPE).body, type=Opening)
        keys = [server.keys[one] for one in ("security", "counsel")]
        changes: list[dict[str, Any]] = [
            {"size": 39},
            {"run": "older"},
            {"peer": "carol"},
            {"member": "bob"},
            {"commitment_sha256": "aa" * 32},
            {"peer_commitment_sha256": "aa" * 32},
        ]
        for change in changes:
            other = msgspec.structs.replace(opening, **change)
            with pytest.raises(Error, match="the opening is of another run"):
                alice.side(bob).matches(seal_envelope(OPENING_TYPE, canonical_json(other), keys), alice.items)
        assert not refusals(server, "mixed")  # it was never sent
        assert len(alice.side(bob).matches(right, alice.items)) == 40


def test_nobody_can_have_a_key_before_all_tags_are_there(server: Server) -> None:
    """Who had it would put k·G into its list, k·(b·G) among its tags: a match without an item, 24 a floor."""
    one, other = couple(server, "hidden", "tagged")
    told = (server.data / "log" / "entries.jsonl").read_text()
    for mine, theirs in ((one, other), (other, one)):
        assert mine.ask("GET", "/planted").status_code == 404
        for text in (told, mine.ask("GET", "").text, theirs.payload.decode()):
            assert theirs.key.hex() not in text
        assert mine.ask("PUT", "/proven", json=mine.proven(theirs.planted)).status_code == 409
    assert one.put_planted().status_code == 200
    early = other.ask("PUT", "/proven", json=other.proven(one.planted))
    assert (early.status_code, "with your key" in early.text) == (409, True)
    assert other.put_planted().status_code == 200
    assert one.ask("GET", "/planted").json()["public_key"] == other.key.hex()
    assert one.put_proven().status_code == other.put_proven().status_code == 200
    assert one.state()["size"] == 40


def test_another_key_than_the_committed_one_is_refused_by_both(server: Server, tmp_path: Path) -> None:
    with alice_at(server, tmp_path, "key", COMMON) as alice:
        bob = Bob(server, "key", COMMON)
        other = group.base(group.random_scalar()).hex()
        right, seen = bob.put_planted, []

        def wrong() -> Any:
            seen.append(bob.ask("PUT", "/planted", json=bob.named() | {"public_key": other}))
            return right()

        bob.put_planted = wrong  # type: ignore[method-assign]
        alice.client.lies["planted"] = lambda one: msgspec.structs.replace(one, public_key=other)
        assert "another key than it committed to" in void(alice.side(bob))
        assert [(one.status_code, "not the key" in one.text) for one in seen] == [(422, True)]
        assert bob.state()["reason"] == "ended by alice"


@pytest.mark.parametrize(
    ("size", "most"), [(1024, 0.0085), (2560, 0.0155), (24_576, 0.0155), (1 << 20, 0.0155)]
)
def test_tags_made_from_guessed_planted_pass_as_seldom_as_docs_say(size: int, most: float) -> None:
    """24 multiples of each planted in the list, and of guessed places among the tags: exact, for the best."""
    best = max(_passes(size, guesses) for guesses in range(1, size // 1000 + 2))
    assert most * 0.9 < best < most


def _passes(size: int, guesses: int) -> float:
    """That no planted is dropped for the tags, times that one guess at least, kept itself, is a planted."""
    dropped = 24 * guesses
    kept = math.prod((size - dropped - one) / (size - one) for one in range(100))
    left = size - dropped  # where all the planted are then
    return kept * (1 - math.prod((left - guesses - one) / (left - one) for one in range(100)))
