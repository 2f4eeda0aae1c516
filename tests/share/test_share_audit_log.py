"""Reads and changes are in the log before they are answered, each once, whenever the process is killed."""

import json
import threading
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx2
import pytest
from exchange_parties import indicator
from servers import RELEASED, SHARED, Server, run, serving, start

from running import countermark

KILLED = Path(__file__).with_name("killed_server.py")


def entries(server: Server, kind: str | None = None) -> list[dict[str, Any]]:
    """Entries of the log, of a kind or all."""
    lines = (server.data / "log" / "entries.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [one for one in found if kind in (None, one["kind"])]


def positions(entry: dict[str, Any]) -> list[int]:
    """Positions that an entry names."""
    return list(accumulate(entry["payload"]["positions"]))


def verified(server: Server) -> dict[str, Any]:
    """What `share audit verify` says of a server's folder."""
    done = countermark("share", "audit", "verify", "--data", server.data, "--json")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    assert found["verified"] is True
    return found


@pytest.mark.parametrize("moment", ["before-log", "in-log", "before-drop"])
def test_a_kill_between_database_and_log_loses_nothing_and_doubles_nothing(
    tmp_path: Path, database_url: str, moment: str
) -> None:
    server = start(tmp_path, database_url)
    assert server.post("alice", indicator(1)).status_code == 202
    assert server.stop() == 0
    killed = run(server.data, program=(str(KILLED), moment))
    killed.tokens = server.tokens
    with pytest.raises(httpx2.TransportError):
        killed.post("alice", indicator(2), indicator(3))
    assert killed.stop() == -9
    again = run(server.data)
    again.tokens, again.members = server.tokens, server.members
    try:
        repeated = again.post("alice", indicator(2), indicator(3), indicator(4)).json()
        assert repeated["success_count"] == 3
        page = again.get("bob").json()["objects"]
        assert [one["id"] for one in page] == [indicator(number)["id"] for number in (1, 2, 3, 4)]
    finally:
        again.stop()
    added = entries(again, "objects-added")
    numbers = [one["payload"]["outbox"] for one in entries(again) if "outbox" in one["payload"]]
    assert len(set(numbers)) == len(numbers)
    named = Counter(position for one in added for position in positions(one))
    assert len(named) == 4
    assert set(named.values()) == {1}
    found = verified(again)
    assert (found["added"], found["waiting"], found["contents"]) == (4, 0, 4)


def test_many_readers_at_once_share_a_few_entries_and_none_is_missing(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.post("alice", *[indicator(number) for number in range(20)])
        answers: list[int] = []

        def read() -> None:
            with httpx2.Client(trust_env=False, timeout=60) as client:
                for _ in range(5):
                    headers = {"Authorization": f"Bearer {server.tokens['bob']}"}
                    url = f"{server.url}/exchange/collections/{SHARED}/objects/"
                    answers.append(client.get(url, headers=headers).status_code)

        threads = [threading.Thread(target=read) for _ in range(10)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert answers == [200] * 50
        assert len(entries(server, "objects-read")) == 50
    assert verified(server)["reads"] == 50


def test_an_entry_of_a_read_says_who_was_given_what_and_own_objects_are_none(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.post("alice", indicator(1))
        server.post("bob", indicator(2))
        server.post("alice", indicator(3))
        rows = server.get("operator", "manifest/").json()["objects"]
        assert server.get("bob").status_code == 200
        assert server.get("reader", "manifest/?limit=1").status_code == 200
        assert server.get("alice", f"objects/{indicator(1)['id']}/").status_code == 200
        reads = [one["payload"] for one in entries(server, "objects-read")]
    by = {one["member"]: one for one in reads}
    bob, reader = by[server.members["bob"]], by[server.members["reader"]]
    assert (bob["what"], reader["what"]) == ("objects", "manifest")
    assert bob["owners"] == reader["owners"] == [server.members["alice"]]
    assert len(list(accumulate(bob["positions"]))) == 2
    assert len(rows) == 3
    assert server.members["alice"] not in by
    assert bob["token"] == server.tokens["bob"].split("_")[1]


def test_a_read_that_cannot_be_logged_is_not_answered(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.post("alice", indicator(1))
        log = server.data / "log"
        log.rename(server.data / "away")
        assert server.get("bob").status_code == 503
        assert "pattern" not in server.get("bob").text
        ready = server.ask(None, "GET", "/readyz")
        assert (ready.status_code, ready.json()["checks"]["log"]) == (503, False)
        if log.exists():
            for left in log.iterdir():
                left.unlink()
            log.rmdir()
        (server.data / "away").rename(log)
        assert server.get("bob").status_code == 200
    assert verified(server)["reads"] == 1


def test_objects_that_no_release_names_are_refused_and_counted(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        refused = server.post("alice", indicator(1), collection=RELEASED).json()
        assert (refused["failure_count"], refused["success_count"]) == (1, 0)
        assert entries(server, "objects-added")[-1]["payload"]["failed"] == 1
        figures = server.ask(None, "GET", "/metrics").text
        assert 'countermark_exchange_objects_total{what="refused"} 1.0' in figures


def test_verify_finds_what_was_changed_behind_the_log(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.post("alice", indicator(1), indicator(2), indicator(3))
    import sqlite3

    with sqlite3.connect(server.data / "exchange.db") as database:
        database.execute(
            "UPDATE objects SET data = replace(data, '198.51.100.7', '198.51.100.8') WHERE rowid = 1"
        )
        database.execute("DELETE FROM objects WHERE date_added = (SELECT max(date_added) FROM objects)")
    database.close()
    done = countermark("share", "audit", "verify", "--data", server.data)
    assert done.code == 20
    assert "the database has not" in done.err
    path = server.data / "log" / "entries.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"failed":0', b'"failed":1'))
    done = countermark("share", "audit", "verify", "--data", server.data)
    assert done.code == 20
    assert "not those under its checkpoint" in done.err


def test_a_database_from_an_older_copy_is_noticed_and_nothing_is_logged_over_it(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.post("alice", indicator(1))
    copy = {path: path.read_bytes() for path in server.data.glob("exchange.db*")}
    again = run(server.data)
    again.tokens = server.tokens
    again.post("alice", indicator(2))
    again.stop()
    for path in server.data.glob("exchange.db*"):
        path.unlink()
    for path, data in copy.items():
        path.write_bytes(data)
    before = (server.data / "log" / "checkpoint").read_text()
    third = run(server.data)
    third.tokens = server.tokens
    assert third.post("alice", indicator(3)).status_code == 503
    third.stop()
    assert (server.data / "log" / "checkpoint").read_text() == before
    done = countermark("share", "audit", "verify", "--data", server.data)
    assert done.code == 20
