"""Runs of the private overlap from the first commitment to the last position, by a naive client."""

import json
from collections.abc import Iterator

import pytest
from overlap_naive import BASE, SHARED_ITEMS, Naive, couple, go_on, overlap_server
from servers import Server

from countermark.share.overlap.batches import random_points
from countermark.trust.checkpoints import read_proof, verify_proof
from countermark.trust.entries import read_entry
from countermark.trust.notes import VerifierKey
from countermark.trust.signing import PublicKey

API = "/exchange-api/v1"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with overlap_server(request, tmp_path_factory.mktemp("overlap"), request.param) as running:
        yield running


def logged(server: Server, run: str) -> list[dict[str, object]]:
    """Entries of a run in the log, with their kind."""
    lines = (server.data / "log" / "entries.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    return [
        one["payload"] | {"kind": one["kind"].removeprefix("overlap-")}
        for one in entries
        if one["payload"].get("run") == run
    ]


def test_a_whole_run(server: Server) -> None:
    one, other = couple(server, "whole", "committed")
    assert [one.state()[key] for key in ("state", "size", "reason")] == ["ready", None, ""]
    for before, upto, state in (
        ("committed", "listed", "listed"),
        ("listed", "tagged", "tagged"),
        ("tagged", "planted", "tagged"),
        ("planted", "counted", "counted"),
        ("counted", "opened", "opened"),
        ("opened", "unshuffled", "opened"),
    ):
        go_on(one, other, before, upto)
        assert one.state()["state"] == other.state()["state"] == state
    found = one.state()
    assert (found["size"], found["under_floor"]) == (len(SHARED_ITEMS), False)
    assert [side["member"] for side in found["sides"]] == sorted(
        ("alice", "bob"), key=lambda name: server.members[name]
    )
    assert all(side["unshuffled"] and side["proven"] and side["opening"] for side in found["sides"])
    assert {side["member"]: side["commitment"] for side in found["sides"]} == {
        "alice": one.envelope.decode(),
        "bob": other.envelope.decode(),
    }
    for mine in (one, other):
        given = mine.ask("GET", "/unshuffled").json()
        assert sorted(str(mine.words[at]) for at in given["positions"]) == sorted(SHARED_ITEMS)
    kinds = [entry["kind"] for entry in logged(server, "whole")]
    assert sorted(set(kinds)) == sorted(
        ["committed", "counted", "given", "listed", "opening", "planted", "proven", "tagged", "unshuffled"]
    )
    assert kinds.count("given") == 2 * 4  # list, planted, matches, unshuffled
    assert one.state()["entries"] == sorted(one.state()["entries"])
    assert len(one.state()["entries"]) == len(kinds)


def test_each_entry_of_a_run_can_be_proven_by_both_and_by_nobody_else(server: Server) -> None:
    one, _ = couple(server, "proofs", "tagged")
    one.ask("PUT", "/planted", json={"positions": [1]})
    key = PublicKey.parse((server.data / "log.key.pub").read_text())
    origin = server.ask("alice", "GET", f"{API}/audit/checkpoint").text.split("\n")[0]
    found = one.state()
    for index in found["entries"]:
        path = f"{API}/audit/entries/{index}/proof"
        for who in ("alice", "bob", "security", "counsel-bob", "operator"):
            answer = server.ask(who, "GET", path)
            assert answer.status_code == 200, (who, index)
            proof = read_proof(answer.text)
            verify_proof(proof, read_entry(proof.extra).leaf_hash, VerifierKey(origin, key))
        for who in ("carol", "public", "reader"):
            assert server.ask(who, "GET", path).status_code == 404
    refused = read_entry(read_proof(answer.text).extra)
    assert (refused.kind, refused.payload["step"]) == ("overlap-refused", "planted")
    assert refused.payload["reason"] == "the body is no Planted as it has to be"
    assert refused.payload["member"] == server.members["alice"]
    for side in found["sides"]:
        entry = server.ask("operator", "GET", f"{API}/audit/entries/{side['entry']}/proof").text
        assert read_entry(read_proof(entry).extra).payload["member"] == server.members[side["member"]]


def test_a_small_overlap_is_said_to_be_under_the_floor_and_no_more(server: Server) -> None:
    one = Naive(server, "alice", "bob", "small", SHARED_ITEMS[:24])
    other = Naive(server, "bob", "alice", "small", SHARED_ITEMS[:24])
    go_on(one, other, "", "counted")
    found = one.state()
    assert (found["state"], found["size"], found["under_floor"]) == ("counted", None, True)
    counted = [entry for entry in logged(server, "small") if entry["kind"] == "counted"]
    assert [entry.get("size") for entry in counted] == [None]
    one_more = Naive(server, "alice", "bob", "floor", SHARED_ITEMS[:25])
    go_on(one_more, Naive(server, "bob", "alice", "floor", SHARED_ITEMS), "", "counted")
    assert one_more.state()["size"] == 25
    assert one.ask("GET", "/matches").status_code == 404
    assert one.ask("GET", "/blinded/0").status_code == 404  # nothing is kept of it


def test_all_that_is_sent_again_changes_nothing(server: Server) -> None:
    one, other = couple(server, "again", "committed")
    assert one.commit(one.envelope).status_code == 200
    go_on(one, other, "committed", "tagged")
    assert one.commit(one.envelope).status_code == 200
    for again in (one.put_list, lambda: one.put_tags(one.tags)):
        assert again().status_code == 200
    go_on(one, other, "tagged", "counted")
    before = logged(server, "again")
    answers = [one.put_list(), one.put_tags(one.tags), one.put_planted()]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [entry["kind"] for entry in logged(server, "again")] == [entry["kind"] for entry in before]
    opening = one.opening(other)
    assert [one.open(opening).status_code for _ in range(2)] == [201, 200]
    assert other.open(other.opening(one)).status_code == 201
    assert one.unshuffle().status_code == 200
    given = one.proven([one.tag_order[at] for at in one.ask("GET", "/matches").json()["positions"]])
    assert one.ask("PUT", "/unshuffled", json=given | {"proofs": ["00" * 64]}).status_code == 409
    assert one.ask("GET", "/unshuffled").status_code == 404  # the other has not given yet


def test_a_list_of_several_parts_comes_in_any_order(server: Server) -> None:
    size = 9 << 14
    one = Naive(server, "alice", "carol", "parts")
    one.list = random_points(size)
    other = Naive(server, "carol", "alice", "parts")
    assert [one.commit().status_code, other.commit().status_code] == [201, 201]
    cut = (1 << 17) * 32
    assert one.put_list(one.list[cut:], 1).status_code == 200
    assert other.ask("GET", "/blinded/1").status_code == 404
    assert one.put_list(one.list[: cut - 32], 0).status_code == 422
    assert one.put_list(one.list[:cut], 2).status_code == 404
    answer = one.put_list(one.list[:cut], 0)
    assert answer.status_code == 200
    assert [side["listed"] for side in answer.json()["sides"] if side["member"] == "alice"] == [True]
    parts = [other.ask("GET", f"/blinded/{part}") for part in range(3)]
    assert [part.status_code for part in parts] == [200, 200, 404]
    assert parts[0].content + parts[1].content == one.list


def test_who_ends_a_run_ends_it_for_both(server: Server) -> None:
    for run, who, by in (
        ("end-a", "alice", "alice"),
        ("end-b", "bob", "bob"),
        ("end-o", "operator", "the operator"),
    ):
        one, other = couple(server, run, "tagged")
        path = one.path if who != "bob" else other.path
        answer = server.ask(who, "DELETE", path + ("?member=alice" if who == "operator" else ""))
        assert (answer.status_code, answer.json()["state"]) == (200, "void")
        assert answer.json()["reason"] == f"ended by {by}"
        assert one.put_planted().status_code == 409
        assert one.ask("GET", "/blinded/0").status_code == 404
        assert [entry["kind"] for entry in logged(server, run)][-2:] == ["void", "refused"]
        assert server.ask("alice", "DELETE", one.path).json()["reason"] == f"ended by {by}"


def test_the_runs_of_a_member_are_listed_to_it_alone(server: Server) -> None:
    couple(server, "list-1", "committed")
    Naive(server, "carol", "bob", "list-2").commit()
    seen = {
        who: {one["run"] for one in server.ask(who, "GET", BASE).json()["runs"]} & {"list-1", "list-2"}
        for who in ("alice", "bob", "carol", "security", "counsel-bob", "operator", "reader", "public")
    }
    both = {"list-1", "list-2"}
    assert seen == {
        "alice": {"list-1"},
        "bob": both,
        "carol": {"list-2"},
        "security": {"list-1"},
        "counsel-bob": both,
        "operator": both,
        "reader": set(),
        "public": set(),
    }
    newest = server.ask("bob", "GET", BASE).json()["runs"][0]
    assert (newest["run"], newest["sides"][0]["entry"]) == ("list-2", newest["entries"][0])


def test_metrics_count_runs_by_state(server: Server) -> None:
    couple(server, "figures", "listed")
    text = server.ask("operator", "GET", "/metrics").text
    figures = dict(
        line.split(" ") for line in text.splitlines() if line.startswith("countermark_exchange_overlap_runs{")
    )
    assert int(float(figures['countermark_exchange_overlap_runs{state="listed"}'])) >= 1
