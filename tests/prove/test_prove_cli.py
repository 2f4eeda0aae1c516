"""`case keygen`, `case seal` and `verify` as a person runs them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from countermark.cli import main, verify_text
from countermark.prove.sealing.seal import SealOptions

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
def package(run: Run, options: SealOptions, tmp_path: Path) -> Path:
    assert run("case", "keygen", "--out", tmp_path / "key", "--name", "Ann")[0] == 0
    arguments = ("--events", options.events, "--key", tmp_path / "key", "--case", "CASE-1")
    code, out, err = run("case", "seal", options.findings, *arguments, "--out", tmp_path / "case.zip")
    assert (code, out) == (0, f"sealed case CASE-1 in {tmp_path / 'case.zip'}\n")
    assert err.startswith("fewer than two --tsa: ")
    return tmp_path / "case.zip"


@pytest.fixture
def trust(package: Path, tmp_path: Path) -> Path:
    from countermark.prove.package.trustfile import SignerEntry, write_trust

    write_trust(tmp_path / "trust.json", [SignerEntry("Ann", (tmp_path / "key.pub").read_text())])
    return tmp_path / "trust.json"


def test_keygen_prints_what_a_trust_file_needs(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("case", "keygen", "--out", tmp_path / "k", "--name", "Ann", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema"] == "countermark/case-keygen/v1"
    trust = {"schema": "countermark/trust/v1", "signers": [document["signer"]], "threshold": 1}
    (tmp_path / "trust.json").write_text(json.dumps(trust))
    from countermark.prove.package.trustfile import read_trust

    assert read_trust(tmp_path / "trust.json").signers == {document["keyid"]: "Ann"}
    code, _, err = run("case", "keygen", "--out", tmp_path / "k")
    assert code == 1
    assert "exists already" in err


def test_verify_says_verified_first(run: Run, package: Path, trust: Path, tmp_path: Path) -> None:
    code, out, _ = run("verify", package, "--trust", trust, "--out", tmp_path / "answer.txt")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("VERIFIED case CASE-1, signed by Ann")
    assert [line.split()[0] for line in lines[1:14]] == [str(number) for number in range(1, 14)]
    assert (tmp_path / "answer.txt").read_text() == out


def test_without_trust(run: Run, package: Path, trust: Path) -> None:
    code, out, _ = run("verify", package)
    assert (code, out.startswith("INTACT, SIGNER NOT CHECKED")) == (20, True)
    code, out, _ = run("verify", package, "--unsafe-no-signer-check")
    assert (code, out.startswith("INTACT, SIGNER NOT CHECKED")) == (0, True)
    assert run("verify", package, "--trust", trust, "--unsafe-no-signer-check")[0] == 2


def test_failure_names_the_step(run: Run, package: Path, trust: Path) -> None:
    package.write_bytes(package.read_bytes() + b"\0")
    for extra in (("--trust", trust), ("--unsafe-no-signer-check",)):
        code, out, err = run("verify", package, *extra)
        assert code == 20
        assert out.startswith("FAILED at step 1 (outer layer): ")
        assert "not reached" in out
        assert "Traceback" not in err
    code, out, _ = run("verify", package, "--trust", trust, "--json")
    document = json.loads(out)
    assert (code, document["schema"], document["verdict"]) == (20, "countermark/verify/v1", "FAILED")


def test_another_case_and_no_package(run: Run, package: Path, trust: Path) -> None:
    assert run("verify", package, "--trust", trust, "--case", "CASE-1")[0] == 0
    assert run("verify", package, "--trust", trust, "--case", "CASE-2")[0] == 20
    assert run("verify", package.with_name("missing"), "--trust", trust)[0] == 3
    assert run("verify", trust, "--trust", trust)[0] == 3
    assert run("verify", package, "--trust", package.with_name("missing"))[0] == 3
    assert run("verify")[0] == 2


def test_seal_says_the_class_and_what_is_missing(run: Run, options: SealOptions, tmp_path: Path) -> None:
    assert run("case", "keygen", "--out", tmp_path / "key", "--name", "Ann")[0] == 0
    words = ("case", "seal", options.findings, "--events", options.events, "--key", tmp_path / "key")
    code, _, err = run(*words, "--case", "CASE-1", "--out", tmp_path / "folder")
    assert code == 0
    assert "Exploratory: account networks in the access log\n  - no trust file was given" in err
    code, out, _ = run(*words, "--case", "CASE-1", "--out", tmp_path / "case.zip", "--json")
    assert [one["class"] for one in json.loads(out)["results"]] == ["exploratory"]


def test_lines_are_folded_on_a_terminal_alone(
    run: Run, package: Path, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole, _ = run("verify", package, "--trust", trust)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(verify_text, "_is_terminal", lambda: True)
    _, out, _ = run("verify", package, "--trust", trust)
    assert max(map(len, whole.splitlines())) > 80
    assert max(map(len, out.splitlines())) <= 80
    assert out.split() == whole.split()
    steps = [line for line in out.splitlines() if " ok   " in line]
    assert len(steps) == 13
    # a sentence goes on under where it began
    at = steps[1].index("The manifests")
    assert any(line.startswith(" " * at) and line[at] != " " for line in out.splitlines())


def test_a_slip_of_who_verifies_is_no_failure_of_the_package(
    run: Run, package: Path, trust: Path, tmp_path: Path
) -> None:
    raw = ("--from-raw", tmp_path, "--age-key", tmp_path / "key", "--hash-key", tmp_path / "none")
    code, out, err = run("verify", package, "--trust", trust, *raw)
    assert (code, out) == (3, "")
    assert "is no folder of held lines" in err


def test_what_is_not_there_is_said_first(run: Run, tmp_path: Path) -> None:
    """Not that options are missing: nothing that could be sealed is at the path."""
    assert run("case", "keygen", "--out", tmp_path / "key")[0] == 0
    ends = ("--key", tmp_path / "key", "--out", tmp_path / "case.zip")
    code, _, err = run("case", "seal", tmp_path / "nowhere", *ends)
    assert code == 3
    assert f"there is no folder {tmp_path / 'nowhere'}" in err
