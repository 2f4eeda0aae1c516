"""Killed at any moment, `case seal` leaves the old package, the new one or none; the next run is clean."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path

import kill_seal
import pytest
from forging import files_of
from tests.prove.conftest import write_events, write_findings
from trial_packages import with_rows

from countermark.errors import Error
from countermark.prove.package.place import recover, work_beside
from countermark.prove.package.trustfile import SignerEntry, Trust, read_trust, write_trust
from countermark.prove.verifying.verify import verify
from countermark.trust.signing import SigningKey

HARNESS = Path(__file__).parents[1] / "capture" / "kill_at.py"
SEED = 20_261_128
CALLS = {"folder": "case", "archive": "case.zip", "folder_over": "case", "archive_over": "case.zip"}
"""Operation and the name of the package that it makes."""
EVERY_CHANGE = 200
"""More than the changes to the disk that a seal makes."""
COUNTS = [10, pytest.param(100, marks=pytest.mark.soak)]
Left = str | dict[str, bytes] | None


def make_inputs(place: Path) -> tuple[Path, Trust]:
    """A case, and what stands there before and after its seal, by operation; and whom to trust."""
    write_findings(place / "findings", with_rows(write_events(place / "events")))
    key = SigningKey.generate()
    key.save(place / "signer.key")
    write_trust(place / "trust.json", [SignerEntry("Ann Example", key.public.to_base64())])
    for when, created in (("old", kill_seal.OLD), ("new", kill_seal.NEW)):
        for name in ("case", "case.zip"):
            (place / f"{when} {name}").mkdir()
            kill_seal.seal_at(place / f"{when} {name}" / "made", name, created, overwrite=False)
    return place, read_trust(place / "trust.json")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trust]:
    return make_inputs(tmp_path_factory.mktemp("kills of a seal"))


@pytest.fixture(scope="module")
def inputs(made: tuple[Path, Trust]) -> Path:
    return made[0]


@pytest.fixture(scope="module")
def trust(made: tuple[Path, Trust]) -> Trust:
    return made[1]


def content(package: Path) -> Left:
    """Every byte of a package; None where nothing stands."""
    if package.is_dir():
        return files_of(package)
    return {"zip": package.read_bytes()} if package.exists() else None


def killed(inputs: Path, call: str, moments: Iterable[float | int]) -> list[Path]:
    """Folders that runs of this operation left, killed at these moments."""
    trials = inputs / f"{call}-{len(list(inputs.iterdir()))}"
    trials.mkdir()
    base = str(inputs / f"old {CALLS[call]}" / "made") if call.endswith("_over") else None
    task = {"operations": "kill_seal", "call": call, "base": base, "folder": str(trials)}
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HARNESS), json.dumps(task | {"moments": list(moments)})]
    subprocess.run(command, check=True, timeout=600, stdout=subprocess.PIPE, env=environment)
    return sorted(trials.iterdir(), key=lambda path: float(path.name))


def check(inputs: Path, call: str, folder: Path, trust: Trust) -> str:
    """What a killed run left: `old`, `new` or `none`, nothing else; running again ends in the new one."""
    package = folder / CALLS[call]
    old, new = (content(inputs / f"{when} {package.name}" / "made" / package.name) for when in ("old", "new"))
    left = content(package)
    found = "none" if left is None else "old" if left == old and call.endswith("_over") else "new"
    assert (call, found) != ("archive_over", "none"), "a file is replaced at once"
    if left is not None:
        assert left == (old if found == "old" else new)
        assert verify(package, trust).verdict == "VERIFIED"
    again: Callable[[Path], None] = getattr(kill_seal, call)
    refused = found == "new" and not call.endswith("_over")
    with pytest.raises(Error, match="exists already") if refused else nullcontext():
        again(folder)
    assert content(package) == new
    assert [path.name for path in folder.iterdir()] == [package.name]
    return found


@pytest.mark.parametrize("count", COUNTS)
def test_killed_at_random_moments(inputs: Path, trust: Trust, count: int) -> None:
    generator = random.Random(SEED)
    calls = Counter(generator.choice(list(CALLS)) for _ in range(count))
    found = Counter[str]()
    for call, trials in calls.items():
        moments = [generator.uniform(0.005, 1.0) for _ in range(trials)]
        found.update(check(inputs, call, folder, trust) for folder in killed(inputs, call, moments))
    assert found.total() == count
    assert found["none"] + found["old"] > 0


@pytest.mark.parametrize("call", CALLS)
def test_killed_before_a_sample_of_changes(inputs: Path, trust: Trust, call: str) -> None:
    moments = sorted(random.Random(SEED).sample(range(1, 40), 4))
    for folder in killed(inputs, call, moments):
        check(inputs, call, folder, trust)


@pytest.mark.soak
@pytest.mark.parametrize("call", CALLS)
def test_killed_before_every_change(inputs: Path, trust: Trust, call: str) -> None:
    folders = killed(inputs, call, range(1, EVERY_CHANGE))
    assert 20 < len(folders) < EVERY_CHANGE - 1
    found = Counter(check(inputs, call, folder, trust) for folder in folders)
    assert found["new"] > 0
    assert found["old"] > 0 if call.endswith("_over") else found["none"] > 0


def test_the_package_of_before_comes_back(inputs: Path, trust: Trust) -> None:
    """Killed when the old package had been moved away and the new one did not stand yet."""
    folder = inputs / "renames" / "one"
    shutil.copytree(inputs / "old case" / "made", folder)
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, kill_seal.__file__, str(folder)]
    assert subprocess.run(command, env={**os.environ, "PYTHONPATH": path}).returncode == -signal.SIGKILL
    assert content(folder / "case") is None
    with pytest.raises(Error, match="exists already"):
        kill_seal.folder(folder)
    assert content(folder / "case") == content(inputs / "old case" / "made" / "case")
    assert [path.name for path in folder.iterdir()] == ["case"]


def test_what_a_run_that_goes_on_has_made_stays(tmp_path: Path) -> None:
    with work_beside(tmp_path / "case") as work:
        recover(tmp_path / "case")
        assert work.is_dir()
    assert not list(tmp_path.iterdir())


def test_names_that_are_like_a_left_over_stay(tmp_path: Path) -> None:
    for name in (".partial-0123456789ab-other", ".partial-012345-case", "case-.partial-0123456789ab-case"):
        (tmp_path / name).mkdir()
    recover(tmp_path / "case")
    assert len(list(tmp_path.iterdir())) == 3
