"""What the commands of the overlap say to wrong input: one line, and the exit code."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from overlap_members import Desk, mails, write_identifiers
from overlap_naive import overlap_server
from servers import Server

from running import countermark


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with overlap_server(request, tmp_path_factory.mktemp("commands"), "sqlite") as running:
        yield running


@pytest.fixture
def desk(server: Server, tmp_path: Path) -> Desk:
    """Alice."""
    return Desk(server, tmp_path / "alice", "alice", "bob")


def test_what_cannot_be_prepared(desk: Desk) -> None:
    done = desk.prepare("none", [("account", "a1"), ("email", "nobody")])
    assert (done.code, "no item of a suspended account" in done.error()) == (3, True)
    assert "identifiers not taken: 1 (an account id is a member's own" in done.err
    assert "nobody" not in done.err
    for run, more, reason in (
        ("Upper", (), "the name of the run is of a-z"),
        ("kind", ("--kind", "payment"), "no kind of identifier: payment"),
    ):
        done = desk.prepare(run, mails(1, 2), *more)
        assert (done.code, reason in done.error()) == (2, True), done.err
        assert not (desk.folder / run).exists()
    done = countermark(
        *("share", "overlap", "prepare", "--identifiers", desk.file, "--run", "self", "--with", "alice"),
        *("--as", "alice", "--key", desk.folder / "member.pem", "--out", desk.folder / "self"),
    )
    assert (done.code, "a run is of two members" in done.error()) == (2, True)


def test_kinds_and_counts_of_a_set(desk: Desk) -> None:
    rows = [*mails(*range(120)), *(("domain", f"h{number}.example") for number in range(7))]
    told = json.loads(desk.prepare("json", [*rows, *rows], "--json").out)
    assert (told["counts"], told["size"]) == ({"domain": 7, "email": 120}, 1024)
    done = desk.prepare("kind", rows, "--kind", "email", "--threads", "1")
    assert done.out == "email: 120\n"
    envelope = json.loads((desk.folder / "kind" / "commitment.dsse.json").read_text())
    assert len(envelope["signatures"]) == 1


def test_a_damaged_or_open_set_is_not_run(desk: Desk) -> None:
    assert desk.prepare("hurt", mails(*range(100))).code == 0
    place = desk.folder / "hurt"
    for name, code, reason in (
        ("scalar.key", 20, "the scalar is not the one that was committed to"),
        ("blinded.bin", 20, "the list is not the one that was committed to"),
        ("overlap.json", 20, "damaged"),
        ("commitment.dsse.json", 20, ""),
        ("state.json", 20, "damaged"),
    ):
        path = place / name
        before = path.read_bytes() if path.exists() else None
        path.write_bytes((b"07" + b"0" * 62) if name == "scalar.key" else b"\x00" * 64)
        path.chmod(0o600)
        if name in ("scalar.key", "blinded.bin"):
            _check_lazily(place, name, reason)
        else:
            done = desk.run("hurt", wait=0)
            assert (done.code, reason in done.error()) == (code, True), (name, done.err)
        path.unlink()
        if before is not None:
            path.write_bytes(before)
            path.chmod(0o600)
    place.chmod(0o755)
    assert "can be read by others" in desk.run("hurt", wait=0).error()
    place.chmod(0o700)
    (place / "tags.bin").symlink_to("/etc/passwd")
    assert "is a link" in desk.run("hurt", wait=0).error()
    assert desk.run("absent", wait=0).code == 3


def _check_lazily(place: Path, name: str, reason: str) -> None:
    """What is read only when it is needed."""
    from countermark.errors import Error
    from countermark.share.overlap.set_folder import SetFolder

    folder = SetFolder(place)
    with pytest.raises(Error, match=reason) as raised:
        assert folder.scalar if name == "scalar.key" else folder.blinded
    assert raised.value.exit_code == 20
    assert "0707" not in raised.value.message


def test_keys_and_options_that_are_wrong(desk: Desk) -> None:
    assert desk.prepare("keys", mails(*range(100))).code == 0
    for path, code, reason in (
        (desk.folder / "member.pem", 2, "holds a private key"),
        (desk.folder / "absent.pub", 3, "holds no public key"),
        (desk.file, 3, "holds no Ed25519 public key"),
    ):
        desk.peer_key = path
        done = desk.run("keys", wait=0)
        assert (done.code, reason in done.error()) == (code, True), done.err
    desk.peer_key = desk.folder / "peer.pub"
    raw = ("--identifiers", desk.file)
    for more in (("--open",), ("--out", "x"), ("--open", "--out", "x"), ("--open", *raw)):
        assert desk.run("keys", *more, wait=0).code == 2
    assert desk.run("keys", wait=float("nan")).code == 2
    assert "has no size yet" in desk.open("keys").error()
    assert "has no size yet" in desk.review("keys").error()
    other = write_identifiers(desk.folder / "other.jsonl", mails(*range(90)))
    done = desk.run("keys", "--identifiers", other, wait=0)
    assert (done.code, "other identifiers than the set" in done.error()) == (3, True)
    assert desk.run("keys", "--identifiers", desk.file, wait=0).code == 11
    line = ("share", "overlap", "run", desk.folder / "keys", "--to", "ftp://x", "--peer-key", desk.peer_key)
    assert countermark(*line).code == 2
