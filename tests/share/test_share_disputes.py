"""What a dispute says holds whatever is deleted, outdated or said again afterwards."""

from collections.abc import Iterator
from typing import Any

import pytest
from exchange_parties import indicator
from servers import SHARED, Server, run, serving
from test_share_releases import API

from countermark.share.server.filed import Dispute, Filed

ONE = indicator(1)["id"]


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Server]:
    with serving(tmp_path) as running:
        yield running


def disputed(server: Server, who: str = "alice") -> dict[str, Any]:
    """What the exchange says of the dispute of the object, filed where it was not."""
    answer = server.ask(who, "POST", f"{API}/disputes", json={"object_id": ONE})
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


def delete(server: Server, version: str = "all") -> None:
    """Delete versions of the object."""
    path = f"/exchange/collections/{SHARED}/objects/{ONE}/?match[version]={version}"
    assert server.ask("alice", "DELETE", path).status_code == 200


def test_who_read_what_is_deleted_has_read_it(server: Server) -> None:
    server.post("alice", indicator(1))
    server.get("bob")
    delete(server)
    found = disputed(server)
    assert (found["missing"], found["revoked"]) == ([server.members["bob"]], False)
    server.post("alice", indicator(1, 1, revoked=True))
    server.get("bob")
    found = disputed(server)
    assert (found["missing"], found["revoked"]) == ([], True)
    assert [one["member"] for one in found["receipts"]] == [server.members["bob"]]


def test_a_revocation_that_is_deleted_clears_nobody(server: Server) -> None:
    server.post("alice", indicator(1))
    server.get("bob")
    server.post("alice", indicator(1, 1, revoked=True))
    assert server.get("bob").json()["objects"][0]["revoked"] is True
    assert disputed(server)["revoked"] is True
    delete(server, "last")
    found = disputed(server)
    assert (found["missing"], found["revoked"]) == ([server.members["bob"]], False)


@pytest.mark.parametrize("order", [(2, 1), (1, 2)])
def test_a_revocation_of_an_earlier_version_is_none_of_the_object(
    server: Server, order: tuple[int, ...]
) -> None:
    versions = {1: indicator(1, 1, revoked=True), 2: indicator(1, 2)}
    for one in order:
        server.post("alice", versions[one])
        server.get("bob")
    found = disputed(server)
    assert (found["missing"], found["receipts"], found["revoked"]) == ([server.members["bob"]], [], False)


def test_what_is_done_in_time_is_not_late(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from countermark.share.server import disputes
    from countermark.share.server.folder import opened
    from countermark.share.server.readers import copies

    server.post("alice", indicator(1))
    server.get("bob")
    filed = disputed(server)
    with opened(server.data) as folder:
        log = folder.open_log()
        shared = copies(folder.store, ONE, server.members["alice"])
        assert [len(one) for one in shared.said.values()] == [1]
        looking = disputes.Disputes(_Api(folder.store), Filed())  # type: ignore[arg-type]
        looking._filed.read(log)
        (dispute,) = looking._filed.by_id.values()
        assert looking._look(dispute, None, log)["late"] is False
        monkeypatch.setattr(disputes, "now", lambda: dispute.due)
        assert looking._look(dispute, None, log)["late"] is True
        server.post("alice", indicator(1, 1, revoked=True))
        server.get("bob")
        done = looking._look(dispute, None, folder.open_log())
        assert (done["late"], done["missing"], done["due"]) == (False, [], filed["due"])


class _Api:
    def __init__(self, store: Any) -> None:
        self.store = store


def test_one_look_through_the_log_at_a_time_for_each_member() -> None:
    import asyncio

    from countermark.records.exchange import Caller, Member
    from countermark.share.server import disputes
    from countermark.share.server.errors import TaxiiError

    class Slow:
        async def slow(self, *_: Any) -> dict[str, Any]:
            await asyncio.sleep(0.2)
            return {}

    class Auditor:
        log = None

    api = _Api(None)
    api.work, api.auditor = Slow(), Auditor()  # type: ignore[attr-defined]
    looking = disputes.Disputes(api, Filed())  # type: ignore[arg-type]
    dispute = Dispute("dispute--1", "m", ONE, 0, 0)

    def caller(name: str) -> Caller:
        member = Member(member_id=name, name=name, role="member")
        return Caller(member=member, token_id="t", actions=frozenset())

    async def ask() -> list[Any]:
        many = [looking._answer(caller(name), dispute) for name in ("a", "a", "b")]
        return await asyncio.gather(*many, return_exceptions=True)

    first, second, other = asyncio.run(ask())
    assert (first, other) == ({}, {})
    assert isinstance(second, TaxiiError)
    assert (second.status, second.headers["Retry-After"]) == (429, "1")


def test_what_another_process_filed_and_gave_is_seen_at_once(server: Server) -> None:
    other = run(server.data)
    other.tokens = server.tokens
    try:
        server.post("alice", indicator(1))
        assert server.ask("alice", "GET", f"{API}/disputes").json() == {"disputes": []}
        assert other.get("bob").status_code == 200
        filed = disputed(other)
        (listed,) = server.ask("alice", "GET", f"{API}/disputes").json()["disputes"]
        assert listed["dispute_id"] == filed["dispute_id"]
        assert other.get("reader").status_code == 200
        found = server.ask("alice", "GET", f"{API}/disputes/{filed['dispute_id']}").json()
        assert set(found["missing"]) == {server.members["bob"], server.members["reader"]}
    finally:
        other.stop()
    assert (server.data / "log").stat().st_mode & 0o077 == 0
