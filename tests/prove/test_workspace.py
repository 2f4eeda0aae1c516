"""The case folder: nothing added is lost, changes are noticed, killed runs resume, the folder may move."""

import json
import os
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from case_folders import events_folder, findings_folder, plan_file, sha256, stage_folder

from countermark.errors import Error, ExitCode
from countermark.prove import workspace_files
from countermark.prove.custody import Acquisition, Action, Hold
from countermark.prove.workspace import Workspace
from countermark.prove.workspace_records import (
    Told,
    add_acceptances,
    add_acquisition,
    add_action,
    add_hold,
    add_terms,
    log_acquisitions,
)
from countermark.prove.workspace_state import Link
from countermark.prove.workspace_view import changes, inputs, missing, overview
from countermark.trust.log import Log, open_or_create

TOLD: dict[str, Any] = {
    "what": "gateway log",
    "by": "Ann",
    "role": "analyst",
    "source": "gateway-3",
    "method": "copied",
    "purpose": "routine",
    "started": "2026-06-15T08:00:00Z",
    "ended": "2026-06-15T10:10:00+02:00",
    "clock_source": "ntp",
    "offset_seconds": -0.02,
}


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


def acquire(workspace: Workspace, *paths: Path, acquisition_id: str = "", **changed: Any) -> Acquisition:
    return add_acquisition(workspace, paths, Told(**TOLD | changed), acquisition_id=acquisition_id)


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


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"by": " "}, "--by"),
        ({"what": "a\nb"}, "--what"),
        ({"source": "x" * 10_001}, "--source"),
        ({"started": "2026-06-15 08:00"}, "offset from UTC"),
        ({"started": "June"}, "no time"),
        ({"started": "2199-01-01T00:00:00Z"}, "has not come yet"),
        ({"ended": "2026-06-15T07:00:00Z"}, "ended before it started"),
        ({"offset_seconds": float("nan")}, "--offset-seconds"),
        ({"offset_seconds": float("inf")}, "--offset-seconds"),
        ({"clock_source": ""}, "--clock-source"),
    ],
)
def test_an_acquisition_that_cannot_be_is_refused(
    case: Workspace, raw: Path, changed: dict[str, Any], says: str
) -> None:
    with pytest.raises(Error, match=says) as raised:
        acquire(case, raw, **changed)
    assert raised.value.exit_code == ExitCode.USAGE
    assert case.custody.acquisitions == []


def test_acquisitions_are_numbered_and_their_times_in_utc(case: Workspace, raw: Path, tmp_path: Path) -> None:
    first = acquire(case, raw)
    assert (first.id, first.ended) == ("acq-1", "2026-06-15T08:10:00Z")
    assert (first.items[0].name, first.items[0].sha256) == ("gateway.jsonl", sha256(b"raw log\n"))
    assert acquire(case, raw) == first  # the same once more, as after a kill
    assert acquire(case, raw, by="Bo").id == "acq-2"
    with pytest.raises(Error, match="another acquisition acq-2"):
        acquire(case, raw, acquisition_id="acq-2")
    with pytest.raises(Error, match="--id"):
        acquire(case, raw, acquisition_id="../x")


def test_files_of_one_name_are_told_apart(case: Workspace, tmp_path: Path) -> None:
    for name in ("g1/a.log", "g2/a.log", "g2/deep/b.log"):
        (tmp_path / "logs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "logs" / name).write_text(name)
    record = acquire(case, tmp_path / "logs" / "g1" / "a.log", tmp_path / "logs" / "g2")
    assert [item.name for item in record.items] == ["g1/a.log", "g2/a.log", "g2/deep/b.log"]
    with pytest.raises(Error, match="named twice"):
        acquire(case, tmp_path / "logs", tmp_path / "logs" / "g1" / "a.log")


def test_what_is_no_plain_file_is_refused(case: Workspace, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "pipe")
    bad = [tmp_path / "pipe", tmp_path / "folder", tmp_path / "missing", Path("https://example.org/x")]
    for path in bad:
        with pytest.raises(Error) as raised:
            acquire(case, path)
        assert raised.value.exit_code == ExitCode.NO_INPUT
    (tmp_path / "empty").mkdir()
    with pytest.raises(Error, match="no file"):
        acquire(case, tmp_path / "empty")


def test_a_file_that_grows_while_it_is_read_is_refused(case: Workspace, raw: Path) -> None:
    def grow(count: int) -> None:
        with raw.open("ab") as stream:
            stream.write(b"more\n")
        if raw.stat().st_size > 100:
            os.truncate(raw, 3)

    with pytest.raises(Error, match="changed while it was read"):
        workspace_files.digest(raw, step=grow)
    assert case.custody.acquisitions == []


def test_actions_carry_the_digests_of_what_they_were_done_with(case: Workspace, raw: Path) -> None:
    acquire(case, raw)
    stored = Action(at="2026-06-16T08:00:00Z", by="Ann", action="handed over", what="log", sha256=[], to="Cy")
    record = add_action(case, stored, ["acq-1"])
    assert record.sha256 == [sha256(b"raw log\n")]
    assert case.custody.actions == [record]
    with pytest.raises(Error, match="handed over to nobody"):
        add_action(case, Action(at=stored.at, by="A", action="handed over", what="w", sha256=[], to=""))
    with pytest.raises(Error, match="no acquisition"):
        add_action(case, stored, ["acq-9"])
    hold = Hold(
        id="",
        by="Bo",
        started="2026-06-16T08:00:00Z",
        anticipated="letter",
        accounts=1,
        control_accounts=1,
        manifest_sha256="a" * 64,
    )
    assert [add_hold(case, hold).id for _ in range(2)] == ["hold-1", "hold-2"]


def test_terms_have_one_text_a_version(case: Workspace, tmp_path: Path) -> None:
    text = tmp_path / "use.md"
    text.write_text("one")

    def add(version: str = "1", **more: str) -> None:
        add_terms(
            case,
            text,
            **{"terms_id": "use", "version": version, "title": "Use", "effective": "2026-01-01"} | more,
        )

    add()
    add(ended="2026-02-01")
    assert [one.ended for one in case.state.terms] == ["2026-02-01"]
    text.write_text("two")
    with pytest.raises(Error, match="another text of use 1"):
        add()
    add("2")
    assert (case.folder / "terms" / "use-1.md").read_text() == "one"
    for change in ({"effective": "1.1.2026"}, {"ended": "2025-01-01"}, {"terms_id": "a/b"}, {"title": ""}):
        with pytest.raises(Error) as raised:
            add("3", **change)
        assert raised.value.exit_code == ExitCode.USAGE


def test_acquisitions_stand_in_the_log_once(tmp_path: Path, raw: Path) -> None:
    book = open_or_create(tmp_path / "log", origin="a.example/log")
    case = Workspace.create(tmp_path / "CASE-1", "CASE-1", matter="matter-7", log=tmp_path / "log")
    record = acquire(case, raw)
    (entry,) = Log.open(tmp_path / "log").entries("acquisition")
    assert entry.payload == {"id": "acq-1", "sha256": record.digest}
    assert log_acquisitions(case, book) == 0
    path = case.folder / "custody.json"
    path.write_text(path.read_text().replace('"Ann"', '"Bob"'))
    (sentence,) = changes(case)
    assert sentence == "acquisition acq-1 is not in the log as it stands in custody.json"


def test_what_a_killed_run_left_is_finished(
    tmp_path: Path, raw: Path, events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before each step that is made for good; the same again gives the whole."""
    book = open_or_create(tmp_path / "log", origin="a.example/log")
    findings = findings_folder(tmp_path / "findings", events)
    real_rename, real_replace = Path.rename, Path.replace
    for stop in range(9):
        left = stop

        def dying(real: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
            def move(self: Path, target: Path) -> Path:
                nonlocal left
                left -= 1
                if left < 0:
                    raise KeyboardInterrupt
                return real(self, target)

            return move

        folder = tmp_path / f"case-{stop}"
        monkeypatch.setattr(Path, "rename", dying(real_rename))
        monkeypatch.setattr(Path, "replace", dying(real_replace))
        try:
            build(folder, tmp_path / "log", raw, findings, events)
            died = False
        except KeyboardInterrupt:
            died = True
        monkeypatch.undo()
        assert died is (stop < 7), "the number of steps has changed: look at the bounds"
        case = build(folder, tmp_path / "log", raw, findings, events)
        assert log_acquisitions(case, book) == 0
        assert len(case.custody.acquisitions) == 1
        assert list(changes(case, evidence=True)) == []
        assert inputs(case).results[0].acquisitions == ["acq-1"]
        assert not [path for path in folder.rglob("*") if path.name.startswith(".partial-")]


def build(folder: Path, log: Path, raw: Path, findings: Path, events: Path) -> Workspace:
    case = Workspace.create(folder, "CASE-1", matter="matter-7", log=log)
    acquire(case, raw, what=folder.name)
    case.add_findings(findings, events, Link(acquisitions=["acq-1"]))
    return case


def test_two_at_once_lose_nothing(case: Workspace, tmp_path: Path) -> None:
    def add(number: int) -> None:
        path = tmp_path / f"{number}.log"
        path.write_text(str(number))
        acquire(Workspace.open(case.folder), path)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = Workspace.open(case.folder).custody.acquisitions
    assert sorted(one.id or "" for one in records) == [f"acq-{number}" for number in range(1, 9)]
    assert len({one.items[0].sha256 for one in records}) == 8


def test_a_damaged_list_is_one_error(case: Workspace) -> None:
    path = case.folder / "case-folder.json"
    whole = path.read_bytes()
    for data in (
        b"",
        b"{",
        whole.replace(b"CASE-1", b"../../x"),
        whole.replace(b"/v1", b"/v9"),
        b"[" * 9_999,
    ):
        path.write_bytes(data)
        with pytest.raises(Error) as raised:
            Workspace.open(case.folder)
        assert raised.value.exit_code == ExitCode.NO_INPUT
        assert "\n" not in raised.value.message
