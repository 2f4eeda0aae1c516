"""A case as an investigator builds it, from open to export; its bag and its graph hold."""

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from case_shapes import conforms

from countermark.cli import main
from countermark.prove.package.trustfile import SignerEntry, write_trust
from countermark.prove.sealing.seal_options import SealOptions

Run = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.filterwarnings("ignore")  # of the validators' own libraries
ACQUISITION = {
    "--by": "Ann Example",
    "--role": "abuse analyst",
    "--what": "gateway log of June",
    "--source": "gateway-3, /var/log/gateway",
    "--purpose": "routine",
    "--method": "export of the log store",
    "--started": "2026-06-15T08:00:00Z",
    "--ended": "2026-06-15T08:10:00Z",
    "--clock-source": "ntp",
    "--offset-seconds": "-0.02",
}


TERMS = {"--id": "use", "--version": "2026-03", "--effective": "2026-03-01", "--title": "Usage policy"}
ACTION = {
    "--action": "handed over",
    "--by": "Ann Example",
    "--to": "Cy Expert",
    "--what": "the log",
    "--acquisition": "acq-1",
}


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


def flags(options: dict[str, str]) -> list[str]:
    return [part for pair in options.items() for part in pair]


@pytest.fixture
def case(run: Run, options: SealOptions, tmp_path: Path) -> Path:
    """A case folder with every kind of record but a plan, built on the command line."""
    folder = tmp_path / "CASE-1"
    raw = tmp_path / "gateway.jsonl"
    raw.write_bytes(b"raw log")
    (tmp_path / "use.md").write_text("no distillation")
    row = ("acct-1", "use", "2026-03", "2026-03-02T10:00:00+02:00", "b" * 64, "billing")
    header = "account_id,terms_id,version,accepted,record_sha256,source"
    (tmp_path / "who.csv").write_text(f"{header}\n{','.join(row)}\n")
    assert run("case", "open", folder, "--id", "CASE-1")[0] == 0
    commands: list[list[object]] = [
        ["acquisition", folder, raw, *flags(ACQUISITION)],
        ["findings", folder, options.findings, "--events", options.events, "--acquisition", "acq-1"],
        ["terms", folder, tmp_path / "use.md", *flags(TERMS)],
        ["acceptances", folder, tmp_path / "who.csv"],
        ["action", folder, *flags(ACTION), "--file", tmp_path / "use.md"],
    ]
    for command in commands:
        code, out, err = run("case", "add", *command)
        assert (code, out.startswith(f"added {command[0]}: ")) == (0, True), err
    return folder


@pytest.fixture
def package(run: Run, case: Path, tmp_path: Path) -> Path:
    assert run("case", "keygen", "--out", tmp_path / "key", "--name", "Ann")[0] == 0
    code, _, err = run("case", "seal", case, "--key", tmp_path / "key", "--out", tmp_path / "package")
    assert code == 0, err
    return tmp_path / "package"


def trust_file(tmp_path: Path) -> Path:
    write_trust(tmp_path / "trust.json", [SignerEntry("Ann", (tmp_path / "key.pub").read_text())])
    return tmp_path / "trust.json"


def check_bag(package: Path) -> None:
    bag = bagit.Bag(str(package))
    assert bag.validate()
    assert bag.info["External-Identifier"] == "CASE-1"


def check_graph(path: Path) -> None:
    holds, report = conforms(path)
    assert holds, report


def test_show_says_what_is_there_and_what_is_missing(run: Run, case: Path) -> None:
    code, out, _ = run("case", "show", case)
    assert code == 0
    assert "acquisition  acq-1: gateway log of June (1 files, 7 bytes, routine)" in out
    assert "missing      detect names no plan: it will be exploratory" in out
    assert "in no acquisition" not in out
    code, out, _ = run("case", "show", case, "--json", "--check")
    view = json.loads(out)
    assert (code, view["schema"], view["changed"]) == (0, "countermark/case-show/v1", [])
    assert view["acquisitions"][0]["id"] == "acq-1"
    (case.parent / "gateway.jsonl").write_bytes(b"raw LOG")
    assert run("case", "show", case)[0] == 0
    code, out, _ = run("case", "show", case, "--check")
    assert code == 20
    assert "CHANGED: " in out
    assert "gateway.jsonl changed since it was added" in out


def test_what_is_sealed_verifies_and_is_a_bag(run: Run, package: Path, tmp_path: Path) -> None:
    code, out, _ = run("verify", package, "--trust", trust_file(tmp_path))
    assert code == 0, out
    check_bag(package)
    custody = json.loads((package / "data" / "custody.json").read_text())
    assert custody["acquisitions"][0]["by"] == "Ann Example"
    assert (package / "data" / "terms" / "use-2026-03.md").read_text() == "no distillation"
    accepted = json.loads((package / "data" / "tables" / "acceptances.jsonl").read_text())
    assert accepted["accepted"] == "2026-03-02T08:00:00Z"
    result = json.loads((package / "data" / "results.json").read_text())["results"][0]
    assert (result["class"], result["acquisitions"]) == ("exploratory", ["acq-1"])
    inside = package / "data" / "custody.json"
    inside.write_bytes(inside.read_bytes().replace(b"Ann Example", b"Bob Example"))
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(package)).validate()


def test_a_zip_unpacked_is_the_same_bag(run: Run, case: Path, package: Path, tmp_path: Path) -> None:
    assert run("case", "seal", case, "--key", tmp_path / "key", "--out", tmp_path / "case.zip")[0] == 0
    with zipfile.ZipFile(tmp_path / "case.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    check_bag(tmp_path / "unpacked" / "CASE-1")


def test_export_of_folder_and_package_pass_the_shapes(
    run: Run, case: Path, package: Path, tmp_path: Path
) -> None:
    code, out, _ = run("case", "export", case)
    (tmp_path / "folder.jsonld").write_text(out)
    assert code == 0
    assert run("case", "export", package, "--out", tmp_path / "package.jsonld")[0] == 0
    for name in ("folder.jsonld", "package.jsonld"):
        check_graph(tmp_path / name)
        assert "Ann Example" in (tmp_path / name).read_text()
    ids = [
        {node["@id"] for node in json.loads((tmp_path / name).read_text())["@graph"]}
        for name in ("folder.jsonld", "package.jsonld")
    ]
    assert ids[0] < ids[1]  # the package adds the tool that sealed it
    code, out, _ = run("case", "export", package, "--out", tmp_path / "again.jsonld", "--json")
    assert (code, json.loads(out)["case_id"]) == (0, "CASE-1")
    assert (tmp_path / "again.jsonld").read_bytes() == (tmp_path / "package.jsonld").read_bytes()


def test_a_redacted_package_is_a_bag_and_exports(run: Run, package: Path, tmp_path: Path) -> None:
    takes = ["/acquisitions/*/by", "/acquisitions/*/started", "/actions/*/to", "/actions/*/by"]
    arguments = [part for one in takes for part in ("--take", f"personal-data:data/custody.json#{one}")]
    arguments += ["--take", "privilege:data/terms/use-2026-03.md", "--why", "names of people"]
    redacted = tmp_path / "redacted"
    code, _, err = run("case", "redact", package, "--out", redacted, "--key", tmp_path / "key", *arguments)
    assert code == 0, err
    code, out, _ = run("verify", redacted, "--trust", trust_file(tmp_path))
    assert code == 0, out
    check_bag(redacted)
    assert run("case", "export", redacted, "--out", tmp_path / "redacted.jsonld")[0] == 0
    text = (tmp_path / "redacted.jsonld").read_text()
    assert "Ann Example" not in text
    assert "null" not in text
    assert "abuse analyst" in text
    assert "gateway log of June" in text
    check_graph(tmp_path / "redacted.jsonld")


def test_a_damaged_package_is_not_exported(run: Run, package: Path, tmp_path: Path) -> None:
    path = package / "data" / "custody.json"
    path.write_bytes(path.read_bytes().replace(b"Ann Example", b"Bob Example"))
    code, out, err = run("case", "export", package)
    assert (code, out) == (20, "")
    assert "does not verify" in err
    assert run("case", "export", tmp_path / "missing")[0] == 3
    assert run("case", "export", package, "--format", "pdf")[0] == 2


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"--offset-seconds": "much"}, 2),
        ({"--offset-seconds": "nan"}, 2),
        ({"--purpose": "litigation"}, 2),
        ({"--started": "2026-06-15 08:00"}, 2),
        ({"--ended": "2026-06-15T07:00:00Z"}, 2),
        ({"--by": ""}, 2),
        ({"--id": "acq-1"}, 1),
        ({"--id": "../acq"}, 2),
    ],
)
def test_a_bad_acquisition_is_one_line(
    run: Run, case: Path, tmp_path: Path, changed: dict[str, str], code: int
) -> None:
    before = (case / "custody.json").read_bytes()
    (tmp_path / "other.jsonl").write_bytes(b"other")
    answer = run("case", "add", "acquisition", case, tmp_path / "other.jsonl", *flags(ACQUISITION | changed))
    assert answer[0] == code
    assert answer[2].count("error: ") == 1
    assert (case / "custody.json").read_bytes() == before


def test_what_is_not_there_is_one_line(run: Run, case: Path, tmp_path: Path) -> None:
    assert run("case", "show", tmp_path)[0] == 3
    assert run("case", "add", "scan", case, tmp_path / "missing")[0] == 3
    assert run("case", "add", "terms", case, tmp_path / "use.md")[0] == 2
    missing = tmp_path / "missing.jsonl"
    assert run("case", "add", "acquisition", case, missing, *flags(ACQUISITION))[0] == 3
    assert run("case", "add", "acceptances", case, tmp_path / "use.md")[0] == 3
    assert run("case", "open", tmp_path / "new", "--id", "a b")[0] == 2
    assert run("case", "open", tmp_path / "new", "--id", "CASE-2", "--matter", "m")[0] == 2


def test_a_case_in_a_log_records_its_acquisitions(run: Run, tmp_path: Path) -> None:
    from countermark.trust.log import Log

    folder, log = tmp_path / "CASE-2", tmp_path / "log"
    (tmp_path / "a.log").write_bytes(b"a")
    opened = run("case", "open", folder, "--id", "CASE-2", "--matter", "matter-7", "--log", log, "--json")
    assert json.loads(opened[1])["log"] == str(log)
    code, out, _ = run(
        "case", "add", "acquisition", folder, tmp_path / "a.log", *flags(ACQUISITION), "--json"
    )
    added = json.loads(out)
    (entry,) = Log.open(log).entries("acquisition")
    assert (code, entry.payload) == (0, {"id": added["id"], "sha256": added["sha256"]})
    code, out, _ = run("case", "show", folder)
    assert f"matter matter-7, log {log}" in out
    moved = log.rename(tmp_path / "moved")
    (tmp_path / "log.key").rename(tmp_path / "moved.key")
    assert "missing      the log is not at" in run("case", "show", folder)[1]
    arguments = ("--id", "CASE-2", "--matter", "matter-7", "--log", moved)
    assert run("case", "open", folder, *arguments)[0] == 0
    assert "the log is not at" not in run("case", "show", folder)[1]
