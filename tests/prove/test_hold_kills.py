"""A hold killed at any change to the disk: what it names is kept, and the same command ends it."""

import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hold_operations
import pyarrow.parquet as pq
import pytest
from held_samples import place, write_lines

from countermark.capture.hashkeys import EPOCH, destroy_keys
from countermark.capture.held_folder import check_files, read_manifest
from countermark.capture.holds import in_force, read_holds
from countermark.capture.purge import purge_before
from countermark.flow.raw_lines import rederive
from countermark.records.files import TEMPORARY
from countermark.store.events import open_events

SEED = 20_261_128
KILLER = Path(__file__).parent.parent / "capture" / "kill_at.py"
LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills") / "base"
    folder.mkdir()
    (folder / "recipient").write_text(place(folder).recipient)
    return folder


def kill(base: Path, trials: Path, call: str, moments: list[int] | None) -> list[Path]:
    trials.mkdir()
    task = {"operations": "hold_operations", "call": call, "base": str(base), "folder": str(trials)}
    command = [sys.executable, str(KILLER), json.dumps(task | {"moments": moments})]
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    subprocess.run(command, check=True, timeout=600, stdout=subprocess.PIPE, env=environment)
    return sorted(trials.iterdir(), key=lambda path: int(path.name))


def check(folder: Path) -> None:
    """HELD is whole or not there; what is said to be held is kept; the same command comes to its end."""
    here = hold_operations.place_of(folder)
    if here.held.exists():
        check_files(here.held, read_manifest(here.held)[0])
    begun = read_holds(here.events)
    open_events(here.events)
    here.hold()
    entries = read_holds(here.events)
    assert [one.state for one in entries] == ["in force"]
    if begun:  # the killed run had drawn the control sample: it is not drawn again
        assert begun[0].control_accounts == entries[0].control_accounts
        assert begun[0].seed == entries[0].seed
    manifest, digest = read_manifest(here.held)
    check_files(here.held, manifest)
    assert digest == entries[0].manifest_sha256
    assert not list(folder.rglob(f"{TEMPORARY}*"))
    assert rederive(here.held, here.age_key, here.hash_key, here.events).ok
    later = datetime.now(UTC) + EPOCH + timedelta(days=1)
    assert destroy_keys(here.hash_key, now=later) == []


def check_kept(folder: Path) -> None:
    """Once a hold is written into EVENTS, a purge right after the kill keeps its rows."""
    here = hold_operations.place_of(folder)
    held = {name for one in in_force(here.events) for name in one.held()}
    rows = sum(pq.read_metadata(path).num_rows for path in open_events(here.events).event_files)
    said: list[str] = []
    purge_before(here.events, LATER, say=said.append)
    left = sum(pq.read_metadata(path).num_rows for path in open_events(here.events).event_files)
    assert bool(left) == bool(held)
    assert bool(said) == bool(held)
    assert left < rows


def test_killed_at_a_seeded_sample_of_changes(base: Path, tmp_path: Path) -> None:
    moments = sorted(random.Random(SEED).sample(range(1, 26), 7))
    folders = kill(base, tmp_path / "hold", "hold", moments)
    assert len(folders) >= 4
    for number, folder in enumerate(folders):
        (check_kept if number % 3 == 2 else check)(folder)


def test_capture_goes_on_after_a_kill(base: Path, tmp_path: Path) -> None:
    folders = kill(base, tmp_path / "hold", "hold", [4, 8, 12])
    for folder in folders:
        here = hold_operations.place_of(folder)
        here.capture(write_lines(folder / "third.jsonl", range(200, 210)), append=True)


@pytest.mark.soak
def test_killed_at_every_change(base: Path, tmp_path: Path) -> None:
    folders = kill(base, tmp_path / "hold", "hold", None)
    assert len(folders) > 10
    for folder in folders:
        check(folder)
    for folder in kill(base, tmp_path / "again", "hold", None):
        check_kept(folder)


def test_a_release_that_was_killed_is_done_again(base: Path, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    subprocess.run(["cp", "-a", str(base), str(ready)], check=True)
    hold_operations.hold(ready)
    for folder in kill(ready, tmp_path / "end", "end", [2, 3, 5, 6, 8]):
        if in_force(folder / "events"):
            hold_operations.end(folder)
        assert [one.state for one in read_holds(folder / "events")] == ["released"]
        later = datetime.now(UTC) + EPOCH + timedelta(days=1)
        assert len(destroy_keys(folder / "hash-keys.json", now=later)) == 1
