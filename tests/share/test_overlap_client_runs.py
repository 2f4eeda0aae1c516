"""A private overlap of two members from file to matches, by the commands, with a real server."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from overlap_at_once import at_once, counted
from overlap_members import Desk, mails
from overlap_naive import overlap_server
from servers import Server
from test_overlap_server_runs import logged


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with overlap_server(request, tmp_path_factory.mktemp("client"), request.param) as running:
        yield running


@pytest.fixture
def desks(server: Server, tmp_path: Path) -> tuple[Desk, Desk]:
    """Alice and bob."""
    return Desk(server, tmp_path / "alice", "alice", "bob"), Desk(server, tmp_path / "bob", "bob", "alice")


def values(numbers: list[int]) -> list[tuple[str, str]]:
    """Of several kinds."""
    kinds = (
        lambda number: ("email", f"user{number}@mail.example"),
        lambda number: ("ipv4", f"198.51.{number // 250}.{number % 250 + 1}"),
        lambda number: ("domain", f"host{number}.example"),
    )
    return [kinds[number % 3](number) for number in numbers]


@pytest.mark.parametrize("seed", [1, 2])
def test_sizes_and_matches_are_those_of_the_sets(desks: tuple[Desk, Desk], seed: int) -> None:
    alice, bob = desks
    run, chance = f"whole-{seed}", random.Random(seed)
    sets = [sorted(chance.sample(range(900), chance.randint(150, 700))) for _ in range(2)]
    common = sorted(set(values(sets[0])) & set(values(sets[1])))
    for desk, numbers in zip(desks, sets, strict=True):
        rows = values(numbers)
        done = desk.prepare(run, [*rows, *rows[:50]])  # an identifier of several accounts counts once
        assert done.code == 0, done.err
    assert counted(alice, bob, run) == f"size {len(common)}\n"
    assert len(common) >= 25
    for desk in desks:
        assert desk.run(run, wait=0).out == f"size {len(common)}\n"  # again
        done = desk.review(run, "--identifiers", desk.file)
        assert done.code == 0, done.err
        assert f"learns which {len(common)} of its own items you have too, no other" in done.out
        desk.approve_both(run)
        assert desk.log() == ["review", "approval", "approval", "opening"]
    matches = ("--identifiers", bob.file, "--open", "--out", bob.folder / f"{run}.matches")
    with at_once(bob, run, *matches) as beside:
        done = alice.open(run)
        assert done.code == 0, done.err
    assert beside.code == 0, beside.err
    assert {one["tag"] for one in alice.found(run)} == {one["tag"] for one in bob.found(run)}
    for desk in desks:
        assert sorted((one["kind"], one["value"]) for one in desk.found(run)) == common
        assert (desk.folder / f"{run}.matches").stat().st_mode & 0o777 == 0o600
        left = {path.name for path in (desk.folder / run).iterdir()}
        assert left == {"overlap.json", "commitment.dsse.json", "state.json", "opening", ".run.lock"}
        assert desk.open(run).out == f"{len(common)} matches\n"  # again
        (desk.folder / f"{run}.matches").unlink()
        assert "were written" in desk.open(run).error()


def test_nothing_raw_is_in_a_folder_or_in_any_log(desks: tuple[Desk, Desk], server: Server) -> None:
    alice, bob = desks
    for desk in desks:
        assert desk.prepare("raw", mails(*range(300))).code == 0
    counted(alice, bob, "raw")
    for desk in desks:
        assert desk.review("raw").code == 0
        for place in ("raw", "home"):
            for path in (desk.folder / place).rglob("*"):
                if path.is_file():
                    data = path.read_bytes()
                    assert b"mail.example" not in data
                    if path.name != "scalar.key":
                        assert bytes.fromhex((desk.folder / "raw" / "scalar.key").read_text()) not in data
                    assert path.stat().st_mode & 0o077 == 0 or place == "home"
        assert (desk.folder / "raw").stat().st_mode & 0o777 == 0o700
    assert b"mail.example" not in (server.data / "log" / "entries.jsonl").read_bytes()
    assert not [line for line in server.log_lines if "mail.example" in line]


def test_a_small_overlap_is_said_to_be_under_the_floor(desks: tuple[Desk, Desk]) -> None:
    alice, bob = desks
    for run, size in (("under", 24), ("floor", 25)):
        assert alice.prepare(run, mails(*range(200))).code == 0
        assert bob.prepare(run, mails(*range(200 - size, 500))).code == 0
        assert counted(alice, bob, run) == ("under 25\n" if size < 25 else "size 25\n")
    done = alice.review("under")
    assert (done.code, "under 25: it is not opened" in done.error()) == (3, True)
    assert {path.name for path in (alice.folder / "under").iterdir()} == {
        "overlap.json",
        "commitment.dsse.json",
        "state.json",
        ".run.lock",
    }
    assert alice.run("under").out == "under 25\n"
    told = json.loads(alice.run("under", "--json").out)
    assert (told["size"], told["under"]) == (None, 25)


def test_who_is_alone_waits_and_goes_on_later(desks: tuple[Desk, Desk]) -> None:
    alice, bob = desks
    assert alice.prepare("alone", mails(*range(100))).code == 0
    assert bob.prepare("alone", mails(*range(50, 120))).code == 0
    done = alice.run("alone", wait=0)
    assert (done.code, done.error()) == (11, "countermark: error: bob has not committed to the run yet")
    assert "run it again" in done.err
    for _ in range(6):  # one after the other, each as far as it comes
        codes = [desk.run("alone", wait=0).code for desk in (bob, alice)]
        if codes == [0, 0]:
            break
        assert set(codes) <= {0, 11}
    assert alice.run("alone", wait=0).out == bob.run("alone", wait=0).out == "size 50\n"


def test_both_have_to_open(desks: tuple[Desk, Desk], server: Server) -> None:
    alice, bob = desks
    for desk in desks:
        assert desk.prepare("opening", mails(*range(130))).code == 0
    counted(alice, bob, "opening")
    assert "holds no release" in alice.open("opening").error()
    assert alice.review("opening").code == 0
    assert alice.approve("opening", "security").code == 0
    assert "that both roles signed" in alice.open("opening").error()
    assert alice.approve("opening", "counsel").code == 0
    done = alice.open("opening", wait=0)
    assert (done.code, done.error()) == (11, "countermark: error: bob has not opened the run yet")
    assert bob.review("opening").code == 0
    refused = bob.approve("opening", "counsel", "--refuse", "too many")
    assert refused.code == 0, refused.err
    assert bob.log() == ["review", "refusal"]
    assert "that both roles signed" in bob.open("opening").error()
    assert "opening" in {str(entry["kind"]) for entry in logged(server, "opening")}
    assert not (alice.folder / "opening.matches").exists()


def test_the_policy_refuses_and_the_refusal_is_logged(desks: tuple[Desk, Desk]) -> None:
    alice, bob = desks
    for desk in desks:
        assert desk.prepare("policy", mails(*range(130))).code == 0
    counted(alice, bob, "policy")
    for option, value, reason in (
        ("--ground", "terms-of-service", "no ground beyond a breach of terms"),
        ("--legal-basis", "us-6-usc-1503", "expired on 2026-09-30"),
        ("--legal-basis", "none-such", "is not recorded"),
    ):
        done = alice.review("policy", option, value)
        assert done.code == 3
        assert "the run may not be opened: " in done.err
        assert reason in done.err
        assert not (alice.folder / "policy" / "opening").exists()
    assert alice.log() == ["refusal"] * 3
    done = alice.review("policy", "--proof", alice.folder / "p.tlog-proof", "--json")
    told = json.loads(done.out)
    assert (told["size"], told["entry"], told["theirs"]) == (130, 3, {"email": 130})
    assert told["warnings"][0] == "130 of your 130 items are said to be in the other's set"
    assert (alice.folder / "p.tlog-proof").exists()
    assert alice.review("policy").code == 0  # nobody has decided yet
    assert alice.approve("policy", "counsel").code == 0
    assert "has decided" in alice.review("policy").error()
