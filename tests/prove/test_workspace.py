"""The case folder: nothing added is lost, changes are noticed, killed runs resume, the folder may move."""

import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from case_folders import acquire, events_folder, findings_folder, plan_file, stage_folder

from countermark.errors import Error, ExitCode
from countermark.prove.case_folder.workspace import Workspace
from countermark.prove.case_folder.workspace_records import (
    add_acceptances,
    add_action,
    add_terms,
)
from countermark.prove.case_folder.workspace_state import Link
from countermark.prove.case_folder.workspace_view import changes, inputs, missing, moved_away, overview
from countermark.prove.custody.custody import Action


@pytest.fixture
def case(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "CASE-1", "CASE-1")


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return events_folder(tmp_path / "events")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.jsonl"
    path.write_bytes(b"raw log\n")
    return path


def filled(case: Workspace, events: Path, raw: Path, tmp_path: Path) -> Workspace:
    """A case with one of everything."""
    acquire(case, raw)
    plan = case.add_plan(plan_file(tmp_path / "plan.json"))
    link = Link(plan=plan, hypothesis="H1", acquisitions=["acq-1"])
    case.add_findings(findings_folder(tmp_path / "findings", events), events, link)
    case.add_scan(stage_folder(tmp_path / "scan", "scan.json"), Link())
    case.add_attribution(stage_folder(tmp_path / "a1", "attribution.json", "a1"), Link())
    case.add_attribution(stage_folder(tmp_path / "a2", "attribution.json", "a2"), link)
    (tmp_path / "terms.md").write_text("no distillation")
    add_terms(case, tmp_path / "terms.md", terms_id="use", version="1", title="Use", effective="2026-01-01")
    row = {"account_id": "a", "terms_id": "use", "version": "1", "accepted": "2026-02-01T00:00:00Z"}
    row |= {"record_sha256": "a" * 64, "source": "billing"}
    (tmp_path / "acceptances.jsonl").write_text(json.dumps(row) + "\n")
    assert add_acceptances(case, tmp_path / "acceptances.jsonl") == 1
    return case


def test_everything_added_is_what_the_seal_takes(
    case: Workspace, events: Path, raw: Path, tmp_path: Path
) -> None:
    filled(case, events, raw, tmp_path)
    shutil.rmtree(tmp_path / "findings")  # the copies are enough
    taken = inputs(Workspace.open(case.folder))
    assert (taken.case_id, taken.matter, taken.log, taken.events) == ("CASE-1", "", None, events)
    assert (taken.findings / "members.parquet").read_bytes() == b"content one"
    names = [(one / "members.parquet").read_bytes() for one in taken.attributions]
    assert names == [b"content a1", b"content a2"]
    assert [one.result for one in taken.results] == ["detect", "scan", "attribute-1", "attribute-2"]
    assert [one.plan for one in taken.results] == ["plan-1", "", "", "plan-1"]
    assert [path.name for path in taken.plans] == ["plan-1.json"]
    assert taken.terms[0].path.read_text() == "no distillation"
    assert taken.acceptances is not None
    assert len(taken.salt_key.reveal()) == 32
    assert missing(case) == [
        "no log: every result will be exploratory",
        "scan names no plan: it will be exploratory",
        "scan names no acquisition",
        "attribute-1 names no plan: it will be exploratory",
        "attribute-1 names no acquisition",
    ]


def test_the_folder_may_be_moved(case: Workspace, events: Path, raw: Path, tmp_path: Path) -> None:
    shutil.move(events, case.folder / "events")
    filled(case, case.folder / "events", raw, tmp_path)
    moved = Workspace.open(case.folder.rename(tmp_path / "elsewhere"))
    taken = inputs(moved)
    assert taken.events == tmp_path / "elsewhere" / "events"
    assert list(changes(moved, evidence=True)) == []
    inside = tmp_path / "elsewhere" / "raw.log"
    inside.write_text("raw")
    acquire(moved, inside)
    moved = Workspace.open(moved.folder.rename(tmp_path / "elsewhere2"))
    assert moved_away(moved) == 0
    moved = Workspace.open(moved.folder.rename(tmp_path / "elsewhere"))
    Workspace.create(tmp_path / "elsewhere", "CASE-1")  # changes nothing
    assert inputs(moved).results == taken.results


def test_the_salts_key_is_the_owners_alone(case: Workspace) -> None:
    path = case.folder / "salts.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert case.salt_key().reveal() == Workspace.create(case.folder, "CASE-1").salt_key().reveal()
    path.chmod(0o644)
    with pytest.raises(Error, match="read by others"):
        case.salt_key()
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(Error, match="damaged"):
        case.salt_key()


def test_another_case_and_other_files_are_refused(case: Workspace, tmp_path: Path) -> None:
    with pytest.raises(Error, match="is the folder of case CASE-1"):
        Workspace.create(case.folder, "CASE-2")
    with pytest.raises(Error, match="other files"):
        Workspace.create(tmp_path, "CASE-2")
    for bad in ("../x", "", "a b", "x" * 65):
        with pytest.raises(Error) as raised:
            Workspace.create(tmp_path / "new", bad)
        assert raised.value.exit_code == ExitCode.USAGE
    with pytest.raises(Error, match="both --matter and --log"):
        Workspace.create(tmp_path / "new", "CASE-2", matter="matter-7")
    assert not (tmp_path / "new").exists()
    with pytest.raises(Error) as raised:
        Workspace.open(tmp_path)
    assert raised.value.exit_code == ExitCode.NO_INPUT


CHANGES: dict[str, Callable[[Path], Path]] = {
    "a copy": lambda root: next(root.glob("CASE-1/findings/*/members.parquet")),
    "a JSON file": lambda root: next(root.glob("CASE-1/attributions/*/attribution.json")),
    "a plan": lambda root: root / "CASE-1" / "plans" / "plan-1.json",
    "terms": lambda root: root / "CASE-1" / "terms" / "use-1.md",
    "acceptances": lambda root: next(root.glob("CASE-1/terms/acceptances-*.jsonl")),
    "capture.json": lambda root: root / "events" / "capture.json",
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("how", ["changed", "removed"])
def test_what_changes_is_noticed_at_the_seal(
    case: Workspace, events: Path, raw: Path, tmp_path: Path, what: str, how: str
) -> None:
    filled(case, events, raw, tmp_path)
    path = CHANGES[what](tmp_path)
    if how == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(Error) as raised:
        inputs(Workspace.open(case.folder))
    assert path.name in raised.value.message
    assert raised.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_raw_evidence_is_compared_when_asked(
    case: Workspace, events: Path, raw: Path, tmp_path: Path
) -> None:
    filled(case, events, raw, tmp_path)
    raw.write_bytes(b"raw LOG\n")
    assert list(changes(case)) == []
    assert list(changes(case, evidence=True)) == [f"{raw} changed since it was added"]
    raw.unlink()  # moved into a store: no change
    assert moved_away(case) == 1
    (events / "events-00000.parquet").write_bytes(b"other")
    (sentence,) = changes(case, evidence=True)
    assert "events-00000.parquet changed" in sentence


def test_a_folder_that_is_not_what_it_lists_is_refused(case: Workspace, events: Path, tmp_path: Path) -> None:
    findings = findings_folder(tmp_path / "findings", events)
    (findings / "members.parquet").write_bytes(b"other")
    with pytest.raises(Error, match="changed since the folder was made"):
        case.add_findings(findings, events, Link())
    assert Workspace.open(case.folder).state.findings is None
    assert not list((case.folder / "findings").iterdir())
    other = events_folder(tmp_path / "other", b"x")
    with pytest.raises(Error, match="were not made of"):
        case.add_findings(findings_folder(tmp_path / "f2", events), other, Link())
    for name in ("../x", "a/b", "findings.json", "-x"):
        bad = tmp_path / "bad"
        bad.mkdir(exist_ok=True)
        (bad / "findings.json").write_text(json.dumps({"files": {name: "a" * 64}}))
        with pytest.raises(Error) as raised:
            case.add_findings(bad, events, Link())
        assert raised.value.exit_code == ExitCode.NO_INPUT


def test_findings_are_replaced_only_when_told_and_stay(case: Workspace, events: Path, tmp_path: Path) -> None:
    first = case.add_findings(findings_folder(tmp_path / "f1", events), events, Link())
    other = findings_folder(tmp_path / "f2", events, "two")
    with pytest.raises(Error, match="has other ones already"):
        case.add_findings(other, events, Link())
    second = case.add_findings(other, events, Link(), replace=True)
    assert case.state.findings == second
    assert case.state.replaced == [first]
    assert (case.folder / first.path / "members.parquet").read_bytes() == b"content one"
    assert overview(case)["replaced"] == [first.path]


def test_the_same_attribution_keeps_its_number(case: Workspace, raw: Path, tmp_path: Path) -> None:
    one = stage_folder(tmp_path / "a1", "attribution.json", "a1")
    two = stage_folder(tmp_path / "a2", "attribution.json", "a2")
    assert [case.add_attribution(path, Link()) for path in (one, two, one)] == [1, 2, 1]
    acquire(case, raw)
    assert case.add_attribution(one, Link(acquisitions=["acq-1"])) == 1
    assert case.add_attribution(one, Link()) == 1  # no word of a link: it stays
    assert [kept.link for kept in case.state.attributions] == [Link(acquisitions=["acq-1"]), Link()]


def test_links_lead_to_what_is_there(case: Workspace, tmp_path: Path) -> None:
    folder = stage_folder(tmp_path / "a1", "attribution.json", "a1")
    case.add_plan(plan_file(tmp_path / "plan.json"))
    for link, says in (
        (Link(acquisitions=["acq-1"]), "no acquisition acq-1"),
        (Link(plan="plan-2", hypothesis="H1"), "no plan plan-2"),
        (Link(plan="plan-1"), "go together"),
        (Link(plan="plan-1", hypothesis="H2"), "has no hypothesis H2"),
    ):
        with pytest.raises(Error, match=says) as raised:
            case.add_attribution(folder, link)
        assert raised.value.exit_code == ExitCode.USAGE
    assert case.state.attributions == []


def test_a_plan_is_not_changed(case: Workspace, tmp_path: Path) -> None:
    case.add_plan(plan_file(tmp_path / "plan.json"))
    case.add_plan(tmp_path / "plan.json")
    with pytest.raises(Error, match="another plan plan-1"):
        case.add_plan(plan_file(tmp_path / "plan.json", title="another"))
    plan_file(case.folder / "plans" / "plan-2.json", "plan-2")  # as `case plan` writes it
    add_action(case, Action(at="2026-06-16T08:00:00Z", by="A", action="stored", what="w", sha256=[], to=""))
    assert list(case.state.plans) == ["plan-1", "plan-2"]


def test_a_damaged_list_is_one_error(case: Workspace, tmp_path: Path) -> None:
    case.add_scan(stage_folder(tmp_path / "scan", "scan.json"), Link())
    path = case.folder / "case-folder.json"
    whole = path.read_bytes()
    for data in (
        b"",
        b"{",
        whole.replace(b"CASE-1", b"../../x"),
        whole.replace(b"/v1", b"/v9"),
        b"[" * 9_999,
        whole.replace(b'"path": "scan/', b'"path": "../scan/'),
        whole.replace(b'"path": "scan/', b'"path": "/scan/'),
    ):
        path.write_bytes(data)
        with pytest.raises(Error) as raised:
            Workspace.open(case.folder)
        assert raised.value.exit_code == ExitCode.NO_INPUT
        assert "\n" not in raised.value.message
