"""A sighting: one member's indicator is polled by another, seen there too, and the first is told."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from policy_samples import US, write_context, write_legal
from release_folders import indicators
from servers import RELEASED, SHARED, Server, serving

from countermark.errors import ExitCode
from countermark.share.stix.reading import Received
from running import Done, countermark

TODAY = datetime.now(UTC).date()


@dataclass(frozen=True)
class Alice:
    """A member with an indicator of bob's in hand."""

    server: Server
    folder: Path
    indicator: dict[str, Any]

    def share(self, verb: str, *words: Path | str) -> Done:
        """A verb with her home."""
        return countermark("share", verb, *words, "--home", self.folder / "home")

    def ask(self, verb: str, who: str, *words: Path | str) -> Done:
        """A verb at the exchange."""
        token = self.folder / f"{who}.token"
        return countermark("share", verb, *words, "--token-file", token)

    def sight(self, *more: Path | str, target: str = "") -> Done:
        """`share sight`."""
        given = ("--context", self.folder / "context.yaml", "--out", self.folder / "seen.jsonl")
        where = (self.folder / "received", target or self.indicator["id"])
        return self.share("sight", *where, "--first-day", str(TODAY), *given, *more)


@pytest.fixture
def alice(tmp_path: Path) -> Iterator[Alice]:
    with serving(tmp_path / "server") as server:
        (tmp_path / "home").mkdir(mode=0o700)
        yesterday = TODAY - timedelta(days=1)
        write_context(
            tmp_path / "context.yaml",
            member_id=server.members["alice"],
            member_name="alice",
            acted_upon=yesterday,
        )
        basis = msgspec.structs.replace(US, since=yesterday, until=TODAY + timedelta(days=90))
        write_legal(tmp_path / "home" / "legal.yaml", basis)
        for who in ("alice", "bob"):
            (tmp_path / f"{who}.token").write_text(server.tokens[who])
            (tmp_path / f"{who}.token").chmod(0o600)
        for role in ("security", "counsel"):
            server.keys[role].save(tmp_path / f"{role}.pem")
        (indicator,) = indicators(1, server.members["bob"])
        assert server.post("bob", indicator).status_code == 202
        desk = Alice(server, tmp_path, indicator)
        where = (server.url, "--collection", SHARED, "--out", tmp_path / "received")
        assert desk.ask("poll", "alice", *where).code == 0
        yield desk


def test_what_was_seen_goes_back_through_review_and_approval(alice: Alice) -> None:
    done = alice.sight("--count-bucket", "100", "--json")
    assert done.code == 0, done.err
    sighting_id = json.loads(done.out)["id"]
    seen = alice.folder / "seen.jsonl"
    done = alice.share("review", seen, "--context", alice.folder / "context.yaml")
    assert done.code == 0, done.err + done.out
    release = alice.folder / "seen.jsonl.release"
    for role in ("security", "counsel"):
        key = alice.folder / f"{role}.pem"
        done = alice.share("approve", release, "--as", role, "--key", key, "--name", f"A. {role}")
        assert done.code == 0, done.err
    where = ("--to", alice.server.url, "--collection", RELEASED)
    done = alice.ask("publish", "alice", seen, *where)
    assert done.code == 0, done.err + done.out

    out = alice.folder / "of-bob"
    done = alice.ask("poll", "bob", alice.server.url, "--collection", RELEASED, "--out", out)
    assert done.code == 0, done.err
    with Received(out) as received:
        sighting = received.latest(sighting_id)
    assert sighting is not None
    assert sighting["sighting_of_ref"] == alice.indicator["id"]
    assert sighting["where_sighted_refs"] == [alice.server.members["alice"]]
    assert sighting["created_by_ref"] == alice.server.members["alice"]


def test_what_cannot_be_sighted(alice: Alice) -> None:
    assert alice.sight("--count-bucket", "37").code == ExitCode.USAGE
    other = "indicator--00000000-0000-4000-8000-000000000000"
    assert alice.sight("--count-bucket", "10", target=other).code == ExitCode.NO_INPUT
    gone = alice.indicator | {"revoked": True, "modified": "2026-01-09T00:00:00.000Z"}
    assert alice.server.post("bob", gone).status_code == 202
    where = (alice.server.url, "--collection", SHARED, "--out", alice.folder / "received")
    assert "1 withdrawn" in alice.ask("poll", "alice", *where).out
    done = alice.sight("--count-bucket", "10")
    assert "is revoked" in done.error()
    assert not (alice.folder / "seen.jsonl").exists()
