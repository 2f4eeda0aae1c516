"""`countermark terms` on a case folder and on the package sealed from it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import yaml
from terms_samples import clause, policy

from countermark.cli import main
from countermark.prove.package.trustfile import SignerEntry, write_trust
from countermark.prove.sealing.seal_options import SealOptions
from countermark.records.canonical import file_sha256

Run = Callable[..., tuple[int, str, str]]
VERSIONS = {"v1": ("2026-03-01", "2026-06-14"), "v2": ("2026-06-15", "")}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["countermark", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return int(ended.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def case(run: Run, options: SealOptions, tmp_path: Path) -> Path:
    """A case with accounts a, b, c; a accepted both versions, b the first, c none."""
    folder = tmp_path / "CASE-1"
    assert run("case", "open", folder, "--id", "CASE-1")[0] == 0
    assert run("case", "add", "findings", folder, options.findings, "--events", options.events)[0] == 0
    for version, (effective, ended) in VERSIONS.items():
        text = tmp_path / f"{version}.txt"
        text.write_text(f"The terms, {version}.")
        more = ["--id", "use", "--version", version, "--effective", effective, "--title", "Usage policy"]
        more += ["--ended", ended] if ended else []
        code, _, err = run("case", "add", "terms", folder, text, *more)
        assert code == 0, err
    rows = [("a", "v1", "2026-03-02"), ("a", "v2", "2026-06-15"), ("b", "v1", "2026-06-05")]
    lines = ["account_id,terms_id,version,accepted,record_sha256,source"]
    lines += [f"{account},use,{version},{day}T10:00:00Z,{'b' * 64},billing" for account, version, day in rows]
    (tmp_path / "who.csv").write_text("\n".join(lines) + "\n")
    assert run("case", "add", "acceptances", folder, tmp_path / "who.csv")[0] == 0
    return folder


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    for version, (effective, ended) in VERSIONS.items():
        digest = (
            file_sha256(tmp_path / f"{version}.txt") if (tmp_path / f"{version}.txt").exists() else "0" * 64
        )
        clauses = [clause("no-model", "model-training", quote=f"No model, {version}.")]
        one = policy(version, effective, ended or None, text_sha256=digest, clauses=clauses)
        (folder / f"{version}.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(one)))
    return folder


def test_a_case_folder_is_answered_for(run: Run, case: Path, policies: Path) -> None:
    code, out, err = run("terms", "applies", case, "--policies", policies)
    assert code == 0, err
    assert "nothing here is sealed" in err
    assert "campaign-1 (harvest), 2026-06-01 to 2026-06-30: 3 accounts, 2 bound on a day or more" in out
    assert "use v1: no-model (accounts: 0 on all days, 2 on some)" in out
    assert "use: no record of acceptance (accounts: 1 on all days, 1 on some)" in out


def test_one_account_with_its_days_words_and_record(run: Run, case: Path, policies: Path) -> None:
    code, out, _ = run("terms", "applies", case, "--policies", policies, "--account", "b")
    assert code == 0
    assert [line.split("  ", 2)[1] for line in out.splitlines()[1:] if " to " in line] == [
        "2026-06-01 to 2026-06-04",
        "2026-06-05 to 2026-06-14",
        "2026-06-15 to 2026-06-30",
    ]
    assert '"No model, v1."' in out
    assert "b" * 64 in out
    code, _, err = run("terms", "applies", case, "--policies", policies, "--account", "z")
    assert (code, "no campaign of this case has that account" in err) == (3, True)


def test_a_package_gives_the_same_as_json(run: Run, case: Path, policies: Path, tmp_path: Path) -> None:
    assert run("case", "keygen", "--out", tmp_path / "key", "--name", "Ann")[0] == 0
    code, _, err = run("case", "seal", case, "--key", tmp_path / "key", "--out", tmp_path / "case.zip")
    assert code == 0, err
    write_trust(tmp_path / "trust.json", [SignerEntry("Ann", (tmp_path / "key.pub").read_text())])
    more = ["--policies", policies, "--trust", tmp_path / "trust.json", "--json"]
    code, out, err = run("terms", "applies", tmp_path / "case.zip", *more)
    assert code == 0, err
    view = json.loads(out)
    assert view["schema"] == "countermark/terms-applies/v1"
    assert view["verdict"] == "VERIFIED"
    assert "not checked" not in err
    assert (
        "whose seal this is was not checked" in run("terms", "applies", tmp_path / "case.zip", *more[:2])[2]
    )
    (campaign,) = view["campaigns"]
    assert (campaign["accounts"], campaign["bound"]) == (3, 2)
    assert sorted(one for group in campaign["groups"] for one in group["accounts"]) == ["a", "b", "c"]
    of_a = next(group["in_force"] for group in campaign["groups"] if "a" in group["accounts"])
    assert [(one["version"], one["clauses"]) for one in of_a] == [("v1", ["no-model"]), ("v2", ["no-model"])]
    folder = json.loads(run("terms", "applies", case, "--policies", policies, "--json")[1])
    assert folder["campaigns"] == view["campaigns"]


def test_a_package_that_was_changed_is_not_answered_for(
    run: Run, case: Path, policies: Path, tmp_path: Path
) -> None:
    assert run("case", "keygen", "--out", tmp_path / "key", "--name", "Ann")[0] == 0
    assert run("case", "seal", case, "--key", tmp_path / "key", "--out", tmp_path / "package")[0] == 0
    path = tmp_path / "package" / "data" / "tables" / "acceptances.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"v1"', b'"v2"'))
    code, out, _ = run("terms", "applies", tmp_path / "package", "--policies", policies)
    assert (code, out) == (20, "")


def test_diff_says_what_changed(run: Run, case: Path, policies: Path) -> None:
    pair = (policies / "v1.yaml", policies / "v2.yaml")
    code, out, _ = run("terms", "diff", *pair)
    assert (code, "changed  no-model: quote" in out) == (0, True)
    view = json.loads(run("terms", "diff", *pair, "--json")[1])
    assert view["schema"] == "countermark/terms-diff/v1"
    assert view["changed"][0]["fields"]["quote"] == {"old": "No model, v1.", "new": "No model, v2."}
    assert run("terms", "diff", policies / "v1.yaml", policies / "none.yaml")[0] == 3
