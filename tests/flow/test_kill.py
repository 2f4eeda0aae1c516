"""Killed at any moment, `capture` and `detect` leave no half that the next command takes for whole."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import kill_detect
import pytest
from command_line import files, findings, rewrite_members
from generated import generate, write_hash_keys

from countermark.world.plan import WorldPlan
from running import Done, countermark

HARNESS = Path(__file__).parents[1] / "capture" / "kill_at.py"
SEED = 20_260_102
PLAN = WorldPlan(days=2, ordinary=300, networks=(), pool=40)
COUNTS = [5, pytest.param(50, marks=pytest.mark.soak)]
EVERY_CHANGE = 60
"""More than the changes to the disk that a run of `detect` makes."""
KEPT = "campaign-kept-from-an-earlier-day"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs, EVENTS, earlier FINDINGS whose ids only they tell, and what `detect` makes of them."""
    folder = tmp_path_factory.mktemp("inputs")
    generate(folder, PLAN, 1)
    write_hash_keys(folder / "hash-keys.json", 1)
    (folder / "made").mkdir()
    kill_detect.capture(folder / "made" / "events")
    (folder / "made" / "events").rename(folder / "events")
    kill_detect.detect(folder / "made" / "earlier")
    first = findings(folder / "made" / "earlier")["campaigns"][0]["campaign_id"]
    rewrite_members(folder / "made" / "earlier", {first: KEPT})
    shutil.copytree(folder / "made" / "earlier", folder / "made" / "later")
    kill_detect.detect(folder / "made" / "later")
    assert KEPT in {one["campaign_id"] for one in findings(folder / "made" / "later")["campaigns"]}
    assert countermark("case", "keygen", "--out", folder / "analyst.key").code == 0
    return folder


def killed(
    inputs: Path, trials: Path, call: str, moments: Iterable[float | int], base: Path | None
) -> list[Path]:
    """Folders that runs of `call` left, killed at these moments."""
    (inputs / trials).mkdir()
    task = {"operations": "kill_detect", "call": call, "base": base and str(base), "moments": list(moments)}
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    arguments = json.dumps({**task, "folder": str(inputs / trials)})
    command = [sys.executable, str(HARNESS), arguments]
    subprocess.run(command, check=True, timeout=1_200, stdout=subprocess.PIPE, env=environment)
    return sorted((inputs / trials).iterdir(), key=lambda path: float(path.name))


def seal(inputs: Path, folder: Path) -> Done:
    """`case seal` of what a killed `detect` left."""
    what = [folder, "--events", inputs / "events", "--key", inputs / "analyst.key", "--case", "killed"]
    return countermark("case", "seal", *what, "--out", inputs / "case.zip", "--overwrite")


def check_findings(inputs: Path, folder: Path, *, earlier: bool) -> bool:
    """Old, new or refused by `case seal` (the answer); running again ends in the new state."""
    old = files(inputs / "made" / "earlier") if earlier else {}
    left = files(folder) if folder.exists() else {}
    sealed = seal(inputs, folder)
    if sealed.code == 0:
        whole = {name: content for name, content in left.items() if not name.startswith(".partial-")}
        assert whole in (old, files(inputs / "made" / "later"), fresh(inputs))
    else:
        assert sealed.code == 3
        assert "findings" in sealed.error()
    kill_detect.detect(folder)
    assert files(folder) == (files(inputs / "made" / "later") if earlier else fresh(inputs))
    return sealed.code != 0


def fresh(inputs: Path) -> dict[str, bytes]:
    """What `detect` makes without earlier findings."""
    folder = inputs / "made" / "fresh"
    if not folder.exists():
        kill_detect.detect(folder)
    return files(folder)


@pytest.mark.parametrize("count", COUNTS)
def test_detect_killed_at_random_moments(inputs: Path, tmp_path: Path, count: int) -> None:
    generator = random.Random(SEED)
    moments = sorted(generator.uniform(0.01, 1.2) for _ in range(count))
    for folder in killed(inputs, Path(f"random-{count}"), "detect", moments, inputs / "made" / "earlier"):
        check_findings(inputs, folder, earlier=True)


@pytest.mark.parametrize("earlier", [True, False])
def test_detect_killed_before_changes_to_the_disk(inputs: Path, earlier: bool) -> None:
    """A seeded sample of them: the moments when a half could be left."""
    moments = sorted(random.Random(SEED).sample(range(4, 20), 4))
    base = inputs / "made" / "earlier" if earlier else None
    folders = killed(inputs, Path(f"sample-{earlier}"), "detect", moments, base)
    refused = [check_findings(inputs, folder, earlier=earlier) for folder in folders]
    assert any(refused)


@pytest.mark.soak
@pytest.mark.parametrize("earlier", [True, False])
def test_detect_killed_before_every_change(inputs: Path, earlier: bool) -> None:
    base = inputs / "made" / "earlier" if earlier else None
    folders = killed(inputs, Path(f"every-{earlier}"), "detect", range(1, EVERY_CHANGE), base)
    assert 10 < len(folders) < EVERY_CHANGE - 1
    refused = [check_findings(inputs, folder, earlier=earlier) for folder in folders]
    assert any(refused)
    assert not all(refused)


@pytest.mark.parametrize("count", COUNTS)
def test_capture_killed_at_random_moments(inputs: Path, tmp_path: Path, count: int) -> None:
    """The other kills of capture are in tests/capture; here, what `detect` says of what is left."""
    generator = random.Random(SEED)
    moments = sorted(generator.uniform(0.01, 1.0) for _ in range(count))
    for folder in killed(inputs, Path(f"capture-{count}"), "capture", moments, None):
        done = countermark("detect", folder, "--out", tmp_path / folder.name)
        if folder.exists() and (folder / "capture.json").exists():
            assert files(folder) == files(inputs / "events")
            assert done.code == 10
            continue
        assert done.code == 3
        assert "is not a whole EVENTS folder" in done.error()
        assert not (tmp_path / folder.name).exists()
        kill_detect.capture(folder)
        assert files(folder) == files(inputs / "events")
