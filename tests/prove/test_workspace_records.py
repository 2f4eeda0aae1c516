"""Records of a case folder: what people say is checked, logged once, and survives kills and crowds."""

import multiprocessing
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from case_folders import acquire, events_folder, findings_folder, sha256

from countermark.errors import Error, ExitCode
from countermark.prove.case_folder import workspace_files
from countermark.prove.case_folder.workspace import Workspace
from countermark.prove.case_folder.workspace_records import (
    add_action,
    add_terms,
    log_acquisitions,
)
from countermark.prove.case_folder.workspace_state import Link
from countermark.prove.case_folder.workspace_view import changes, inputs
from countermark.prove.custody.custody import Action, Custody, Hold
from countermark.trust.log import Log, open_or_create


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
        id="hold-1",
        by="Bo",
        started="2026-06-16T08:00:00Z",
        anticipated="letter",
        accounts=1,
        control_accounts=1,
        manifest_sha256="a" * 64,
    )
    case.record(Custody(holds=[hold]))
    case.record(Custody(holds=[hold]))
    assert case.custody.holds == [hold]
    with pytest.raises(Error, match="another hold hold-1"):
        case.record(Custody(holds=[msgspec.structs.replace(hold, by="Cy")]))


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


@pytest.mark.parametrize("kills", [8, pytest.param(100, marks=pytest.mark.soak)])
def test_killed_at_any_moment_nothing_is_lost(tmp_path: Path, raw: Path, events: Path, kills: int) -> None:
    """SIGKILL after a time drawn at random; the same again gives the whole."""
    book = open_or_create(tmp_path / "log", origin="a.example/log")
    findings = findings_folder(tmp_path / "findings", events)
    context = multiprocessing.get_context("spawn")
    draw = random.Random(7)
    died = 0
    for number in range(kills):
        folder = tmp_path / f"case-{number}"
        ready = context.Event()
        child = context.Process(
            target=build_when_ready, args=(ready, folder, tmp_path / "log", raw, findings, events)
        )
        child.start()
        assert ready.wait(120)
        time.sleep(draw.random() * 0.06)
        child.kill()
        child.join()
        died += child.exitcode != 0
        case = build(folder, tmp_path / "log", raw, findings, events)
        assert log_acquisitions(case, book) == 0
        assert [one.id for one in case.custody.acquisitions] == ["acq-1"]
        assert list(changes(case, evidence=True)) == []
        assert inputs(case).results[0].acquisitions == ["acq-1"]
    assert died > kills // 4


def build_when_ready(ready: Any, *arguments: Path) -> None:
    ready.set()
    build(*arguments)


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
