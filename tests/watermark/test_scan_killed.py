"""A scan killed (SIGKILL) at any moment and asked again gives what an undisturbed one gives, to the byte."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import kill_scan
import pytest
from scan_samples import answers, write_inputs

HERE = Path(__file__).parent
HARNESS = HERE.parent / "capture" / "kill_at.py"
SEED = 20_260_103


def runs(inputs: Path, trials: str, moments: Iterable[float | int], base: Path | None = None) -> list[Path]:
    """Folders that scans left which were killed at these moments."""
    (inputs / trials).mkdir()
    task = {"operations": "kill_scan", "call": "scan", "base": base and str(base), "moments": list(moments)}
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    arguments = json.dumps({**task, "folder": str(inputs / trials)})
    subprocess.run([sys.executable, str(HARNESS), arguments], check=True, timeout=600, env=environment)
    return sorted((inputs / trials).iterdir(), key=lambda path: float(path.name))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed-scan")
    write_inputs(folder)
    (folder / "undisturbed").mkdir()
    kill_scan.scan(folder / "undisturbed" / "whole")
    return folder


def check_resumed(inputs: Path, left: Path) -> None:
    """The same scan makes of what a killed one left what an undisturbed one makes."""
    kill_scan.scan(left)
    assert answers(left) == answers(inputs / "undisturbed" / "whole")


@pytest.mark.parametrize("count", [6, pytest.param(80, marks=pytest.mark.soak)])
def test_killed_before_a_change_to_the_disk_and_resumed(inputs: Path, count: int) -> None:
    moments = sorted(random.Random(SEED + count).sample(range(2, 170), count))
    halves = 0
    for left in runs(inputs, f"killed-{count}", moments):
        halves += (left / ".unfinished" / "request.json").exists()
        check_resumed(inputs, left)
    assert halves > count / 2


@pytest.mark.parametrize("count", [2, pytest.param(30, marks=pytest.mark.soak)])
def test_killed_twice_at_random_times(inputs: Path, count: int) -> None:
    generator = random.Random(SEED - count)
    moments = sorted(generator.uniform(0.01, 0.5) for _ in range(count))
    for left in runs(inputs, f"first-{count}", moments):
        base = left if left.exists() else None
        (again,) = runs(inputs, f"second-{count}-{left.name}", [generator.uniform(0.05, 0.4)], base=base)
        check_resumed(inputs, again)
