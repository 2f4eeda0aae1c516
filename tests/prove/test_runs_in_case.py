"""Runs that are no step of the case: shown in the package, by the command line, and by both verifiers."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from log_stories import MATTER, OUTSIDER, Story, day
from whole_case import attribution, told, trust_in

from countermark.cli import main
from countermark.prove.sealing.seal import SealOptions
from countermark.records.canonical import sha256_hex
from countermark.trust.runs import Declared, finish, start
from countermark.trust.signing import SigningKey

SCORES = b'{"id":"answer-1","p_value":0.5}\n'
Run = Callable[..., tuple[int, str, str]]
Done = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["countermark", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def signing_key(tmp_path: Path, key: SigningKey) -> Path:
    key.save(tmp_path / "key")
    return tmp_path / "key"


@pytest.fixture
def done(run: Run) -> Done:
    def call(*arguments: object) -> str:
        code, out, err = run(*arguments)
        assert code == 0, err
        return out

    return call


def scored(story: Story, folder: Path, name: str = "scores.jsonl", content: bytes = SCORES) -> Path:
    """A run of `watermark score` in the matter, as it stands in the log, and the file of its `--out`."""
    begun = start(story.log, MATTER, Declared(bodies=1, keys=1))
    path = folder / name
    path.write_bytes(content)
    digest = sha256_hex(content)
    finish(story.log, begun, "done", {"answer": "ab" * 32, "scores.jsonl": digest})
    return path


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """A plan, a confirmatory run, and then a score that showed nothing."""
    made, _ = told(tmp_path / "story")
    scored(made, tmp_path)
    made.tick(day(13), OUTSIDER)
    return made


@pytest.fixture
def folder(done: Done, story: Story, options: SealOptions, tmp_path: Path, key: SigningKey) -> Path:
    trust_in(story, tmp_path, key)
    made, plan = tmp_path / "folder", tmp_path / "PLAN.json"
    plan.write_bytes(story.plans["PLAN"])
    done("case", "open", made, "--id", "CASE-1", "--matter", MATTER, "--log", story.folder / "log")
    done("case", "add", "findings", made, options.findings, "--events", options.events)
    done("case", "add", "attribution", made, story.folder / "attribution")
    done("case", "add", "plan", made, plan)
    return made


@pytest.fixture
def seal(run: Run, folder: Path, signing_key: Path, tmp_path: Path) -> Run:
    def call(*more: object) -> tuple[int, str, str]:
        out, trust = tmp_path / "case.zip", tmp_path / "whole-trust.json"
        given = ("--key", signing_key, "--trust", trust, "--overwrite", *more)
        return run("case", "seal", folder, "--out", out, *given)

    return call


def both(run: Run, package: Path, trust: Path) -> tuple[str, str]:
    """What both verifiers print, once both say VERIFIED."""
    code, first, _ = run("verify", package, "--trust", trust)
    command = [sys.executable, "-m", "countermark_verify", str(package), "--trust", str(trust)]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (code, second.returncode) == (0, 0), first + second.stdout + second.stderr
    return first, second.stdout


def test_a_run_that_is_not_shown_is_named_with_what_to_add(seal: Run) -> None:
    code, _, err = seal()
    assert code == 3
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert "run 2 is done, and nothing that came out of it is in the package: watermark score of" in err
    assert today in err
    assert "countermark case add run CASE FILE, with the scores.jsonl that it wrote" in err


def test_a_run_that_is_added_is_shown(
    run: Run,
    done: Done,
    seal: Run,
    folder: Path,
    tmp_path: Path,
) -> None:
    answer = json.loads(done("case", "add", "run", folder, tmp_path / "scores.jsonl", "--json"))
    assert (answer["added"], answer["run"]) == ("run", 2)
    done("case", "add", "run", folder, tmp_path / "scores.jsonl")  # once more adds nothing
    assert list(json.loads(done("case", "show", folder, "--json"))["runs"]) == ["runs/2.scores.jsonl"]
    (tmp_path / "scores.jsonl").unlink()  # the folder has its copy
    code, _, err = seal()
    assert code == 0, err
    assert "2.scores.jsonl came out of run 2" in err
    package, trust = tmp_path / "case.zip", tmp_path / "whole-trust.json"
    first, second = both(run, package, trust)
    assert "2 runs: 2 of matter matter-7 shown" in first
    assert "2 runs: 2 of this matter shown" in second
    end = ("--why", "ids of texts", "--key", tmp_path / "key", "--out", tmp_path / "redacted.zip")
    done("case", "redact", package, "--take", "personal-data:data/runs/2.scores.jsonl", *end)
    first, second = both(run, tmp_path / "redacted.zip", trust)
    assert "2 of matter matter-7 shown" in first  # the sealed digest shows it
    assert "Taken out: data/runs/2.scores.jsonl (personal-data)" in first
    assert "1 were taken out" in second


def test_a_file_at_the_seal_and_a_result_that_is_there_already(
    seal: Run, story: Story, tmp_path: Path
) -> None:
    scores = tmp_path / "scores.jsonl"
    code, _, err = seal(
        "--run", scores, "--run", scores, "--run", story.folder / "attribution/attribution.json"
    )
    assert code == 0, err
    assert err.count("scores.jsonl came out of run 2") == 1
    assert "attribution.json came out of run 1" in err
    assert "it is in the package as a result" in err


def test_what_came_out_of_no_run_of_the_matter(
    run: Run,
    seal: Run,
    folder: Path,
    story: Story,
    tmp_path: Path,
) -> None:
    (tmp_path / "changed.jsonl").write_bytes(SCORES + b"\n")
    story.finish(story.start("matter-8"), b"theirs")
    (tmp_path / "theirs").write_bytes(b"theirs")
    for name, why in (
        ("changed.jsonl", "is the outcome of no run of matter matter-7"),
        ("theirs", "it came out of run 3 of another matter"),
        ("missing", "cannot be read"),
        ("folder", "is a folder"),
    ):
        for code, _, err in (
            seal("--run", tmp_path / name),
            run("case", "add", "run", folder, tmp_path / name),
        ):
            assert (code, why in err, "hint" in err or name == "missing") == (3, True, True), err


def test_a_run_that_is_in_no_batch_yet(
    done: Done, seal: Run, folder: Path, story: Story, tmp_path: Path
) -> None:
    done("case", "add", "run", folder, tmp_path / "scores.jsonl")
    done("case", "add", "run", folder, scored(story, tmp_path, "later", b"later"))
    code, _, err = seal()
    assert (code, "outcome of run 3 is in no batch of the public log yet" in err) == (3, True)
    story.tick(day(14), OUTSIDER)
    assert seal()[0] == 0


def test_a_result_whose_run_is_in_no_batch_yet(
    done: Done, seal: Run, folder: Path, story: Story, tmp_path: Path
) -> None:
    """What would fail at every verifier is not sealed: the batch comes first."""
    begun = story.start()
    story.finish(begun, attribution(tmp_path / "second", begun.number))
    done("case", "add", "attribution", folder, tmp_path / "second")
    code, _, err = seal("--run", tmp_path / "scores.jsonl")
    assert (code, "attribute-2 says to be of run 3 of matter-7, which is not opened" in err) == (3, True)
    assert "countermark log publish LOG" in err
    story.tick(day(14), OUTSIDER)
    assert seal("--run", tmp_path / "scores.jsonl")[0] == 0


@pytest.mark.parametrize("status", ["failed", "interrupted", None])
def test_what_was_found_is_never_refused(
    run: Run, seal: Run, story: Story, tmp_path: Path, status: str | None
) -> None:
    """Runs that came to nothing, and a plan that nothing rests on, are told and sealed."""
    begun = story.start()
    if status:
        story.finish(begun, status=status)
    story.tick(day(14), OUTSIDER)
    assert seal("--run", tmp_path / "scores.jsonl")[0] == 0
    first, _ = both(run, tmp_path / "case.zip", tmp_path / "whole-trust.json")
    assert {"failed": "run 3 failed", "interrupted": "run 3 was interrupted"}.get(
        status or "", "run 3 has no outcome"
    ) in first
    assert "Plan that no result uses: PLAN" in first


def test_files_of_one_name_stand_beside_each_other(
    done: Done, folder: Path, story: Story, tmp_path: Path
) -> None:
    begun = start(story.log, MATTER, Declared(bodies=1, keys=1))
    digests = {}
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "möglich.jsonl").write_bytes(place.encode())
        digests[place] = sha256_hex(place.encode())
    finish(story.log, begun, "done", digests)
    for place in ("a", "b"):
        done("case", "add", "run", folder, tmp_path / place / "möglich.jsonl")
    names = list(json.loads(done("case", "show", folder, "--json"))["runs"])
    assert names == ["runs/3.m_glich.jsonl", "runs/3.2.m_glich.jsonl"]


def test_without_a_log_there_are_no_runs(
    run: Run,
    options: SealOptions,
    signing_key: Path,
    tmp_path: Path,
) -> None:
    assert run("case", "open", tmp_path / "plain", "--id", "CASE-2")[0] == 0
    (tmp_path / "file").write_bytes(b"x")
    assert run("case", "add", "run", tmp_path / "plain", tmp_path / "file")[0] == 2
    given = ("--events", options.events, "--case", "C", "--key", signing_key, "--out", tmp_path / "o.zip")
    for more in (("--run", tmp_path / "file"), ("--by", "Ann")):
        code, _, err = run("case", "seal", options.findings, *given, *more)
        assert (code, "--run and --by go with a case folder" in err) == (2, True)


@pytest.mark.parametrize("by", ["", "Ann Example, counsel"])
def test_custody_says_who_sealed(seal: Run, key: SigningKey, folder: Path, tmp_path: Path, by: str) -> None:
    code, _, err = seal("--run", tmp_path / "scores.jsonl", *(("--by", by) if by else ()))
    assert code == 0, err
    with zipfile.ZipFile(tmp_path / "case.zip") as package:
        custody = json.loads(package.read("CASE-1/data/custody.json"))
        case = json.loads(package.read("CASE-1/data/case.json"))
    (action,) = custody["actions"]
    assert action["by"] == (by or f"key {key.public.keyid}")
    assert (action["action"], action["at"]) == ("sealed", case["created"])
    assert json.loads((folder / "custody.json").read_text())["actions"] == []
    assert seal("--by", "two\nlines")[0] == 2
