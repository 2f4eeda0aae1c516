"""A member that is killed at any moment, in whatever step, and goes on where it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from overlap_at_once import at_once, command
from overlap_members import Desk, mails
from overlap_naive import overlap_server
from servers import Server

HERE = Path(__file__).parent


def killed(line: list[str]) -> tuple[int, list[str], str]:
    """A command that is killed at every moment: exit code of the last, what it was killed at, its output."""
    program = [sys.executable, str(HERE / "killed_overlap.py"), *line[3:]]
    done = subprocess.run(
        program, capture_output=True, text=True, timeout=300, env={**os.environ, "COLUMNS": "100"}
    )
    lines = done.stdout.splitlines()
    moments = [one for one in lines if one.startswith(("before ", "after "))]
    rest = [one for one in lines if one not in moments]
    return done.returncode, moments, "\n".join([*rest, done.stderr])


def test_killed_at_every_moment_of_both_tiers(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with overlap_server(request, tmp_path / "server", "sqlite") as server:
        alice, bob = pair(server, tmp_path)
        assert alice.prepare("killed", mails(*range(100))).code == 0
        assert bob.prepare("killed", mails(*range(60, 150))).code == 0
        with at_once(bob, "killed") as beside:
            code, moments, said = killed(command(alice, "killed"))
            assert (code, said) == (0, "size 40\n")
        assert (beside.code, beside.out) == (0, "size 40\n")
        for what in (
            *("POST ", "PUT /bob/killed/blinded/0", "GET /bob/killed/blinded/0", "PUT /bob/killed/tags/0"),
            *("PUT /bob/killed/planted", "GET /bob/killed/planted", "PUT /bob/killed/proven"),
            *("write peer.bin", "write order.bin", "write tags.bin", "write state.json"),
        ):
            assert {f"before {what}", f"after {what}"} <= set(moments)
        assert not list((alice.folder / "killed").glob(".partial-*"))
        open_both(alice, bob)


def open_both(alice: Desk, bob: Desk) -> None:
    """Tier 2 the same way."""
    for desk in (alice, bob):
        assert desk.review("killed").code == 0
        desk.approve_both("killed")
    asked = {desk.who: ("--open", "--identifiers", desk.file) for desk in (alice, bob)}
    out = {desk.who: desk.folder / "killed.matches" for desk in (alice, bob)}
    with at_once(bob, "killed", *asked["bob"], "--out", out["bob"]) as beside:
        code, moments, said = killed(command(alice, "killed", *asked["alice"], "--out", out["alice"]))
        assert (code, said) == (0, f"40 matches\nin {out['alice']}, readable by you alone: raw identifiers\n")
    assert beside.code == 0, beside.err
    for what in ("POST /bob/killed/opening", "GET /bob/killed/matches", "PUT /bob/killed/unshuffled"):
        assert {f"before {what}", f"after {what}"} <= set(moments)
    assert alice.found("killed") == bob.found("killed")
    assert [one["value"] for one in alice.found("killed")] == sorted(
        value for _, value in mails(*range(60, 100))
    )


def pair(server: Server, tmp_path: Path) -> tuple[Desk, Desk]:
    """Alice and bob."""
    return Desk(server, tmp_path / "alice", "alice", "bob"), Desk(server, tmp_path / "bob", "bob", "alice")


def test_a_killed_prepare_leaves_nothing_half(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with overlap_server(request, tmp_path / "server", "sqlite") as server:
        alice, _ = pair(server, tmp_path)
        assert alice.prepare("first", mails(*range(100))).code == 0
        key = ("--key", str(alice.folder / "member.pem"), "--identifiers", str(alice.file))
        names = ("--run", "half", "--with", "bob", "--as", "alice", "--out", str(alice.folder / "half"))
        line = ["", "", "", "share", "overlap", "prepare", *names, *key]
        code, moments, said = killed(line)
        assert code == 0, said
        assert moments == [
            f"{when} write {name}"
            for name in ("scalar.key", "blinded.bin", "commitment.dsse.json", "overlap.json")
            for when in ("before", "after")
        ]
        left = sorted(path.name for path in alice.folder.iterdir() if "half" in path.name)
        assert left == ["half"]
        assert (alice.folder / "half").stat().st_mode & 0o777 == 0o700
        done = alice.prepare("half", mails(*range(100)))
        assert (done.code, "exists already" in done.error()) == (2, True)
