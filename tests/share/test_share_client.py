"""Publish and poll by command, against a server that runs: what is approved arrives, and once."""

import json
from pathlib import Path
from typing import Any

import pytest
from release_folders import indicators, release_folder, unsigned_folder
from servers import RELEASED, SHARED, Server, serving
from typer.testing import CliRunner

from countermark.cli import app
from countermark.errors import Error, ExitCode
from countermark.share.client.regularly import Stopped
from countermark.share.stix.reading import Received


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One server for this file; each test has objects of its own."""
    with serving(tmp_path_factory.mktemp("client")) as started:
        yield started


def token(server: Server, who: str, tmp: Path) -> list[str]:
    """The options that name a member's token."""
    path = tmp / f"{who}.token"
    path.write_text(server.tokens[who] + "\n")
    path.chmod(0o600)
    return ["--token-file", str(path)]


def run(*words: object) -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON, and the error; a refusal is raised by the command."""
    result = CliRunner().invoke(app, [*map(str, words), "--json"])
    if isinstance(result.exception, Error):
        return int(result.exception.exit_code), {}, result.exception.message
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    found = json.loads(result.stdout) if result.stdout.strip() else {}
    return result.exit_code, found, result.stderr


def test_what_was_approved_arrives_once(server: Server, tmp_path: Path) -> None:
    alice = server.members["alice"]
    objects = indicators(25, alice, start=0)
    folder = release_folder(tmp_path / "found.release", objects, alice, server.keys)
    words = ("share", "publish", tmp_path / "found", "--to", server.url, "--collection", RELEASED)
    first = run(*words, "--batch", 10, *token(server, "alice", tmp_path))
    assert (first[0], first[1]["accepted"], first[1]["failures"]) == (0, 25, []), first
    again = run(*words[:2], folder, *words[3:], *token(server, "alice", tmp_path))
    assert (again[1]["accepted"], again[1]["before"]) == (0, 25)

    out = tmp_path / "received"
    where = ("share", "poll", server.url, "--collection", "Released", "--out", out, "--limit", 10)
    code, polled, _ = run(*where, *token(server, "bob", tmp_path))
    assert (code, polled["new"], polled["pages"], polled["known"]) == (0, 25, 3, 0)
    assert run(*where, *token(server, "bob", tmp_path))[1]["objects"] == 0, "only what is new"
    with Received(out) as received:
        assert list(received.objects("indicator")) == objects

    gone = [one | {"revoked": True, "modified": "2026-01-02T00:00:00.000Z"} for one in objects[:2]]
    release_folder(tmp_path / "gone.release", gone, alice, server.keys)
    run(*words[:2], tmp_path / "gone.release", *words[3:], *token(server, "alice", tmp_path))
    polled = run(*where, *token(server, "bob", tmp_path))[1]
    assert (polled["new"], polled["revoked"]) == (2, 2)
    with Received(out) as received:
        assert len(received) == 25
        assert sum(1 for one in received.objects("indicator") if one.get("revoked")) == 2


def test_each_failure_is_told_with_its_reason(server: Server, tmp_path: Path) -> None:
    alice = server.members["alice"]
    good, bad = indicators(6, alice, start=1000), indicators(2, alice, start=1100, pattern="[no pattern")
    folder = release_folder(tmp_path / "r", [*good[:3], bad[0], *good[3:], bad[1]], alice, server.keys)
    code, done, _ = run(
        *("share", "publish", folder, "--to", server.url, "--collection", SHARED),
        *token(server, "alice", tmp_path),
    )
    assert (code, done["accepted"]) == (ExitCode.ERROR, 6)
    assert [one["id"] for one in done["failures"]] == [one["id"] for one in bad]
    assert all("pattern" in one["reason"] for one in done["failures"])


@pytest.mark.parametrize("what", ["changed", "unsigned", "one"])
def test_what_was_not_approved_does_not_leave(server: Server, tmp_path: Path, what: str) -> None:
    alice = server.members["alice"]
    objects = indicators(3, alice, start=2000)
    make = unsigned_folder if what == "unsigned" else release_folder
    folder = make(tmp_path / "r", objects, alice, *([server.keys] if what != "unsigned" else []))
    if what == "changed":
        text = (folder / "objects.jsonl").read_text()
        (folder / "objects.jsonl").write_text(text.replace("10.0.7.208", "10.0.7.209"))
    elif what == "one":
        (folder / "approvals" / "counsel.dsse.json").unlink()
    where = ("--to", server.url, "--collection", SHARED)
    code, _, _ = run("share", "publish", folder, *where, *token(server, "alice", tmp_path))
    assert code == ExitCode.VERIFICATION_FAILED
    stored = server.get("alice", f"objects/?match[id]={objects[0]['id']}")
    assert stored.json() == {}


def test_a_release_of_another_member_is_refused(server: Server, tmp_path: Path) -> None:
    bob = server.members["bob"]
    folder = release_folder(tmp_path / "r", indicators(1, bob, start=3000), bob, server.keys)
    where = ("--to", server.url, "--collection", RELEASED)
    code, _, message = run("share", "publish", folder, *where, *token(server, "alice", tmp_path))
    assert code == ExitCode.ERROR
    assert "422" in message
    assert "another member" in message


def test_credentials_that_do_not_hold_are_told_and_so_is_a_scheme_that_is_off(
    server: Server, tmp_path: Path
) -> None:
    words = ["share", "poll", server.url, "--collection", SHARED, "--out", str(tmp_path / "out")]
    told = {}
    for name, more in (("revoked", []), ("bob", ["--user", "bob"])):
        error = CliRunner().invoke(app, [*words, *more, *token(server, name, tmp_path)]).exception
        assert isinstance(error, Error)
        assert error.message.startswith("the exchange answers 401")
        told[name] = error.hint
    assert "revoked" in told["revoked"]
    assert "does not take HTTP Basic" in told["bob"]


@pytest.mark.parametrize(
    "words",
    [
        ("http://exchange.example",),
        ("https://name:word@exchange.example",),
        ("ftp://127.0.0.1",),
        ("https://exchange.example/?token=1",),
        ("",),
    ],
)
def test_a_url_that_is_not_asked(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, _, message = run("share", "poll", *words, "--out", tmp_path / "out")
    assert code == ExitCode.USAGE
    assert "https" in message


def test_collections_are_found(server: Server, tmp_path: Path) -> None:
    bob = token(server, "bob", tmp_path)
    out = ("--out", tmp_path / "out")
    root = f"{server.url}/exchange/"
    assert run("share", "poll", root, "--collection", "Shared", *out, *bob)[0] == 0
    assert run("share", "poll", f"{root}collections/{SHARED}/", *out, *bob)[0] == 0
    assert run("share", "poll", server.url, *out, *token(server, "reader", tmp_path))[0] == 0, "the only one"
    code, _, _ = run("share", "poll", server.url, *out, *bob)
    assert code == ExitCode.NO_INPUT, "two would do"
    assert run("share", "poll", server.url, "--collection", "Hidden", *out, *bob)[0] == ExitCode.NO_INPUT


def test_a_token_that_others_can_read_is_not_used(server: Server, tmp_path: Path) -> None:
    option, path = token(server, "bob", tmp_path)
    Path(path).chmod(0o644)
    code, _, message = run("share", "poll", server.url, "--out", tmp_path / "out", option, path)
    assert code == ExitCode.ERROR
    assert "read by others" in message
    assert server.tokens["bob"] not in message


def test_following_prints_a_line_when_there_is_something_new(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, rounds = server.members["alice"], iter(range(10))

    def wait(*_: object, failed: bool) -> None:
        assert not failed
        number = next(rounds)
        if number == 1:
            server.post("alice", *indicators(2, alice, start=4000))
        if number == 3:
            raise Stopped

    monkeypatch.setattr("countermark.share.client.regularly.Regularly.wait", wait)
    where = ("share", "poll", server.url, "--collection", SHARED, "--out", tmp_path / "out")
    words = (*where, "--follow", "1", "--json", *token(server, "bob", tmp_path))
    result = CliRunner().invoke(app, [*map(str, words)])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines[-1]["new"] == 2
    assert len(lines) <= 2
