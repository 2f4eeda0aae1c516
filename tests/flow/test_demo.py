"""The demo and the demo's world: what is found against what was planted. Ten seeds in the soak, one here."""

import json
import re
import shlex
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command_line import capture, check_against_truth, findings, harvests, members
from generated import generate, write_hash_keys

from countermark.flow.demo import Demo, prepare_demo
from countermark.prove.package.trustfile import SignerEntry, write_trust
from countermark.trust.log import Log
from countermark.world.plan import WorldPlan
from countermark.world.truth import read_truth
from running import Done, countermark, in_process_of_its_own

SEEDS = [pytest.param(seed, marks=[pytest.mark.soak] if seed else []) for seed in range(10)]
LEFT_BEHIND = {
    *("accounts.csv", "analyst.key", "analyst.key.pub", "case.zip", "demo.json", "events", "findings"),
    *(
        "hash-keys.json",
        "logs",
        "report.html",
        "trust.json",
        "truth.json",
        "book",
        "book.public",
        "plan.json",
    ),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_demo_finds_what_was_planted(tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "a path with spaces"
    folder.mkdir()
    done = in_process_of_its_own("demo", "--out", "my demo", "--seed", str(seed), "--json", folder=folder)
    assert done.code == 0, done.err
    told, demo = json.loads(done.out), folder / "my demo"
    assert told["schema"] == "countermark/demo/v1"
    assert told["verification"]["verdict"] == "VERIFIED"
    assert told["second_verifier"] == "VERIFIED"
    assert {one["class"] for one in told["verification"]["results"]} == {"exploratory"}
    assert told["corpus"]["passes"]
    assert told["corpus"]["log10_p_value"] < -1000
    truth = read_truth(demo)
    check_against_truth(truth, demo / "findings")
    rows = {row["name"]: row for row in told["planted"]}
    assert rows.keys() == {*(network.name for network in truth.harvest), "reseller pool", *truth.look_alikes}
    found = members(demo / "findings")
    for network in truth.harvest:
        row = rows[network.name]
        held = found[row["campaign_id"]]
        assert (row["kind"], row["accounts"]) == ("harvest", len(network.accounts))
        assert row["found"] == len(held & set(network.accounts))
        assert row["others"] == len(held) - row["found"]
    assert rows["reseller pool"]["kind"] != "harvest"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_with_nothing_planted_gives_no_harvest(tmp_path: Path, seed: int) -> None:
    generate(tmp_path, WorldPlan.benign(), seed)
    write_hash_keys(tmp_path / "hash-keys.json", seed)
    assert capture(tmp_path / "logs", tmp_path / "events").code == 0
    done = countermark("detect", tmp_path / "events", "--fdr", "0.01", "--out", tmp_path / "findings")
    assert done.code in (0, 10), done.err
    assert harvests(tmp_path / "findings") == {}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with a space in its name, and a demo that is done in seconds."""
    monkeypatch.setattr(WorldPlan, "demo", WorldPlan.tiny)
    folder = tmp_path / "with space"
    folder.mkdir()
    return folder


def demo(folder: Path, *more: str) -> Done:
    return countermark("demo", "--out", folder / "demo", *more)


def told(text: str) -> list[list[str]]:
    """The commands that the demo prints (`$ countermark …`, one line or several), as a shell splits them."""
    joined = re.sub(r"\\\n *", "", text)
    lines = [line.partition("$ countermark ")[2] for line in joined.splitlines() if "$ countermark " in line]
    return [shlex.split(line) for line in lines]


def write_trust_file(folder: Path, place: Path) -> None:
    """Whom one believes who took the steps by hand: the demo's signer, and a log of one's own."""
    signer = SignerEntry("analyst", (place / "analyst.key.pub").read_text())
    log = str(Log.open(folder / "BOOK.public").verifier)
    write_trust(folder / "TRUST", [signer], cases=["demo-0"], logs=[log])


def test_every_step_is_told_and_can_be_taken_by_hand(small: Path) -> None:
    done = demo(small)
    assert done.code == 0, done.err
    place = small / "demo"
    assert {path.name for path in place.iterdir()} >= LEFT_BEHIND
    assert f"package     {place}/case.zip: VERIFIED" in done.out
    assert all(name in done.out for name in ("harvest-1", "harvest-2", "reseller pool", "coding agent"))
    assert findings(place / "findings")["events"]["accounts"] == read_truth(place).active_accounts
    assert (place / "report.html").read_bytes() == (place / "findings" / "report.html").read_bytes()
    for name in ("analyst.key", "hash-keys.json", "mark.key"):
        assert (place / name).stat().st_mode & 0o777 == 0o600

    names = ("EVENTS", "FINDINGS", "SCAN", "CASE.zip", "CASE", "BOOK", "TRUST")
    blanks = {name: str(small / name) for name in names} | {"ID": "demo-0"}
    codes = []
    for command in told(done.err):
        if "TRUST" in command:
            write_trust_file(small, place)
        codes.append(countermark(*(blanks.get(word, word) for word in command)).code)
    assert codes == [0, 0, 0, 0, 10, 10, 0, 0, 0, 0, 0], told(done.err)
    same = (small / "FINDINGS" / "members.parquet", place / "findings" / "members.parquet")
    # rows, not bytes: in a case every findings folder has random bytes of its own
    assert pq.read_table(same[0]).equals(pq.read_table(same[1]))
    assert "second verifier: VERIFIED" in done.out
    assert "no checkpoint over the plan networks is cosigned" in " ".join(done.out.split())
    by_hand = countermark("verify", small / "CASE.zip", "--trust", small / "TRUST")
    assert by_hand.code == 0
    assert "1 run: 1 of matter demo shown" in by_hand.out
    assert countermark("verify", small / "CASE.zip").code == 20, "who signed it was not checked"


def test_a_second_demo_replaces_the_first(small: Path) -> None:
    prepare_demo(Demo(small / "demo", 1), WorldPlan.tiny())
    (small / "demo" / "findings").mkdir()
    (small / "demo" / "findings" / "dispositions.yaml").write_text("campaign-0: rejected\n")
    again = demo(small, "--seed", "2", "--json")
    assert again.code == 0, again.err
    assert json.loads((small / "demo" / "demo.json").read_text())["seed"] == 2
    assert {path.name for path in (small / "demo").iterdir()} >= LEFT_BEHIND
    assert not (small / "demo" / "findings" / "dispositions.yaml").exists()


def test_a_folder_that_is_no_demo_is_left_alone(small: Path) -> None:
    thesis = small / "demo" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    done = demo(small)
    assert done.code == 2
    assert "holds something else" in done.error()
    assert [path.name for path in thesis.parent.iterdir()] == ["thesis.txt"]
    assert countermark("demo", "--out", thesis).code == 2
    assert thesis.read_text() == "years of work"
    (small / "empty").mkdir()
    assert prepare_demo(Demo(small / "empty"), WorldPlan.tiny()).requests > 0
