"""A run goes on where it was: after a kill, on another server of its database, until its time is over."""

import hashlib
import signal
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from overlap_naive import SETTINGS, STEPS, Naive, couple, enrol, go_on, overlap_server
from servers import Server, run, serving
from test_overlap_server_runs import logged

from countermark.share.overlap.batches import check_all, random_points
from countermark.share.server.folder import opened
from countermark.share.server.overlap_telling import OVER, run_entry
from countermark.share.server.times import now
from countermark.store.exchange import OverlapSide
from running import countermark

CHANGES = ["DELETE FROM overlap_sides", "UPDATE overlap_sides SET key_sha256 = 'f'"]
BOTH = ["sqlite", "postgresql"]
DAY = 86_400_000_000


def restarted(server: Server, sig: int = signal.SIGKILL) -> Server:
    """The same exchange, served by a new process."""
    server.stop(sig)
    again = run(server.data)
    again.tokens, again.members, again.keys = server.tokens, server.members, server.keys
    return again


@pytest.mark.parametrize("kind", BOTH)
def test_a_server_that_is_killed_between_any_two_steps(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    with overlap_server(request, tmp_path, kind) as server:
        one, other = Naive(server, "alice", "bob", "killed"), Naive(server, "bob", "alice", "killed")
        before = ""
        try:
            for step in STEPS:
                go_on(one, other, before, step)
                entries = one.state()["entries"]
                before, server = step, restarted(server)
                one.server = other.server = server
                found = one.state()
                assert found["entries"] == entries
                assert [side["entry"] in entries for side in found["sides"]] == [True, True]
            assert one.ask("GET", "/unshuffled").status_code == 200
            assert [one.put_planted().status_code, one.commit(one.envelope).status_code] == [200, 200]
        finally:
            server.stop()


@pytest.mark.parametrize("kind", BOTH)
def test_what_a_killed_server_had_not_counted_is_counted_by_the_next(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    with overlap_server(request, tmp_path, kind) as server:
        one, other = couple(server, "count", "planted")
        assert one.put_proven().status_code == 200
        theirs = other.ask("GET", "/planted").json()["positions"]
        proven = other.proven(theirs)
        server.stop(signal.SIGKILL)
        with opened(
            server.data
        ) as folder:  # as if it had been killed between keeping the proof and the count
            first, second = sorted((server.members["alice"], server.members["bob"]))
            with folder.store.overlap.turn((first, second), "count") as turn:
                text = '{"positions":%s,"evaluated":%s,"proofs":%s}'
                parts = [str(proven[name]).replace("'", '"').replace(" ", "") for name in proven]
                turn.put(server.members["bob"], "proven", 0, (text % tuple(parts)).encode())
                turn.update_side(server.members["bob"], proven=True)
            assert turn.run is not None
            assert turn.run.state == "tagged"
        again = restarted(server)
        one.server = again
        try:
            assert (one.state()["state"], one.state()["size"]) == ("counted", 40)
            assert [entry["kind"] for entry in logged(again, "count")].count("counted") == 1
        finally:
            again.stop()


def test_two_servers_of_one_database_serve_one_run(postgres_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, postgres_url, settings=SETTINGS) as first:
        enrol(first)
        second = run(first.data)
        second.tokens, second.members, second.keys = first.tokens, first.members, first.keys
        try:
            one, other = Naive(first, "alice", "bob", "two"), Naive(second, "bob", "alice", "two")
            go_on(one, other, "", "planted")
            answers: list[Any] = []
            threads = [
                threading.Thread(target=lambda mine=mine: answers.append(mine.put_proven()))
                for mine in (one, other, one, other)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            assert [answer.status_code for answer in answers] == [200] * 4 or {
                answer.status_code for answer in answers
            } <= {200, 409}  # the proofs of one member are random: the second is another
            assert one.state()["size"] == other.state()["size"] == 40
            assert [entry["kind"] for entry in logged(first, "two")].count("counted") == 1
            go_on(one, other, "counted", "unshuffled")
            assert one.state() == other.state()
            assert one.ask("GET", "/unshuffled").status_code == 200
        finally:
            second.stop()


def test_members_that_commit_at_once_make_one_run_and_use_a_list_once(
    postgres_url: str, tmp_path: Path
) -> None:
    with serving(tmp_path, postgres_url, settings=SETTINGS) as first:
        enrol(first)
        second = run(first.data)
        second.tokens, second.members, second.keys = first.tokens, first.members, first.keys
        try:
            couples = [
                (
                    Naive(first, "alice", "bob", f"at-once-{number}"),
                    Naive(second, "bob", "alice", f"at-once-{number}"),
                )
                for number in range(4)
            ]
            copied = [
                Naive(server, "carol", peer, "copy")
                for server, peer in ((first, "alice"), (second, "bob"), (first, "reader"))
            ]
            same = copied[0].list
            answers: list[int] = []

            def commit(mine: Naive, data: bytes) -> None:
                mine.list = data
                answers.append(mine.commit().status_code)

            everyone = [(mine, mine.list) for both in couples for mine in both] + [
                (mine, same) for mine in copied
            ]
            threads = [threading.Thread(target=commit, args=one) for one in everyone]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            assert sorted(answers) == [201] * 9 + [409] * 2
            assert {one.state()["state"] for one, _ in couples} == {"ready"}
        finally:
            second.stop()


@pytest.mark.parametrize("kind", BOTH)
def test_when_its_time_is_over_lists_are_deleted_and_digests_stay(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    with overlap_server(request, tmp_path, kind) as server:
        one, other = couple(server, "over", "tagged")
        pair = tuple(sorted((server.members["alice"], server.members["bob"])))
        with opened(server.data) as folder:
            overlap = folder.store.overlap
            with overlap.turn((pair[0], pair[1]), "over") as turn:
                assert turn.run is not None
                assert 13 * DAY < (turn.run.expires or 0) - now() <= 14 * DAY
                turn.update(expires=now() - 1)
            # nobody has deleted it yet, and nothing of it is given any more
            assert one.state()["state"] == "expired"
            assert one.put_planted().status_code == 409
            assert one.ask("GET", "/blinded/0").status_code == 404
            found = overlap.find((pair[0], pair[1]), "over")
            assert found is not None
            kept = [
                overlap.sums(found.run_id, member, what) for member in pair for what in ("blinded", "tags")
            ]
            assert [len(sums) for sums in kept] == [1] * 4
            assert overlap.expire(now(), OVER, run_entry) == 1
            assert overlap.expire(now(), OVER, run_entry) == 0
            kept = [
                overlap.sums(found.run_id, member, what) for member in pair for what in ("blinded", "tags")
            ]
            assert kept == [{}] * 4
            folder.drain()
        assert (one.state()["state"], one.state()["expires"]) == ("expired", None)
        assert [entry["kind"] for entry in logged(server, "over")][-1] == "expired"
        later = Naive(server, "alice", "bob", "later")
        again = later.commitment(list_sha256=hashlib.sha256(one.list).hexdigest())
        assert later.commit(later.seal(again)).status_code == 409
        assert other.commit(other.envelope).status_code == 200


@pytest.mark.parametrize("kind", BOTH)
def test_a_server_deletes_what_is_over_by_itself(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    with overlap_server(request, tmp_path, kind) as server:
        one, _ = couple(server, "upkeep", "listed")
        pair = sorted((server.members["alice"], server.members["bob"]))
        with opened(server.data) as folder, folder.store.overlap.turn((pair[0], pair[1]), "upkeep") as turn:
            turn.update(expires=now() - 1)
        again = restarted(server, signal.SIGTERM)
        one.server = again
        try:
            with opened(again.data) as folder:
                for _ in range(100):
                    found = folder.store.overlap.find((pair[0], pair[1]), "upkeep")
                    assert found is not None
                    if found.state == "expired":
                        break
                    time.sleep(0.05)
                assert folder.store.overlap.sums(found.run_id, pair[0], "blinded") == {}
            assert one.state()["state"] == "expired"
        finally:
            again.stop()


@pytest.mark.parametrize(
    "change", ["DELETE FROM overlap_sides", "UPDATE overlap_sides SET list_sha256 = 'f'"]
)
def test_the_log_shows_that_a_commitment_was_taken_out_of_the_database(
    request: pytest.FixtureRequest, tmp_path: Path, change: str
) -> None:
    with overlap_server(request, tmp_path, "sqlite") as server:
        couple(server, "audit", "committed")
        server.stop()
        line = ("share", "audit", "verify", "--data", server.data)
        assert countermark(*line).code == 0
        with sqlite3.connect(server.data / "exchange.db") as connection:
            connection.execute(f"{change} WHERE member_id = '{server.members['bob']}'")
        done = countermark(*line)
        assert (done.code, "the commitment of" in done.out + done.err) == (20, True)


def test_a_turn_that_fails_changes_nothing(database_url: str) -> None:
    from stores import exchange

    with exchange(database_url) as one:
        ada, bob = sorted(one.caller(name).member.member_id for name in ("ada", "bob"))
        overlap = one.store.overlap
        side = OverlapSide(
            member_id=ada, envelope=b"{}", commitment_sha256="1", list_sha256="2", key_sha256="3", size=1024
        )
        with suppress(KeyError), overlap.turn((ada, bob), "x", committing=True) as turn:
            turn.add_side(turn.create("committed", now() + DAY), side)
            turn.log("overlap-committed", {"run": "x"})
            raise KeyError
        assert overlap.find((ada, bob), "x") is None
        assert one.store.outbox.take() == []
        with overlap.turn((ada, bob), "x", committing=True) as turn:
            turn.add_side(turn.create("committed", now() + DAY), side)
            turn.log("overlap-committed", {"run": "x"})
        assert [kind for _, kind, _ in one.store.outbox.take()] == ["overlap-committed"]
        assert overlap.counts() == {"committed": 1}
        assert overlap.find((ada, bob), "\0") is None


def test_points_are_checked_wherever_they_stand() -> None:
    points = random_points(3000)
    check_all(points)
    for at in (0, 255, 256, 2999):
        for bad in (
            bytes(32),
            b"\xff" * 32,
            points[at * 32 : at * 32 + 31] + bytes([points[at * 32 + 31] | 0x80]),
        ):
            with pytest.raises(Exception, match=f"point {at} of"):
                check_all(points[: at * 32] + bad + points[at * 32 + 32 :], workers=2)
