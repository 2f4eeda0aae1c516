"""`countermark log` by hand: record, publish, witness by files, prove, check, compare, privileged runs."""

import json
import signal
from pathlib import Path
from typing import Any

import pyrage
import pytest

from countermark.trust import runs
from countermark.trust.log import Log, open_or_create
from countermark.trust.privileged import Counsel
from countermark.trust.publication import Publication
from running import countermark, in_process_of_its_own, start


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text('{"plan_id": "PLAN-1", "schema": "countermark/plan/v1"}')
    return path


def said(*arguments: Path | str) -> dict[str, Any]:
    done = countermark(*arguments, "--json")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    assert str(found["schema"]).startswith("countermark/log-")
    return found


def test_files_are_recorded_by_their_digest(tmp_path: Path, plan: Path) -> None:
    log = tmp_path / "log"
    first = said("log", "record", "analysis-plan", plan, "--log", log)
    assert list(first["payload"]) == ["plan_id", "sha256"]
    again = countermark("log", "record", "analysis-plan", plan, "--log", log)
    assert (again.code, "plan of this id" in again.error()) == (1, True)
    for kind in ("policy", "approval", "acquisition"):
        found = said("log", "record", kind, plan, "--log", log)
        size, digest = plan.stat().st_size, first["payload"]["sha256"]
        assert found["payload"] == {"bytes": size, "name": "plan.json", "sha256": digest}
    assert [entry.kind for entry in Log.open(log).entries()] == [
        "analysis-plan",
        "policy",
        "approval",
        "acquisition",
    ]
    for kind, code in (("run-start", 2), ("padding", 2)):
        assert countermark("log", "record", kind, plan, "--log", log).code == code
    assert countermark("log", "record", "policy", tmp_path / "none", "--log", log).code == 3
    assert countermark("log", "record", "analysis-plan", log / "checkpoint", "--log", log).code == 3


def test_the_whole_way_with_a_witness_without_a_network(tmp_path: Path, plan: Path) -> None:
    log, public, air = tmp_path / "log", tmp_path / "log.public", tmp_path / "air"
    said("log", "record", "analysis-plan", plan, "--log", log)
    first = said("log", "publish", log, "--batch", "4", "--cadence", "15m")
    vkey = str(first["log_vkey"])
    assert (first["batch"], first["cosigned"], first["timestamped"]) == (0, [], False)
    witness = str(
        said("log", "witness", "show", air, "--name", "air.example", "--log-vkey", vkey)["witness_vkey"]
    )
    request, reply = tmp_path / "request", tmp_path / "reply"
    for size in (1, 2):
        asked = said("log", "witness", "request", log, "--out", request, "--witness-vkey", witness)
        assert (asked["old"], asked["size"]) == (size - 1, size)
        said("log", "witness", "cosign", air, request, "--out", reply)
        kept = said("log", "witness", "take", log, request, reply, "--witness-vkey", witness)
        assert kept["note"] == str(public / "cosigned" / f"{size}.note")
        said("log", "publish", log, "--at-once")
    by = ("--log-vkey", vkey, "--witness-vkey", witness)
    checked = said("log", "check", public, *by, "--private", log, "--note", public / "cosigned" / "1.note")
    assert checked["public"]["batches"] == 3
    assert [one["size"] for one in checked["public"]["cosigned"]] == [1, 2]
    assert checked["private"]["committed"] == 1
    told = countermark("log", "check", public, "--log-vkey", vkey, "--alliance-vkey", witness)
    assert "NOT WITNESSED" in told.out
    assert "witnessed up to size 2" in countermark("log", "check", public, *by).out
    compared = countermark("log", "compare", public / "cosigned" / "1.note", "--public", public, *by[:2])
    assert (compared.code, "one log" in compared.out) == (0, True)
    notes = (public / "cosigned" / "1.note", public / "cosigned" / "2.note")
    assert countermark("log", "compare", *notes, *by[:2]).code == 11
    # a request of a size that the witness does not know
    said("log", "witness", "request", log, "--out", request, "--witness-vkey", witness, "--old", "1")
    refused = countermark("log", "witness", "cosign", air, request, "--out", reply)
    assert (refused.code, "has size 2, not 1" in refused.error()) == (20, True)


def test_one_entry_is_shown_to_a_third_party(tmp_path: Path, plan: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "shown"
    for kind in ("policy", "analysis-plan", "approval"):
        said("log", "record", kind, plan, "--log", log)
    waiting = said("log", "publish", log, "--batch", "2")
    assert waiting["waiting"] == 1
    vkey = str(waiting["log_vkey"])
    shown = said("log", "prove", log, "--entry", "1", "--out", out)
    files = [Path(str(shown[name])).name for name in ("proof", "opening")]
    assert files == ["entry-1.tlog-proof", "entry-1.opening.json"]
    proof, opening = out / files[0], out / files[1]
    found = said("log", "verify-entry", proof, opening, "--log-vkey", vkey)
    assert (found["kind"], found["index"], found["witnessed"]) == ("analysis-plan", 1, None)
    assert "not witnessed" in countermark("log", "verify-entry", proof, opening, "--log-vkey", vkey).out
    changed = tmp_path / "changed.json"
    changed.write_text(opening.read_text().replace("PLAN-1", "PLAN-2"))
    assert countermark("log", "verify-entry", proof, changed, "--log-vkey", vkey).code == 20
    assert countermark("log", "prove", log, "--entry", "2", "--out", out).code == 1
    assert countermark("log", "prove", log, "--entry", "3", "--out", out).code == 3


def test_runs_are_listed_with_their_space_and_counsel_opens_them(tmp_path: Path) -> None:
    made = pyrage.x25519.Identity.generate()
    identity = tmp_path / "counsel.txt"
    identity.write_text(f"{made}\n")
    identity.chmod(0o600)
    book = open_or_create(tmp_path / "log")
    counsel = Counsel(str(made.to_public()))
    asked = runs.Declared(2, 1, text_ids=("doc-1",))
    runs.finish(book, runs.start(book, "m", asked), "done", {"answer": "ab" * 32})
    runs.finish(book, runs.start(book, "m", asked, counsel=counsel), "failed", counsel=counsel)
    runs.start(book, "m", asked, counsel=counsel)
    told = countermark("watermark", "runs", "--log", tmp_path / "log")
    assert told.out.count("privileged") == 3
    assert "2 of 3 runs stay undisclosed" in told.out
    assert told.out.count("NO OUTCOME") == 1
    listed = json.loads(countermark("watermark", "runs", "--log", tmp_path / "log", "--json").out)
    assert (listed["undisclosed"], [one["space"] for one in listed["runs"]]) == (
        2,
        ["testifying", "privileged", "privileged"],
    )
    opened = said("log", "open-privileged", tmp_path / "log", "--identity", identity)
    assert [(one["run"], one["kind"]) for one in opened["runs"]] == [
        (2, "run-start"),
        (2, "run-outcome"),
        (3, "run-start"),
    ]
    assert opened["runs"][0]["details"]["text_ids"] == ["doc-1"]
    (tmp_path / "log" / "privileged" / "2.age").write_bytes(b"x")
    done = countermark("log", "open-privileged", tmp_path / "log", "--identity", identity)
    assert (done.code, "not those that were logged" in done.error()) == (20, True)


@pytest.mark.parametrize(
    "options",
    [
        ("--space", "privileged"),
        ("--counsel", "age1" + "q" * 58),
        ("--space", "secret"),
        ("--space", "privileged", "--counsel", "nobody"),
    ],
)
def test_a_space_takes_its_counsel(tmp_path: Path, options: tuple[str, ...]) -> None:
    case = ("--log", tmp_path / "log", "--matter", "m", *options)
    verb = ("watermark", "score", "--profile", tmp_path / "p", "--input", tmp_path / "i", "--key-file", "k")
    done = countermark(*verb, *case)
    assert done.code == 2, done.err
    assert not (tmp_path / "log").exists()


def test_a_log_is_checked_by_whoever_has_none_of_its_secrets(tmp_path: Path, plan: Path) -> None:
    said("log", "record", "policy", plan, "--log", tmp_path / "log")
    vkey = str(said("log", "publish", tmp_path / "log", "--out", tmp_path / "out.json")["log_vkey"])
    assert json.loads((tmp_path / "out.json").read_text())["schema"] == "countermark/log-publish/v1"
    for secret in ("log.salts", "log.key"):
        (tmp_path / secret).unlink()
    assert countermark("log", "check", tmp_path / "log.public", "--log-vkey", vkey).code == 0
    done = countermark(
        "log", "check", tmp_path / "log.public", "--log-vkey", vkey, "--private", tmp_path / "log"
    )
    assert (done.code, "no salt secret" in done.error()) == (3, True)
    name = tmp_path / "log.public" / "entries.jsonl"
    name.write_bytes(name.read_bytes().replace(b"A", b"B", 1))
    assert countermark("log", "check", tmp_path / "log.public", "--log-vkey", vkey).code == 20


def test_publishing_goes_on_until_told_to_stop(tmp_path: Path) -> None:
    Publication.open_or_create(tmp_path / "log", batch=2, every_seconds=1)
    process = start("log", "publish", tmp_path / "log", "--every", "1s", "--json", folder=tmp_path)
    assert process.stdout is not None
    batches = [json.loads(process.stdout.readline())["batch"] for _ in range(3)]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert (process.returncode, batches) == (0, [0, 1, 2])


def test_help_needs_no_extra(tmp_path: Path) -> None:
    done = in_process_of_its_own("log", "witness", "serve", "--help", folder=tmp_path)
    assert done.code == 0
