"""Ten packages, ten thousand changes: both verifiers find every one. A tenth of it in the ordinary run."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from forging import files_of
from package_damage import Damage, Files
from trial_packages import Trial, ten_packages

import countermark_verify
from countermark.errors import Error
from countermark.prove.package.trustfile import read_trust
from countermark.prove.verifying.verify import verify

SEED = 20261128
TRIALS = 1000
"""Of each package."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Trial]]:
    with ten_packages(tmp_path_factory.mktemp("ten packages")) as made:
        yield made


def write_folder(folder: Path, files: Files) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def verdicts(package: Path, trust: Path) -> tuple[str, str]:
    """Of the command's verifier, and of the one in one file."""
    try:
        ours = verify(package, read_trust(trust)).verdict
    except Error as error:
        ours = f"no package ({error.exit_code})"
    try:
        other = countermark_verify.Verification(package, countermark_verify.read_trust(trust), "").run()[
            "verdict"
        ]
    except countermark_verify.Unusable:
        other = "no package (3)"
    return str(ours), str(other)


def run_trials(packages: list[Trial], number: int, trials: range, folder: Path) -> None:
    trial = packages[number]
    files, other = files_of(trial.folder), files_of(packages[(number + 3) % len(packages)].folder)
    for seed in trials:
        damage = Damage(random.Random(SEED + 10_000 * number + seed), other)
        target = folder / "changed"
        write_folder(target, damage.one(files))
        found = verdicts(target, trial.trust)
        assert found == ("FAILED", "FAILED"), f"{trial.name}, trial {seed}: {damage.done}"
        shutil.rmtree(target)


def test_both_verify_what_is_whole(packages: list[Trial]) -> None:
    assert len(packages) == 10
    for trial in packages:
        assert verdicts(trial.folder, trial.trust) == ("VERIFIED", "VERIFIED"), trial.name


@pytest.mark.parametrize("number", range(10))
def test_a_tenth_of_the_changes(packages: list[Trial], number: int, tmp_path: Path) -> None:
    run_trials(packages, number, range(TRIALS // 10), tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(10))
def test_all_changes(packages: list[Trial], number: int, tmp_path: Path) -> None:
    run_trials(packages, number, range(TRIALS), tmp_path)
