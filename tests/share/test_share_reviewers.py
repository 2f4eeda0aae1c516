"""A reviewer is of the member that is named, of the only one there is, or of nobody; nobody is no member."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange_parties import indicator
from servers import RELEASED, Server, run, serving
from test_share_releases import API, give, statement

from countermark.records.exchange import Caller, Member
from countermark.share.server.api import about
from countermark.share.server.keys import member_keys
from countermark.trust.log import Log
from countermark.trust.signing import SigningKey
from running import Done, countermark


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as running:
        yield running


def share(data: Path, *arguments: Path | str) -> Done:
    done = countermark("share", *arguments, "--data", data)
    assert done.code == 0, done.err
    return done


def members(data: Path) -> dict[str, Any]:
    listed = json.loads(share(data, "member", "list", "--json").out)["members"]
    return {one["name"]: one for one in listed}


def test_without_a_name_it_is_the_only_members(tmp_path: Path) -> None:
    data = tmp_path / "data"
    run(data).stop()
    done = share(data, "member", "add", "early", "--role", "reviewer-counsel")
    assert done.out.startswith("cmx_")
    assert "early reviews for nobody yet; share member attach identity--" in done.err
    assert "--of MEMBER" in done.err
    share(data, "member", "add", "gone", "--role", "member")
    share(data, "member", "disable", "gone")
    share(data, "member", "add", "alice", "--role", "member")
    done = share(data, "member", "add", "ada", "--role", "reviewer-security")
    assert done.out.startswith("cmx_")
    assert "ada reviews for alice" in done.err
    share(data, "member", "add", "bob", "--role", "member")
    assert "nobody" in share(data, "member", "add", "late", "--role", "reviewer-security").err
    assert "late reviews for bob" in share(data, "member", "attach", "late", "--of", "bob").err
    again = countermark("share", "member", "attach", "late", "--of", "alice", "--data", data)
    assert "already" in again.error()
    found = members(data)
    alice, bob = found["alice"]["member_id"], found["bob"]["member_id"]
    assert [found[one]["of"] for one in ("early", "ada", "late", "bob")] == [None, alice, bob, None]
    assert [one.kind for one in Log.open(data / "log").entries()].count("reviewer-attached") == 1
    assert json.loads(share(data, "audit", "verify", "--json").out)["verified"] is True


def test_who_reviews_for_nobody_sees_and_signs_nothing(server: Server, tmp_path: Path) -> None:
    key = SigningKey.generate()
    server.keys["loose"] = key
    public = key.save(tmp_path / "loose.key")
    add = ["member", "add", "loose", "--role", "reviewer-security", "--key", public]
    server.tokens["loose"] = share(server.data, *add).out.strip()
    server.post("alice", indicator(1))
    filed = server.ask("alice", "POST", f"{API}/disputes", json={"object_id": indicator(1)["id"]}).json()
    release = statement(server.members["alice"], indicator(2))
    assert give(server, "alice", release, "loose", "counsel").status_code == 422
    assert give(server, "alice", release, "security", "counsel").status_code == 201
    one = f"{API}/disputes/{filed['dispute_id']}"
    paths = [one, f"{API}/releases/{release.release_id}", *proofs(server)]
    assert {server.ask("loose", "GET", path).status_code for path in paths} == {404}
    assert server.ask("loose", "DELETE", f"{API}/releases/{release.release_id}").status_code == 404
    assert server.ask("loose", "GET", f"{API}/disputes").json() == {"disputes": []}
    assert server.get("loose").status_code == 404
    assert server.ask("security", "GET", one).status_code == 200
    share(server.data, "member", "attach", "loose", "--of", "alice")
    release = statement(server.members["alice"], indicator(3))
    assert give(server, "alice", release, "loose", "counsel").status_code == 201
    assert server.post("alice", indicator(3), collection=RELEASED).json()["success_count"] == 1


def proofs(server: Server) -> list[str]:
    """Paths of the proofs of all entries but those that name the reviewer itself."""
    lines = (server.data / "log" / "entries.jsonl").read_text().splitlines()
    mine = members(server.data)["loose"]["member_id"]
    others = [at for at, line in enumerate(lines) if mine not in line]
    assert len(others) > 5
    return [f"{API}/audit/entries/{at}/proof" for at in others]


def test_nobody_is_nobodys_member() -> None:
    loose = Member(member_id="identity--1", name="loose", role="reviewer-security")
    caller = Caller(member=loose, token_id="t", actions=frozenset({"review"}))
    assert about(caller, "identity--1")
    for other in ("identity--2", "", None):
        assert not about(caller, other)  # type: ignore[arg-type]

    class Store:
        class members:
            all = staticmethod(lambda: [loose])
            keys = staticmethod(lambda _: [SigningKey.generate().public])

    assert member_keys(Store, "identity--2") == []  # type: ignore[arg-type]
