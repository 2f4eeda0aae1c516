"""Killed at any moment, capture and purge leave the old state, the new one, or nothing that looks whole."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import kill_operations
import pyarrow.parquet as pq
import pytest
from conftest_rows import litellm_row, write_rows

from countermark.errors import Error
from countermark.store.events import STAGING, open_events

SEED = 20_260_101
EXPECTED = {
    "capture": (None, list(range(60))),
    "append": (list(range(60)), list(range(80))),
    "overwrite": (list(range(60)), list(range(50, 80))),
    "purge": (list(range(60)), list(range(30, 60))),
}
"""Operation to the request numbers before it and after it."""


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Two logs, and a base folder captured from the first."""
    rows = [litellm_row(number) for number in range(80)]
    write_rows(tmp_path / "first.jsonl", rows[:60])
    write_rows(tmp_path / "second.jsonl", rows[50:])
    (tmp_path / "made").mkdir()
    kill_operations.capture(tmp_path / "made" / "base")
    return tmp_path


def numbers(folder: Path) -> list[int] | None:
    """Request numbers in a whole folder, None when the next command would not take it for whole."""
    try:
        found = open_events(folder)
    except Error:
        return None
    rows = [name for path in found.event_files for name in pq.read_table(path)["request_id"].to_pylist()]
    sketches = pq.read_table(found.sketches_file)
    assert sketches.num_rows == len(rows)
    return [int(name.removeprefix("request-")) for name in rows]


def kill(inputs: Path, call: str, moments: list[int] | None) -> list[Path]:
    """Folders that runs of `call` left, killed at the given changes to the disk (None: at each)."""
    trials = inputs / call
    trials.mkdir()
    base = None if call == "capture" else str(inputs / "made" / "base")
    task = json.dumps({"call": call, "base": base, "folder": str(trials), "moments": moments})
    command = [sys.executable, str(Path(__file__).with_name("kill_at.py")), task]
    subprocess.run(command, check=True, timeout=600, stdout=subprocess.PIPE)
    return sorted(trials.iterdir(), key=lambda path: int(path.name))


def check(call: str, folder: Path) -> None:
    """What a killed run left is old, new or not whole; running again ends in the new state."""
    before, after = EXPECTED[call]
    left = numbers(folder)
    assert left is None or left in (before, after), left
    redo: Callable[[Path], None] = getattr(kill_operations, call)
    try:
        redo(folder)
    except Error as error:
        if "holds EVENTS already" not in error.message:  # it had come so far that this is all that is left
            raise
    assert numbers(folder) == after
    assert not (folder / STAGING).exists()
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("call", EXPECTED)
def test_killed_at_a_seeded_sample_of_changes(inputs: Path, call: str) -> None:
    moments = sorted(random.Random(SEED).sample(range(1, 30), 6))  # a run makes some 30 changes
    folders = kill(inputs, call, moments)
    assert len(folders) >= 3
    for folder in folders:
        check(call, folder)


@pytest.mark.soak
@pytest.mark.parametrize("call", EXPECTED)
def test_killed_at_every_change(inputs: Path, call: str) -> None:
    folders = kill(inputs, call, None)
    assert len(folders) > 10
    for folder in folders:
        check(call, folder)


@pytest.mark.soak
def test_killed_at_50_random_moments(inputs: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys, pathlib, kill_operations as k; k.append(pathlib.Path(sys.argv[1]))",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    (inputs / "random").mkdir()
    generator = random.Random(SEED)
    for trial in range(50):
        folder = inputs / "random" / str(trial)
        shutil.copytree(inputs / "made" / "base", folder)
        process = subprocess.Popen([*command, str(folder)], env=environment)
        time.sleep(generator.uniform(0.2, 2.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        check("append", folder)
