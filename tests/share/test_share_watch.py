"""Who is late is noticed once, whatever is killed, by however many servers, and forgotten when it is over."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dispute_samples import QUICK, filed_long_ago, late, object_of, until, waiting
from exchange_parties import indicator
from servers import HIDDEN, SHARED, Server, run, serving
from test_share_releases import logged

from countermark.share.server.filed import Filed
from countermark.share.server.folder import DataFolder, opened
from countermark.share.server.press import Press
from countermark.share.server.watch import Watch

SLOW = "watch_seconds = 3600\n"


@pytest.fixture
def url(database_url: str) -> str | None:
    return None if database_url.startswith("sqlite") else database_url


@contextmanager
def prepared(tmp_path: Path, url: str | None, settings: str = SLOW) -> Iterator[tuple[Server, str]]:
    """A server that does not look by itself, and a dispute about what bob has read."""
    with serving(tmp_path, url, settings=settings) as server:
        server.post("alice", indicator(1))
        server.get("bob")
        server.post("alice", indicator(1, 1, revoked=True))
        yield server, filed_long_ago(server)


def watch(folder: DataFolder) -> tuple[Watch, Press]:
    """A look-out beside the server, whose log is read anew with every look."""
    press = Press(folder.store)
    return Watch(folder.store, Filed(), press, folder.open_log, lambda: None), press


def test_two_that_look_notice_it_once(tmp_path: Path, url: str | None) -> None:
    with prepared(tmp_path, url) as (server, dispute), opened(server.data) as folder:
        one, other = watch(folder)[0], watch(folder)[0]
        assert [one.look(), other.look(), one.look(), other.look()] == [1, 0, 0, 0]
        folder.drain()
        (entry,) = logged(server, "revocation-overdue")
        assert (entry["dispute_id"], entry["member"]) == (dispute, server.members["bob"])
        assert waiting(server) == {(dispute, server.members["bob"])}


def test_what_is_not_due_is_not_looked_at(tmp_path: Path, url: str | None) -> None:
    with serving(tmp_path, url, settings=SLOW) as server:
        server.post("alice", indicator(1))
        server.get("bob")
        filed = server.ask(
            "alice", "POST", "/exchange-api/v1/disputes", json={"object_id": indicator(1)["id"]}
        )
        assert filed.status_code == 201
        with opened(server.data) as folder:
            assert watch(folder)[0].look() == 0


@pytest.mark.parametrize("moment", ["in the transaction", "before the log"])
def test_killed_while_it_notices_it_is_noticed_once(tmp_path: Path, url: str | None, moment: str) -> None:
    program = """
import os, sys
from pathlib import Path
from countermark.share.server.filed import Filed
from countermark.share.server.folder import opened
from countermark.share.server.press import Press
from countermark.share.server.watch import Watch
from countermark.store.exchange import overdue
with opened(Path(sys.argv[1])) as folder:
    if sys.argv[2] == "in the transaction":
        overdue.write_entry = lambda *_: os._exit(9)
    press = Press(folder.store)
    Watch(folder.store, Filed(), press, folder.open_log, lambda: None).look()
    os._exit(9)
"""
    with prepared(tmp_path, url) as (server, dispute):
        for _ in range(2):
            line = [sys.executable, "-c", program, str(server.data), moment]
            assert subprocess.run(line, check=False, timeout=60).returncode == 9
        bob = server.members["bob"]
        assert waiting(server) == (set() if moment == "in the transaction" else {(dispute, bob)})
        server.stop(9)
        again = run(server.data)  # which looks once when it begins
        again.tokens, again.members = server.tokens, server.members
        try:
            until(lambda: again.get("bob", "manifest/").status_code == 403)
            until(lambda: logged(again, "revocation-overdue"))
            assert len(logged(again, "revocation-overdue")) == 1
        finally:
            again.stop()


def test_killed_after_the_read_was_logged_the_next_look_lets_go(tmp_path: Path, url: str | None) -> None:
    with prepared(tmp_path, url) as (server, dispute), opened(server.data) as folder:
        looking, press = watch(folder)
        assert looking.look() == 1
        # the server has not looked, and so presses nobody: the read goes into the log, and nothing else
        assert server.get("bob").status_code == 200
        assert waiting(server) == {(dispute, server.members["bob"])}
        assert looking.look() == 0
        assert waiting(server) == set()
        assert press._late == {}
        assert watch(folder)[0].look() == 0


def test_who_has_fetched_it_is_not_pressed_again_by_one_that_has_read_less(
    tmp_path: Path, url: str | None
) -> None:
    with prepared(tmp_path, url) as (server, dispute), opened(server.data) as folder:
        old_log = folder.open_log()
        behind = Watch(folder.store, Filed(), Press(folder.store), lambda: old_log, lambda: None)
        assert behind.look() == 1
        server.get("bob")
        folder.store.overdue.settle(server.members["bob"], [dispute])
        assert behind.look() == 0
        assert waiting(server) == set()


def test_one_that_has_read_less_lets_nobody_go(tmp_path: Path, url: str | None) -> None:
    with prepared(tmp_path, url) as (server, dispute), opened(server.data) as folder:
        old_log = folder.open_log()
        behind = Watch(folder.store, Filed(), Press(folder.store), lambda: old_log, lambda: None)
        assert behind.look() == 1  # bob
        server.get("reader", f"{object_of()}?match[version]=first")
        late_ones = {(dispute, server.members[one]) for one in ("bob", "reader")}
        assert watch(folder)[0].look() == 1
        assert waiting(server) == late_ones
        assert behind.look() == 0
        assert waiting(server) == late_ones


def test_what_another_server_gave_counts_at_once(tmp_path: Path, url: str | None) -> None:
    with serving(tmp_path, url, settings=QUICK) as server:
        other = run(server.data)
        other.tokens, other.members = server.tokens, server.members
        try:
            late(server)
            until(lambda: other.get("bob", "manifest/").status_code == 403)
            assert other.get("bob", object_of()).status_code == 200
            assert server.get("bob", "manifest/").status_code == 200
        finally:
            other.stop()


def test_who_is_late_is_known_from_the_start(tmp_path: Path, url: str | None) -> None:
    with serving(tmp_path, url, settings=QUICK) as server:
        late(server)
        server.stop()
        (server.data / "exchange.toml").write_text(
            (server.data / "exchange.toml").read_text().replace(QUICK, SLOW)
        )
        again = run(server.data)
        again.tokens, again.members = server.tokens, server.members
        try:
            assert again.get("bob", "manifest/").status_code == 403
        finally:
            again.stop()


def test_where_nobody_is_late_a_page_asks_one_thing() -> None:
    """The page's way: a dictionary that is empty."""

    class Nothing:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    press = Press(Nothing())  # type: ignore[arg-type]
    assert not press.late(Nothing(), Nothing())  # type: ignore[arg-type]
    asyncio.run(press.given(Nothing(), Nothing(), "manifest", (1,)))  # type: ignore[arg-type]


def test_a_version_of_the_withdrawal_that_comes_later_is_one_too(tmp_path: Path, url: str | None) -> None:
    with prepared(tmp_path, url) as (server, dispute), opened(server.data) as folder:
        looking, _ = watch(folder)
        assert looking.look() == 1
        before = {one.dispute_id: one.wanted for one in folder.store.overdue.waiting()}
        server.post("alice", indicator(1, 2, revoked=True))
        assert looking.look() == 0
        after = {one.dispute_id: one.wanted for one in folder.store.overdue.waiting()}
        assert set(before[dispute][SHARED]) < set(after[dispute][SHARED])
        folder.drain()
        assert len(logged(server, "revocation-overdue")) == 1
        assert json.loads(server.get("bob").content)["objects"][0]["revoked"] is True
        assert looking.look() == 0
        assert waiting(server) == set()


def test_many_disputes_without_a_withdrawal_take_turns(
    tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path, url, settings=SLOW) as server, opened(server.data) as folder:
        server.post("alice", *[indicator(number) for number in range(5)])
        disputes = {filed_long_ago(server, number) for number in range(5)}
        looked_up: list[str] = []
        stand = Watch._stand

        def counted(self: Watch, one: Any) -> None:
            looked_up.append(one.dispute.dispute_id)
            stand(self, one)

        monkeypatch.setattr("countermark.share.server.watch._MOST_LOOKED_UP", 2)
        monkeypatch.setattr(Watch, "_stand", counted)
        looking, _ = watch(folder)
        assert looking.look() == 5
        assert set(looked_up) == disputes
        del looked_up[:]
        for count in (2, 4, 6):
            assert looking.look() == 0
            assert len(looked_up) == count
        assert set(looked_up) == disputes


def test_a_reader_is_not_late_where_it_is_withdrawn_elsewhere_alone(tmp_path: Path, url: str | None) -> None:
    with serving(tmp_path, url, settings=SLOW) as server, opened(server.data) as folder:
        alice = server.members["alice"]
        folder.store.collections.grant(HIDDEN, member_id=alice, read=True, write=True)
        until(lambda: server.post("alice", indicator(1), collection=HIDDEN).status_code == 202)
        server.post("alice", indicator(1))
        server.get("bob")  # who may not see the hidden collection
        server.post("alice", indicator(1, 1, revoked=True), collection=HIDDEN)
        dispute = filed_long_ago(server)
        looking, press = watch(folder)
        assert looking.look() == 1
        assert waiting(server) == {(dispute, alice)}
        server.post("alice", indicator(1, 1, revoked=True))
        assert looking.look() == 1
        assert waiting(server) == {(dispute, server.members["bob"])}
        # withdrawn there no more: it is late still, and is refused nothing where it could not fetch it
        path = f"/exchange/collections/{SHARED}/{object_of()}"
        assert server.ask("alice", "DELETE", f"{path}?match[version]={indicator(1, 1)['modified']}")
        looking.look()
        assert (server.members["bob"], SHARED) not in press._late
