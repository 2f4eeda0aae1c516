"""`case open`, `case add`, `case seal FOLDER`, `verify`: the whole way of a person, by the command line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from whole_case import options_of, told, trust_in

from countermark.cli import main
from countermark.prove.case_folder.workspace_state import STATE_FILE
from countermark.prove.sealing.seal import SealOptions
from countermark.trust.signing import SigningKey

Run = Callable[..., tuple[int, str, str]]


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


def test_a_case_folder_has_all_that_a_package_needs(
    run: Run, options: SealOptions, signing_key: Path, key: SigningKey, tmp_path: Path
) -> None:
    story, attribution = told(tmp_path / "story")
    trust_in(story, tmp_path, key)
    options_of(story, tmp_path)  # writes plans, terms and acceptances
    folder = tmp_path / "folder"

    def done(*arguments: object) -> str:
        code, out, err = run(*arguments)
        assert code == 0, err
        return out

    done("case", "open", folder, "--id", "CASE-1", "--matter", "matter-7", "--log", story.folder / "log")
    done("case", "add", "findings", folder, options.findings, "--events", options.events)
    done("case", "add", "attribution", folder, attribution)
    done("case", "add", "plan", folder, tmp_path / "PLAN.json")
    package = tmp_path / "case.zip"
    trust = tmp_path / "whole-trust.json"
    out = done("case", "seal", folder, "--key", signing_key, "--out", package, "--trust", trust, "--json")
    assert json.loads(out)["case_id"] == "CASE-1"
    answer = json.loads(done("verify", package, "--trust", trust, "--json"))
    assert answer["verdict"] == "VERIFIED"
    assert answer["runs"] == {"logged": 1, "shown": 1, "privileged": 0, "other_matters": 0}
    assert [one["class"] for one in answer["results"]] == ["exploratory", "exploratory"]
    assert answer["taken_out"] == []
    assert answer["plans"] == {"shown": 1, "unused": ["PLAN"]}
    lines = done("verify", package, "--trust", trust).splitlines()
    assert "Exploratory: account networks in the access log" in lines
    assert "Plan that no result uses: PLAN" in lines
    assert not any(word in " ".join(lines) for word in ("copied", "stolen", "trained on", "derived"))


def test_what_a_case_folder_and_findings_are_sealed_with(
    run: Run, options: SealOptions, signing_key: Path, tmp_path: Path
) -> None:
    out = ("--key", signing_key, "--out", tmp_path / "case.zip")
    code, _, err = run("case", "seal", options.findings, *out)
    assert (code, "--events and --case" in err) == (2, True)
    assert run("case", "open", tmp_path / "folder", "--id", "CASE-2")[0] == 0
    assert (tmp_path / "folder" / STATE_FILE).is_file()
    code, _, err = run("case", "seal", tmp_path / "folder", *out)
    assert (code, "no findings" in err) == (3, True)
    code, _, err = run("case", "seal", tmp_path / "folder", *out, "--case", "CASE-2")
    assert (code, "case folder has" in err) == (2, True)


@pytest.mark.parametrize(
    "options",
    [
        ("--age-key", "x"),
        ("--from-raw", "x"),
        ("--key-file", "x"),
        ("--recompute", "--input", "x"),
    ],
)
def test_options_that_go_together(run: Run, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert run("verify", tmp_path, *options)[0] == 2
