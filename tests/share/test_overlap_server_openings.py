"""Tier 2: who may open a run, and that each gives the other all matches, with proofs, or gets nothing."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from overlap_naive import SHARED_ITEMS, Naive, couple, go_on, overlap_server
from servers import Server
from test_overlap_server_runs import logged

from countermark.records.canonical import canonical_json
from countermark.share.overlap.messages import OPENING_TYPE
from countermark.share.server.folder import opened
from countermark.share.server.times import now
from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import SigningKey

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with overlap_server(request, tmp_path_factory.mktemp("openings"), request.param) as running:
        yield running


@pytest.fixture(scope="module")
def counted(server: Server) -> tuple[Naive, Naive]:
    """A run that is counted, and stays so."""
    return couple(server, "counted")


OPENINGS: dict[str, dict[str, Any]] = {
    "another run": {"run": "other"},
    "another run ": {"member": "bob"},
    "another run  ": {"peer": "carol"},
    "of another size": {"size": 41},
    "of other commitments": {"commitment_sha256": "0" * 64},
    "of other commitments ": {"peer_commitment_sha256": "0" * 64},
    "in the future": {"created": NOW + timedelta(hours=1), "expires": NOW + timedelta(hours=2)},
    "over 30 days": {"expires": NOW + timedelta(days=40)},
    "has expired": {"created": NOW - timedelta(days=2), "expires": NOW - timedelta(days=1)},
    "does not know": {"policy_sha256": "0" * 64},
    "not in UTC": {"expires": datetime.now()},
    "no ground": {"ground": ""},
    "no legal basis": {"legal_basis": "x" * 300},
}


@pytest.mark.parametrize("reason", OPENINGS)
def test_openings_that_are_refused(counted: tuple[Naive, Naive], reason: str) -> None:
    one, other = counted
    answer = one.open(one.opening(other, **OPENINGS[reason]))
    assert (answer.status_code, reason.strip() in answer.json()["description"]) == (422, True)
    assert one.state()["state"] == "counted"


def test_openings_that_two_people_did_not_sign(server: Server, counted: tuple[Naive, Naive]) -> None:
    one, other = counted
    made, keys = one.opening(other), server.keys
    security, counsel = one.reviewers()
    refused = [
        one.open(made, security),
        one.open(made, counsel),
        one.open(made, security, keys["alice"]),
        one.open(made, keys["alice"]),
        one.open(made, *other.reviewers()),
        one.open(made, security, keys["counsel-bob"]),
        one.open(made, security, counsel, keys["alice"]),
        one.open(made, security, SigningKey.generate()),
        other.open(made, security, counsel),
    ]
    assert [answer.status_code for answer in refused] == [422] * len(refused)
    path, plain = f"{one.path}/opening", canonical_json(made)
    odd = [
        seal_envelope("application/json", plain, [security, counsel]),
        seal_envelope(OPENING_TYPE, plain + b" ", [security, counsel]),
        seal_envelope(OPENING_TYPE, plain.replace(b"security", b"x", 1), [security, counsel]),
        b"",
        b"[" * 10_000,
    ]
    answers = [server.ask("alice", "POST", path, content=body) for body in odd]
    assert [answer.status_code for answer in answers] == [422] * len(odd)
    assert server.ask("alice", "POST", path, content=b"x" * 100_000).status_code == 413
    assert server.ask("security", "POST", path, content=odd[0]).status_code == 403
    assert one.state()["state"] == "counted"
    reasons = [entry for entry in logged(server, "counted") if entry["kind"] == "refused"]
    assert len(reasons) >= len(refused) + len(odd)


def test_nothing_is_given_before_both_have_opened(server: Server) -> None:
    one, other = couple(server, "half", "planted")
    assert one.open(one.opening(other, size=40)).status_code == 409
    go_on(one, other, "planted", "counted")
    assert one.open(one.opening(other)).json()["state"] == "opening"
    for mine in (one, other):
        assert mine.ask("GET", "/matches").status_code == 404
        assert mine.ask("PUT", "/unshuffled", json=mine.proven([1])).status_code == 409
    assert one.open(one.opening(other, ground="another")).status_code == 409
    answer = other.open(other.opening(one))
    assert (answer.status_code, answer.json()["state"]) == (201, "opened")
    matches = one.ask("GET", "/matches").json()["positions"]
    assert (len(matches), matches) == (40, sorted(matches))
    words = {other.words[one.tag_order[at]] for at in matches}
    assert words == set(SHARED_ITEMS)
    entry = next(entry for entry in logged(server, "half") if entry["kind"] == "opening")
    assert (entry["ground"], entry["legal_basis"]) == ("fabricated-accounts", "us-cisa-2015")


def test_an_opening_that_has_run_out_opens_nothing_until_it_is_signed_anew(server: Server) -> None:
    one, other = couple(server, "late", "opened")
    first, second = sorted((server.members["alice"], server.members["bob"]))
    with opened(server.data) as folder, folder.store.overlap.turn((first, second), "late") as turn:
        turn.update_side(server.members["bob"], opening_until=now() - 1)
    for mine in (one, other):
        assert mine.ask("GET", "/matches").status_code == 404
        assert mine.ask("PUT", "/unshuffled", json=mine.proven([1])).status_code == 409
    answer = other.open(other.opening(one))
    assert (answer.status_code, answer.json()["state"]) == (201, "opened")
    assert one.unshuffle().status_code == 200


Change = Callable[[Naive, list[int]], dict[str, Any]]
UNSHUFFLED: dict[str, Change] = {
    "the tags that match": lambda one, at: one.proven(at[:-1]),
    "the tags that match ": lambda one, at: one.proven([]),
    "the tags that match  ": lambda one, at: one.proven([*at[:-1], 0 if 0 not in at else 1]),
    "position stands twice": lambda one, at: one.proven([*at, at[0]]),
    "beyond the end": lambda one, at: one.proven(at) | {"positions": [*at[:-1], 1024]},
    "a proof does not hold": lambda one, at: one.proven(at) | {"positions": at[::-1]},
    "a proof does not hold ": lambda one, at: one.proven(at) | {"proofs": ["22" * 64]},
    "a proof does not hold  ": lambda one, at: one.proven(at) | {"proofs": []},
    "no Proven": lambda one, at: one.proven(at) | {"evaluated": ["XX" * 32]},
}


def test_what_is_not_all_matches_with_proofs_is_refused_and_can_be_sent_right(server: Server) -> None:
    one, other = couple(server, "give", "opened")
    at = [one.tag_order[position] for position in one.ask("GET", "/matches").json()["positions"]]
    for reason, change in UNSHUFFLED.items():
        answer = one.ask("PUT", "/unshuffled", json=change(one, at))
        assert (answer.status_code, reason.strip() in answer.text) == (422, True), (reason, answer.text)
    assert one.ask("PUT", "/unshuffled", content=b"x" * 100_000).status_code == 413
    for odd in (b"", b"[]", b"\xff", b"{" * 1000):
        assert one.ask("PUT", "/unshuffled", content=odd).status_code == 422
    assert not any(side["unshuffled"] for side in one.state()["sides"])
    assert one.ask("PUT", "/unshuffled", json=one.proven(at)).status_code == 200
    assert other.ask("GET", "/unshuffled").status_code == 404  # it has not given anything itself
    assert other.unshuffle().status_code == 200
    for mine, theirs in ((one, other), (other, one)):
        given = mine.ask("GET", "/unshuffled").json()
        assert {mine.words[position] for position in given["positions"]} == set(SHARED_ITEMS)
        assert len(given["proofs"]) == 1
        entry = [one for one in logged(server, "give") if one["kind"] == "given"][-1]
        assert (entry["what"], entry["member"]) == ("unshuffled", server.members[mine.who])
        assert theirs.ask("DELETE", "").status_code == 409  # the other may not have taken it yet
        ended = server.ask("operator", "DELETE", f"{theirs.path}?member={theirs.who}")
        assert ended.json()["state"] == "void"
        break
    assert one.ask("GET", "/unshuffled").status_code == 404
