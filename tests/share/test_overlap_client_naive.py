"""The other side is a client that was written from the specification alone: sizes, and both tiers."""

from pathlib import Path
from typing import Any

import naive_overlap as naive
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from overlap_at_once import at_once
from overlap_members import Desk, mails
from overlap_naive import BYTES, overlap_server
from servers import Server

from countermark.share.overlap.identifiers import rules
from countermark.share.policy.document import default_policy


def naive_member(server: Server, desk: Desk, run: str, numbers: range) -> Any:
    """Bob, by the specification; its messages are bytes and its keys of the library."""

    def ask(method: str, path: str, content: bytes | None) -> tuple[int, bytes]:
        headers = BYTES if "/blinded/" in path or "/tags/" in path else {"Content-Type": "application/json"}
        answer = server.ask("bob", method, path, content=content, headers=headers)
        return answer.status_code, answer.content

    names = [value for _, value in mails(*numbers)]
    key, public = private(desk.folder / "member.pem"), server.keys["alice"].public.raw
    return naive.Member(ask, "bob", "alice", run, names, key, public, rules())


def private(path: Path) -> Any:
    return load_pem_private_key(path.read_bytes(), None)


def test_a_reader_of_the_specification_can_be_the_other_side(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with overlap_server(request, tmp_path / "server", "sqlite") as server:
        alice = Desk(server, tmp_path / "alice", "alice", "bob")
        bob = Desk(server, tmp_path / "bob", "bob", "alice")
        assert alice.prepare("naive", mails(*range(120))).code == 0
        other = naive_member(server, bob, "naive", range(80, 150))
        with at_once(alice, "naive") as beside:
            assert other.count() == 40
        assert (beside.code, beside.out) == (0, "size 40\n"), beside.err
        assert alice.review("naive").code == 0
        alice.approve_both("naive")
        out = alice.folder / "naive.matches"
        with at_once(alice, "naive", "--open", "--identifiers", alice.file, "--out", out) as beside:
            reviewers = [private(bob.folder / f"{role}.pem") for role in ("security", "counsel")]
            found = other.open(40, reviewers, default_policy().sha256)
        assert beside.code == 0, beside.err
        right = [value for _, value in mails(*range(80, 120))]
        assert sorted(one["value"] for one in alice.found("naive")) == sorted(right)
        assert sorted(item.rpartition(b"\0")[2].decode() for item in found) == sorted(right)
