"""Members that cheat in a private overlap: each is caught, or bounded as docs/private-overlap.md says."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from overlap_members import Desk, mails
from overlap_naive import Naive, overlap_server
from overlap_played import Bob, alice_at
from servers import Server
from test_overlap_server_runs import logged

from countermark.errors import Error
from countermark.share.overlap import group
from countermark.share.overlap.batches import random_points
from countermark.share.overlap.counting import as_points, without
from countermark.share.overlap.hash_to_group import hash_to_group
from countermark.share.overlap.identifiers import rules
from countermark.share.overlap.messages import PLANTED
from countermark.share.overlap.reviewing import warnings
from countermark.share.overlap.voprf import CONTEXT

COMMON = mails(*range(30))


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with overlap_server(request, tmp_path_factory.mktemp("cheats"), "sqlite") as running:
        yield running


def refusals(server: Server, run: str) -> list[str]:
    """What the operator's log says that it refused."""
    return [str(one["reason"]) for one in logged(server, run) if one["kind"] == "refused"]


def void(side: Any) -> str:
    """The reason why a run of alice's ends with exit code 20."""
    with pytest.raises(Error) as raised:
        side.count()
    assert raised.value.exit_code == 20
    return raised.value.message


def test_an_honest_bob_is_believed(server: Server, tmp_path: Path) -> None:
    with alice_at(server, tmp_path, "honest", [*COMMON, *mails(*range(100, 150))]) as alice:
        assert alice.side(Bob(server, "honest", COMMON)).count() == 30


def test_a_set_that_is_enlarged_after_the_commitment_is_refused(server: Server) -> None:
    bob = Bob(server, "enlarged", COMMON)
    assert bob.commit().status_code == 201
    other = Bob(server, "enlarged", [*COMMON, *mails(*range(500, 700))])
    alice = Naive(server, "alice", "bob", "enlarged")
    assert alice.commit(alice.seal(alice.commitment(rules=rules()))).status_code == 201
    for data in (other.list, bob.list + other.list[:32], bob.list[:-32], bob.list[::-1]):
        assert bob.put_list(data).status_code == 422
    assert refusals(server, "enlarged")[0] == "the list is not the one that was committed to"
    assert bob.put_list().status_code == 200


def test_a_list_or_key_is_for_one_run_alone(server: Server) -> None:
    bob = Bob(server, "once", COMMON)
    assert bob.commit().status_code == 201
    for change in ({}, {"list_sha256": "bb" * 32}, {"key_sha256": "cc" * 32}):
        again = bob.seal(bob.commitment(run="twice", **change))
        answer = bob.commit(again)
        assert (answer.status_code, "committed before" in answer.text) == (409, True)
    assert set(refusals(server, "twice")) == {"the list or the key was committed before: each is for one run"}


def test_runs_over_the_quota_are_refused_and_logged(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with overlap_server(request, tmp_path / "s", "sqlite", "[overlap]\nruns_of_pair = 2\n") as server:
        alice = Desk(server, tmp_path / "alice", "alice", "bob")
        for number in range(3):
            assert alice.prepare(f"q{number}", mails(*range(30))).code == 0
        assert [alice.run(f"q{number}", wait=0).code for number in range(3)] == [11, 11, 1]
        assert "had all their runs of these 30 days" in alice.run("q2", wait=0).error()
        assert len(refusals(server, "q2")) == 2


def test_who_enumerates_addresses_learns_no_more_than_one_count_of_25_or_more(
    server: Server, tmp_path: Path
) -> None:
    """2,000 guesses of which 24 are right give nothing; the reviewers are told what the peer declares."""
    held = [("ipv4", f"198.51.{number}.7") for number in range(24)]
    guesses = [("ipv4", f"198.51.{number // 100}.{number % 100 + 1}") for number in range(2400)]
    assert set(held) <= set(guesses)
    with alice_at(server, tmp_path, "guesses", [*held, *mails(*range(300, 400))]) as alice:
        bob = Bob(server, "guesses", guesses, size=2560)
        assert alice.side(bob).count() is None
        assert alice.folder.state.over
        honest = bob.commitment(size=106_496, kinds={"ipv4": 100_000})
        assert warnings({"email": 500}, honest, 30, 1) == [
            "bob declares 100,000 of ipv4, which can be enumerated"
        ]
        hidden = bob.commitment(size=106_496, kinds={"email": 500})
        assert warnings({"email": 500}, hidden, 30, 1) == ["bob declares 500 items in a list of 106,496"]
        posed = bob.commitment(size=106_496, kinds={"email": 100_000})
        assert warnings({"email": 500}, posed, 300, 3) == [
            "bob declares 100,000 of email, and you have 500",
            "300 of your 500 items are said to be in the other's set",
            "one of 3 runs with bob: sets that differ a little tell more",
        ]
        usual = bob.commitment(size=26_624, kinds={"email": 24_000, "ipv4": 2_000})
        assert warnings({"email": 20_000, "ipv4": 500}, usual, 900, 1) == []


def test_dropping_a_tenth_of_the_others_items_makes_the_run_void(server: Server, tmp_path: Path) -> None:
    chance = random.Random(6)
    with alice_at(server, tmp_path, "dropped", COMMON) as alice:
        bob = Bob(server, "dropped", COMMON)
        honest = bob.make_tags

        def dropped() -> bytes:
            tags = honest()
            for at in chance.sample(range(len(tags) // 32), len(tags) // 320):
                tags = tags[: at * 32] + random_points(1) + tags[at * 32 + 32 :]
            return tags

        bob.make_tags = dropped  # type: ignore[method-assign]
        assert void(alice.side(bob)) == "the run is void: bob: planted are missing among the tags"
        assert alice.folder.state.void
        assert not (alice.folder.path / "scalar.key").exists()
        assert void(alice.side(bob)).endswith("planted are missing among the tags")  # also later, and offline


@pytest.mark.parametrize("share", [0.001, 0.005, 0.01, 0.02, 0.1])
def test_who_drops_a_share_passes_with_its_power_of_100(share: float) -> None:
    """The operator's own look at the planted of lists of 2,560 places, 2,000 runs: (1-f)^100 and no more."""
    chance, size, runs = np.random.default_rng(17), 2560, 2000
    right, other = as_points(random_points(size)), as_points(random_points(size))
    dropped, passed = round(size * share), 0
    for _ in range(runs):
        given = right.copy()
        lost = chance.choice(size, dropped, replace=False)
        given[lost] = other[lost]
        planted = chance.choice(size, PLANTED, replace=False)
        passed += not len(without(right[planted], given.tobytes()))
    bound = (1 - dropped / size) ** PLANTED
    spread = 4 * (bound * (1 - bound) / runs) ** 0.5
    # drawn without replacement it is a little less than the bound: at 2,560 places by 0.02 at the most
    assert bound - 0.02 - spread <= passed / runs <= bound + spread
    if share >= 0.1:
        assert passed == 0


def test_tags_twice_or_too_few_are_refused(server: Server, tmp_path: Path) -> None:
    with alice_at(server, tmp_path, "twice-tags", COMMON) as alice:
        bob, seen = Bob(server, "twice-tags", COMMON), []
        right = bob.put_tags

        def wrong() -> Any:
            tags = bob.make_tags()
            for data in (tags[32:], tags[:-64] + tags[:64], tags[:-32] + bytes(32), tags[:-1] + b"\xff"):
                seen.append(right(data).status_code)
            return right(tags)

        bob.put_tags = wrong  # type: ignore[method-assign]
        assert alice.side(bob).count() == 30
    assert seen == [422] * 4


def test_a_false_proof_or_scalar_makes_the_run_void(server: Server, tmp_path: Path) -> None:
    for run, change in (("proof", {"proofs": ["11" * 64]}), ("point", {"evaluated": ["22" * 32] * 100})):
        with alice_at(server, tmp_path, run, COMMON) as alice:
            bob = Bob(server, run, COMMON)
            right = bob.proven
            bob.proven = lambda at, right=right, change=change: right(at) | change  # type: ignore[method-assign]
            assert void(alice.side(bob)) == "the run is void: bob: the proof for the planted does not hold"


def test_a_scalar_of_ones_own_for_all_but_the_planted_cannot_be_told_and_finds_nothing(
    server: Server, tmp_path: Path
) -> None:
    """If bob could tell the planted: the test would pass. He cannot, so he has to be told here."""
    with alice_at(server, tmp_path, "scalars", COMMON) as alice:
        bob = Bob(server, "scalars", COMMON)
        honest = bob.make_tags

        def some() -> bytes:
            tags = honest()
            named = set(alice.side(bob).own_planted())
            keep = [at for at, place in enumerate(bob.tag_order) if place in named]
            out = bytearray(random_points(len(tags) // 32))
            for at in keep:
                out[at * 32 : at * 32 + 32] = tags[at * 32 : at * 32 + 32]
            return bytes(out)

        bob.make_tags = some  # type: ignore[method-assign]
        assert alice.side(bob).count() is None


def test_a_commitment_by_anothers_key_is_refused(server: Server) -> None:
    bob = Bob(server, "anothers", COMMON)
    for key in ("carol", "alice", "security-bob"):
        answer = bob.commit(bob.seal(bob.commitment(), server.keys[key]))
        assert (answer.status_code, "not signed by one registered key" in answer.text) == (422, True)
    assert bob.commit(bob.seal(bob.commitment(member="carol"))).status_code == 422
    told = (server.data / "log" / "entries.jsonl").read_text().splitlines()
    last = [json.loads(one) for one in told if '"overlap-refused"' in one][-4:]
    assert [one["payload"]["member"] for one in last] == [server.members["bob"]] * 4


def test_twins_and_broken_points_in_a_list_are_refused(server: Server, tmp_path: Path) -> None:
    good = Bob(server, "broken", COMMON)
    top = good.list[:31] + bytes([good.list[31] | 0x80])
    lists = {
        "twins": good.list[:-32] + good.list[:32],
        "identity": good.list[:-32] + bytes(32),
        "no-point": good.list[:-32] + b"\xff" * 32,
        "top-bit": top + good.list[32:],
    }
    for name, data in lists.items():
        with alice_at(server, tmp_path, name, COMMON) as alice:
            bob = Bob(server, name, COMMON)
            bob.list = data
            assert bob.commit().status_code == 201
            alice.client.commit(alice.folder.envelope)
            answer = bob.put_list()
            assert answer.status_code == 422, name
            assert len(refusals(server, name)) == 1


def test_in_league_with_the_operator_a_member_can_mark_its_items_as_docs_say() -> None:
    """What no check finds: multiples that it can tell apart, in place of one scalar for all."""
    b, items = group.random_scalar(), [item.encode() for item in ("held", "not-held", "also-held")]
    held = [items[0], items[2], b"others"]
    theirs = {group.multiply(b, hash_to_group(item, CONTEXT)) for item in held}  # bob's list
    marks = [group.random_scalar() for _ in items]
    pairs = list(zip(marks, items, strict=True))
    mine = [group.multiply(mark, hash_to_group(item, CONTEXT)) for mark, item in pairs]
    tags = {group.multiply(b, point) for point in mine}  # bob's tags of alice's list, in whatever order
    found = [item for mark, item in pairs if any(group.multiply(mark, point) in tags for point in theirs)]
    assert found == [b"held", b"also-held"]
