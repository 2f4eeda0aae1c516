"""What the operator refuses in a private overlap, with its reason in the log; and what makes a run void."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from overlap_naive import BASE, Naive, couple, go_on, overlap_server, point_of
from servers import Server
from test_overlap_server_runs import logged

from countermark.records.canonical import canonical_json
from countermark.share.overlap import group
from countermark.share.overlap.batches import multiply_all
from countermark.share.overlap.messages import COMMITMENT_TYPE
from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import SigningKey

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with overlap_server(request, tmp_path_factory.mktemp("refusals"), request.param) as running:
        yield running


def reasons(server: Server, run: str) -> list[str]:
    """Reasons of the refusals of a run that are in the log."""
    return [str(entry["reason"]) for entry in logged(server, run) if entry["kind"] == "refused"]


COMMITMENTS: dict[str, tuple[int, dict[str, Any]]] = {
    "another member's": (422, {"member": "carol"}),
    "no such peer": (422, {"peer": "nobody"}),
    "with the member itself": (422, {"peer": "alice"}),
    "no such peer ": (422, {"peer": "operator"}),
    "not one that a padded list has": (422, {"size": 1025}),
    "not one that a padded list has ": (422, {"size": 960}),
    "in the future": (422, {"created": NOW + timedelta(hours=6)}),
    "over 24 hours old": (422, {"created": NOW - timedelta(hours=25)}),
    "not in UTC": (422, {"created": datetime.now()}),
    "no commitment": (422, {"key_sha256": "FF" * 32}),
    "two digits": (422, {"kinds": {"email": 123}}),
    "kinds that are none": (422, {"kinds": {"E mail": 120}}),
    "two digits ": (422, {"kinds": {"email": -1}}),
}


@pytest.mark.parametrize("reason", COMMITMENTS)
def test_commitments_that_are_refused(server: Server, reason: str) -> None:
    status, changes = COMMITMENTS[reason]
    one = Naive(server, "alice", "bob", f"c-{list(COMMITMENTS).index(reason)}")
    answer = one.commit(one.seal(one.commitment(**changes)))
    assert answer.status_code == status
    assert reason.strip() in answer.json()["description"]
    assert server.ask("alice", "GET", one.path).status_code == 404


def test_commitments_by_other_keys_or_in_another_spelling(server: Server) -> None:
    one = Naive(server, "alice", "bob", "signed")
    made, keys = one.commitment(), server.keys
    plain = canonical_json(made)
    odd = [
        one.seal(made, keys["bob"]),
        one.seal(made, keys["security"]),
        one.seal(made, SigningKey.generate()),
        one.seal(made, keys["alice"], keys["bob"]),
        seal_envelope("application/json", plain, [keys["alice"]]),
        seal_envelope(COMMITMENT_TYPE, plain + b"\n", [keys["alice"]]),
        seal_envelope(COMMITMENT_TYPE, plain.replace(b"true", b"false"), [keys["alice"]]),
        seal_envelope(COMMITMENT_TYPE, plain[:-1] + b',"x":1}', [keys["alice"]]),
        one.seal(made).replace(b'"payload"', b' "payload"'),
        one.seal(made)[:-20],
        b"",
        b"\xff" * 1000,
        b"[" * 16_000,
    ]
    answers = [server.ask("alice", "POST", BASE, content=body) for body in odd]
    assert [answer.status_code for answer in answers] == [422] * len(odd)
    assert all(answer.json()["description"] for answer in answers)
    large = server.ask("alice", "POST", BASE, content=b"x" * (1 << 20))
    assert large.status_code == 413
    assert server.ask("bob", "POST", BASE, content=one.seal(made)).status_code == 422
    assert one.commit(one.seal(made)).status_code == 201


def test_a_list_or_a_key_is_for_one_run_for_ever(server: Server) -> None:
    one, other = couple(server, "once", "committed")
    assert one.commit(one.seal(one.commitment(kinds={"email": 41}))).status_code == 409
    again = Naive(server, "alice", "bob", "twice")
    same_list = again.commitment(list_sha256=one.commitment().list_sha256)
    same_key = again.commitment(key_sha256=one.commitment().key_sha256)
    for replayed in (same_list, same_key):
        assert again.commit(again.seal(replayed)).status_code == 409
    carol = Naive(server, "carol", "bob", "copied")
    copied = carol.commitment(list_sha256=other.commitment().list_sha256)
    assert carol.commit(carol.seal(copied)).status_code == 409
    server.ask("bob", "DELETE", other.path)
    late = Naive(server, "alice", "bob", "once")
    assert late.commit().status_code == 409
    key_sha256 = late.commitment().key_sha256
    fresh = again.commitment(list_sha256=one.commitment().list_sha256, key_sha256=key_sha256)
    assert again.commit(again.seal(fresh)).status_code == 409
    assert reasons(server, "twice") == ["the list or the key was committed before: each is for one run"] * 3
    assert "you have committed to something else for this run" in reasons(server, "once")


def test_an_unfinished_run_that_was_ended_takes_no_commitment_any_more(server: Server) -> None:
    one, other = Naive(server, "alice", "bob", "ended"), Naive(server, "bob", "alice", "ended")
    assert one.put_list().status_code == 404
    assert one.commit().status_code == 201
    assert other.put_list().status_code == 409
    assert one.put_list().status_code == 409
    server.ask("alice", "DELETE", one.path)
    assert other.commit().status_code == 409
    assert reasons(server, "ended") == [
        "you have not committed",
        "the other has not committed yet",
        "the run is closed",
    ]


def test_both_spell_identifiers_by_the_same_rules(server: Server) -> None:
    one, other = Naive(server, "alice", "bob", "rules"), Naive(server, "bob", "alice", "rules")
    assert one.commit().status_code == 201
    answer = other.commit(other.seal(other.commitment(rules="countermark/identifiers/v2")))
    assert (answer.status_code, "other rules" in answer.text) == (409, True)
    assert other.commit().status_code == 201


def twisted(data: bytes, at: int, point: bytes) -> bytes:
    """A list with another point at one position."""
    return data[: at * 32] + point + data[at * 32 + 32 :]


BAD: dict[str, Callable[[bytes], bytes]] = {
    "has 1024 points": lambda data: data[:-32],
    "has 1024 points ": lambda data: data + data[:32],
    "has 1024 points  ": lambda data: data[:-1],
    "point 7 of the part": lambda data: twisted(data, 7, bytes(32)),
    "point 1023 of the part": lambda data: twisted(data, 1023, b"\xff" * 32),
    "point 0 of the part": lambda data: twisted(data, 0, data[:31] + bytes([data[31] | 0x80])),
    "stands twice": lambda data: twisted(data, 9, data[:32]),
    "not the one that was committed to": lambda data: twisted(data, 9, point_of("more")),
}


@pytest.mark.parametrize("reason", BAD)
def test_lists_that_are_refused_whole(server: Server, reason: str) -> None:
    run = f"l-{list(BAD).index(reason)}"
    one, other = Naive(server, "alice", "bob", run), Naive(server, "bob", "alice", run)
    bad = BAD[reason](one.list)
    if reason == "stands twice":  # as committed to
        one.list = bad
    go_on(one, other, "", "committed")
    answer = one.put_list(bad)
    assert (answer.status_code, reason.strip() in answer.text) == (422, True)
    assert not any(side["listed"] for side in one.state()["sides"])
    assert other.ask("GET", "/blinded/0").status_code == 404
    if reason != "stands twice":
        assert one.put_list().status_code == 200
        assert one.put_list(twisted(one.list, 9, point_of("more"))).status_code == 409
    assert reasons(server, run)[0] == answer.json()["description"]


def test_tags_that_are_refused(server: Server) -> None:
    one, other = couple(server, "tags", "committed")
    assert one.put_list().status_code == 200
    assert other.put_tags().status_code == 409  # before its own list is there
    assert one.put_tags(one.list).status_code == 409
    assert other.put_list().status_code == 200
    tags = one.make_tags()
    for bad in (tags[:-32], twisted(tags, 3, tags[:32]), twisted(tags, 3, bytes(32)), b""):
        assert one.put_tags(bad).status_code == 422
    assert one.put_planted().status_code == 409  # before the tags are there, nobody may know which they are
    assert one.put_tags(tags).status_code == 200
    assert one.put_tags(multiply_all(tags, one.secret)).status_code == 409
    assert one.put_planted().status_code == 409
    for method, path in (("GET", "/tags/0"), ("HEAD", "/tags/0")):
        assert one.ask(method, path).status_code == other.ask(method, path).status_code == 405


def test_planted_and_proofs_that_are_refused(server: Server) -> None:
    one, other = couple(server, "names", "tagged")
    most = 1 << 21
    positions = one.planted
    for bad in ([], positions[:99], [*positions, 5], [positions[0], *positions[:99]], [1024, *positions[1:]]):
        body = {"positions": bad, "proof": one.named()["proof"]}
        assert one.ask("PUT", "/planted", json=body).status_code == 422
    for odd in (
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 8000,
        b'{"positions": "x"}',
        b'{"positions": [%d]}' % most,
    ):
        assert one.ask("PUT", "/planted", content=odd).status_code == 422
    assert one.ask("PUT", "/planted", content=b"x" * 20_000).status_code == 413
    good = other.proven(range(100))
    assert other.ask("PUT", "/proven", json=good).status_code == 409  # none are named yet
    assert other.ask("GET", "/planted").status_code == 404
    assert one.put_planted().status_code == 200
    assert one.ask("PUT", "/planted", json=one.named(range(100))).status_code == 409
    assert other.ask("PUT", "/proven", json=good).status_code == 422  # others than were named
    right = other.proven(one.planted)
    for bad_proof in (
        right | {"evaluated": right["evaluated"][:99]},
        right | {"proofs": []},
        right | {"proofs": right["proofs"] * 2},
        right | {"positions": right["positions"][:99]},
        {},
    ):
        assert other.ask("PUT", "/proven", json=bad_proof).status_code == 422
    assert other.state()["state"] == "tagged"
    assert len(reasons(server, "names")) == 20


def test_a_proof_that_does_not_hold_makes_the_run_void(server: Server) -> None:
    one, other = couple(server, "false", "planted")
    theirs = other.ask("GET", "/planted").json()["positions"]
    answer = other.ask("PUT", "/proven", json=other.proven(theirs) | {"proofs": ["11" * 64]})
    assert (answer.status_code, answer.json()["state"]) == (200, "void")
    assert answer.json()["reason"] == "bob: the proof for the planted does not hold"
    assert one.ask("GET", "/planted").status_code == 404
    assert [entry["kind"] for entry in logged(server, "false")][-1] == "void"


def test_dropping_the_others_items_makes_the_run_void(server: Server) -> None:
    one, other = couple(server, "drop", "listed")
    tags = one.make_tags()
    at = one.tag_order.index(other.planted[0])
    assert one.put_tags(twisted(tags, at, point_of("something else"))).status_code == 200
    assert other.put_tags().status_code == 200
    go_on(one, other, "tagged", "planted")
    answer = one.put_proven()
    assert answer.json()["reason"] == "alice: planted are missing among the tags"
    assert other.ask("PUT", "/proven", json={}).status_code == 422


def test_another_key_than_was_committed_to_makes_the_run_void(server: Server) -> None:
    one, other = couple(server, "key", "listed")
    honest, one.secret = one.secret, group.random_scalar()
    one.put_tags()
    one.secret, second = honest, one.secret
    other.put_tags()
    go_on(one, other, "tagged", "planted")
    one.secret, one.key = second, group.base(second)
    assert one.put_proven().json()["reason"] == "alice: the proof for the planted does not hold"


def test_other_points_than_the_planted_are_refused(server: Server) -> None:
    """Whoever names items of its own, to see from the answer which of them the other has."""
    one, other = couple(server, "unknown", "tagged")
    items = [at for at, word in enumerate(one.words) if isinstance(word, str)]
    for named in (one.named([*items[:5], *one.planted[5:]]), one.named(one.planted[::-1])):
        answer = one.ask("PUT", "/planted", json=named)
        assert (answer.status_code, "by the proof" in answer.text) == (422, True)
    for proof in ("00" * 64, "11" * 64, one.named()["proof"][:-2] + "ff", other.named()["proof"]):
        assert one.ask("PUT", "/planted", json={"positions": one.planted, "proof": proof}).status_code == 422
    assert other.ask("GET", "/planted").status_code == 404
    assert one.put_planted().status_code == 200


def test_the_quota_of_a_pair(request: pytest.FixtureRequest, server: Server, tmp_path: Any) -> None:
    kind = request.node.callspec.params["server"]
    with overlap_server(request, tmp_path, kind, "[overlap]\nruns_of_pair = 2\n") as small:
        for number in range(2):
            assert Naive(small, "alice", "bob", f"q-{number}").commit().status_code == 201
        assert Naive(small, "bob", "alice", "q-1").commit().status_code == 201
        for who, peer in (("alice", "bob"), ("bob", "alice")):
            answer = Naive(small, who, peer, "q-9").commit()
            assert (answer.status_code, "30 days" in answer.text) == (409, True)
        assert Naive(small, "alice", "carol", "q-9").commit().status_code == 201
        assert len(reasons(small, "q-9")) == 2
