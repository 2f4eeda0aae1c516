"""An operator that lies to a member, alone or in league with the peer: what the member's own checks find.

What it can do all the same stands in docs/private-overlap.md.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from overlap_members import mails
from overlap_naive import Naive, overlap_server
from overlap_played import Alice, Bob, alice_at
from servers import Server
from test_overlap_cheats import void

from countermark.errors import Error
from countermark.records.canonical import canonical_json
from countermark.share.overlap.messages import OPENING_TYPE, Opening, Planted, Proven, Run
from countermark.share.overlap.opening_side import Match
from countermark.share.policy.document import default_policy
from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import SigningKey

COMMON = mails(*range(40))
Lie = Callable[..., Any]


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with overlap_server(request, tmp_path_factory.mktemp("liar"), "sqlite") as running:
        yield running


def with_side(run: Run, member: str, **changes: Any) -> Run:
    """A run in which one member's side is told otherwise."""
    sides = [msgspec.structs.replace(one, **(changes if one.member == member else {})) for one in run.sides]
    return msgspec.structs.replace(run, sides=sides)


def telling(envelope: bytes) -> Lie:
    """That this is bob's commitment."""
    return lambda run, *_: with_side(run, "bob", commitment=envelope.decode())


def tagged(bob: Bob) -> bool:
    """Whether alice has given anything that her scalar made from the list."""
    return any(one["tagged"] for one in bob.state()["sides"] if one["member"] == "alice")


POSES: dict[str, tuple[str, Callable[[Bob], bytes]]] = {
    "by-itself": (
        "not signed by one registered key",
        lambda bob: bob.seal(bob.commitment(), SigningKey.generate()),
    ),
    "of-another-run": ("for another run, or of others", lambda bob: bob.seal(bob.commitment(run="older"))),
    "with-another": ("for another run, or of others", lambda bob: bob.seal(bob.commitment(peer="carol"))),
    "of-last-week": (
        "more than a day older",
        lambda bob: bob.seal(bob.commitment(created=bob.commitment().created - timedelta(days=7))),
    ),
    "by-other-rules": (
        "by other rules",
        lambda bob: bob.seal(bob.commitment(rules="countermark/identifiers/v0")),
    ),
    "in-no-form": ("not in canonical form", lambda bob: bob.envelope.replace(b'","', b'", "', 1)),
}


@pytest.mark.parametrize("name", POSES)
def test_another_commitment_in_place_of_the_peers_is_found(server: Server, tmp_path: Path, name: str) -> None:
    reason, forged = POSES[name]
    with alice_at(server, tmp_path, name, COMMON) as alice:
        bob = Bob(server, name, COMMON)
        bob.commit()
        alice.client.lies = dict.fromkeys(("run", "commit", "put_part"), telling(forged(bob)))
        assert reason in void(alice.side(bob))
        assert not tagged(bob)
        assert not any(one["listed"] for one in bob.state()["sides"])  # not even her own list
        alice.client.lies = {}
        assert alice.side(bob).count() == 40  # it was the way that lied, and the run is whole


def test_a_wrong_pinned_key_is_found_before_anything_is_uploaded(server: Server, tmp_path: Path) -> None:
    with alice_at(server, tmp_path, "pinned", COMMON) as alice:
        bob = Bob(server, "pinned", COMMON)
        message = void(alice.side(bob, server.keys["carol"].public))
        assert "not signed by one registered key" in message
        assert not any(one["listed"] for one in bob.state()["sides"])


def test_another_commitment_of_either_later_on_is_found(server: Server, tmp_path: Path) -> None:
    with alice_at(server, tmp_path, "later", COMMON) as alice:
        bob = Bob(server, "later", COMMON)
        bob.commit()
        side = alice.side(bob)
        side.theirs(alice.client.commit(alice.folder.envelope))
        second = bob.seal(bob.commitment(kinds={"email": 50}))
        alice.client.lies = {"commit": telling(second), "run": telling(second)}
        assert "another commitment of the peer now" in void(alice.side(bob))
        own = Naive(server, "alice", "bob", "later").seal(Naive(server, "alice", "bob", "later").commitment())
        alice.client.lies = {"commit": lambda run, *_: with_side(run, "alice", commitment=own.decode())}
        assert "another commitment of this member" in void(alice.side(bob))


def test_a_peer_that_commits_to_what_the_other_committed_to_is_found(server: Server, tmp_path: Path) -> None:
    """The exchange refuses it; an operator in league would not."""
    with alice_at(server, tmp_path, "mirror", COMMON) as alice:
        mine, bob = alice.folder.commitment, Bob(server, "mirror", COMMON)
        bob.commit()
        for change in ({"key_sha256": mine.key_sha256}, {"list_sha256": mine.list_sha256, "size": mine.size}):
            lie = telling(bob.seal(bob.commitment(**change)))
            alice.client.lies = {"commit": lie, "run": lie}
            assert "committed to what this member committed to" in void(alice.side(bob))


def broken(bob: Bob, alice: Alice) -> dict[str, tuple[str, bytes]]:
    """Lists that bob may sign for, in league with the operator."""
    good = bob.list
    return {
        "not-his": ("not the one that the peer committed to", b""),
        "twins": ("stands in it twice", good[:-32] + good[:32]),
        "identity": ("not a point", good[:-32] + bytes(32)),
        "no-point": ("not a point", b"\xff" * 32 + good[32:]),
        "top-bit": ("not a point", good[:31] + bytes([good[31] | 0x80]) + good[32:]),
        "hers": ("has points of this member's", good[:-32] + alice.folder.blinded[:32]),
    }


@pytest.mark.parametrize("name", ["not-his", "twins", "identity", "no-point", "top-bit", "hers"])
def test_a_list_that_is_none_is_not_multiplied(server: Server, tmp_path: Path, name: str) -> None:
    run = f"list-{name}"
    with alice_at(server, tmp_path, run, COMMON) as alice:
        bob = Bob(server, run, COMMON)
        reason, data = broken(bob, alice)[name]
        if data:
            lie = telling(bob.seal(bob.commitment(list_sha256=hashlib.sha256(data).hexdigest())))
            alice.client.lies = dict.fromkeys(("run", "commit", "put_part"), lie)
        alice.client.lies["part"] = lambda _, part: data or Bob(server, run, COMMON).list
        assert reason in void(alice.side(bob))
        assert reason in alice.folder.state.void
        assert (bob.state()["state"], bob.state()["reason"]) == ("void", "ended by alice")
        assert not tagged(bob)


def test_other_points_than_the_planted_are_not_answered(server: Server, tmp_path: Path) -> None:
    """In league with the operator, bob would see from her answer which of his own hundred items she has."""
    for name, replaced in (("few", 3), ("all", 40), ("order", 0)):
        with alice_at(server, tmp_path, name, COMMON) as alice:
            bob, seen = Bob(server, name, COMMON), []
            items = [at for at, word in enumerate(bob.words) if word and b"planted" not in bytes(word)]  # type: ignore[arg-type]
            at = [*items[:replaced], *bob.planted[replaced:]] if replaced else bob.planted[::-1]
            lie = bob.named(at)
            alice.client.lies["planted"] = lambda _, lie=lie: msgspec.convert(lie, Planted)
            alice.client.lies["prove"] = lambda run, *given, seen=seen: seen.append(given) or run
            assert "names other points of its list than its planted" in void(alice.side(bob))
            assert not seen
            assert bob.state()["reason"] == "ended by alice"


def opened(server: Server, alice: Alice, bob: Bob) -> bytes:
    """Both have a size, bob has opened; the envelope by which alice does."""
    size = alice.side(bob).count()
    now = datetime.now(UTC).replace(microsecond=0)
    opening = Opening(
        run=bob.run,
        member="alice",
        peer="bob",
        commitment_sha256=alice.folder.commitment_sha256,
        peer_commitment_sha256=hashlib.sha256(bob.payload).hexdigest(),
        size=size or 0,
        ground="fabricated-accounts",
        legal_basis="of-counsel",
        policy_sha256=default_policy().sha256,
        created=now,
        expires=now + timedelta(days=2),
    )
    mirrored = msgspec.structs.replace(
        opening,
        member="bob",
        peer="alice",
        commitment_sha256=opening.peer_commitment_sha256,
        peer_commitment_sha256=opening.commitment_sha256,
    )
    assert bob.open(mirrored).status_code == 201
    bob.may_give = True
    keys = [server.keys[one] for one in ("security", "counsel")]
    return seal_envelope(OPENING_TYPE, canonical_json(opening), keys)


def test_matches_are_those_that_both_have(server: Server, tmp_path: Path) -> None:
    with alice_at(server, tmp_path, "open", [*COMMON, *mails(*range(60, 90))]) as alice:
        bob = Bob(server, "open", COMMON)
        found = alice.side(bob).matches(opened(server, alice, bob), alice.items)
        assert [(one.kind, one.value) for one in found] == sorted(COMMON)
        assert "mail.example" not in repr(found)
        assert isinstance(found[0], Match)


MATCHES: dict[str, tuple[str, Callable[[list[int], set[int]], list[int]]]] = {
    "more": ("41 matches, and 40 were announced", lambda at, rest: [*at, min(rest)]),
    "twice": ("40 matches, and 40 were announced", lambda at, rest: [*at[1:], at[1]]),
    "planted": ("a match that is none", lambda at, rest: [*at[1:], -1]),
    "beyond": ("a match that is none", lambda at, rest: [*at[1:], 1 << 20]),
}


@pytest.mark.parametrize("name", MATCHES)
def test_the_operator_cannot_have_more_unshuffled_than_was_announced(
    server: Server, tmp_path: Path, name: str
) -> None:
    reason, change = MATCHES[name]
    run = f"matches-{name}"
    with alice_at(server, tmp_path, run, COMMON) as alice:
        bob = Bob(server, run, COMMON)
        envelope = opened(server, alice, bob)
        side = alice.side(bob)
        planted = side.order(alice.folder.commitment).tolist().index(bob.planted[7])

        def lie(at: list[int]) -> list[int]:
            return [planted if one == -1 else one for one in change(at, set(range(1024)) - set(at))]

        alice.client.lies["matches"] = lie
        with pytest.raises(Error) as raised:
            side.matches(envelope, alice.items)
        assert (raised.value.exit_code, reason in raised.value.message) == (20, True)
        assert not any(one["unshuffled"] for one in bob.state()["sides"] if one["member"] == "alice")


GIVEN: dict[str, tuple[str, Callable[[Proven], Proven]]] = {
    "proof": ("a proof of the peer does not hold", lambda one: replace(one, proofs=["11" * 64])),
    "none": ("a proof of the peer does not hold", lambda one: replace(one, proofs=[])),
    "swapped": (
        "a proof of the peer does not hold",
        lambda one: replace(one, positions=[*one.positions[1:], one.positions[0]]),
    ),
    "tag": (
        "other tags than those that match",
        lambda one: replace(one, evaluated=["aa" * 32, *one.evaluated[1:]]),
    ),
    "fewer": (
        "other tags than those that match",
        lambda one: replace(one, positions=one.positions[1:], evaluated=one.evaluated[1:]),
    ),
    "beyond": ("beyond the end of the list", lambda one: replace(one, positions=[5000, *one.positions[1:]])),
    "twice": ("a position twice", lambda one: replace(one, positions=[one.positions[1], *one.positions[1:]])),
}


def replace(given: Proven, **changes: Any) -> Proven:
    """Another answer."""
    return msgspec.structs.replace(given, **changes)


@pytest.mark.parametrize("name", GIVEN)
def test_what_the_peer_did_not_prove_is_no_match(server: Server, tmp_path: Path, name: str) -> None:
    reason, change = GIVEN[name]
    run = f"given-{name}"
    with alice_at(server, tmp_path, run, COMMON) as alice:
        bob = Bob(server, run, COMMON)
        envelope = opened(server, alice, bob)
        alice.client.lies["given"] = change
        with pytest.raises(Error) as raised:
            alice.side(bob).matches(envelope, alice.items)
        assert (raised.value.exit_code, reason in raised.value.message) == (20, True), raised.value.message
        alice.client.lies = {}
        assert len(alice.side(bob).matches(envelope, alice.items)) == 40


def test_another_size_than_was_announced_is_found(server: Server, tmp_path: Path) -> None:
    with alice_at(server, tmp_path, "resized", COMMON) as alice:
        bob = Bob(server, "resized", COMMON)
        envelope = opened(server, alice, bob)
        alice.client.lies["run"] = lambda run: msgspec.structs.replace(run, size=39)
        with pytest.raises(Error, match="another size now"):
            alice.side(bob).matches(envelope, alice.items)
