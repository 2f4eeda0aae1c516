"""Ten packages, ten thousand changes: both verifiers find every one. A tenth of it in the ordinary run.

And four packages that an accepted signer sealed with one thing wrong in them: both verifiers say the same,
but for the rules that spec/package.md marks (full).
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from forging import files_of
from insider_changes import FULL, Insider
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
        other = countermark_verify.verify(package, countermark_verify.read_trust(trust))["verdict"]
    except countermark_verify.Unusable:
        other = "no package (3)"
    return str(ours), str(other)


def check_insider(trial: Trial, seed: int, target: Path) -> None:
    """Both say the same, or the full one alone fails by one of its own rules."""
    assert trial.key is not None
    insider = Insider(trial.folder, trial.key, random.Random(f"{SEED} {trial.name} {seed}"))
    try:
        insider.seal(target)
    except (KeyError, ValueError):
        return  # what cannot be sealed at all: no case.json, or a number that RFC 8785 does not have
    full, single = verdicts(target, trial.trust)
    if full == single:
        return
    what = f"{trial.name}, seed {seed}, {insider.done}: {full}, {single}"
    assert (full, single) == ("FAILED", "VERIFIED"), what
    failed = next(one for one in verify(target, read_trust(trial.trust)).steps if one.outcome == "FAILED")
    assert failed.name in ("bag", "digests", "chain"), what
    assert FULL.match(failed.detail), f"{what}: {failed.detail}"


def run_insiders(packages: list[Trial], trials: range, folder: Path) -> None:
    for trial in packages:
        for seed in trials if trial.key else ():
            check_insider(trial, seed, folder / "sealed")
            shutil.rmtree(folder / "sealed", ignore_errors=True)


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


def test_what_an_insider_seals(packages: list[Trial], tmp_path: Path) -> None:
    assert sum(trial.key is not None for trial in packages) == 4
    run_insiders(packages, range(TRIALS // 10), tmp_path)


@pytest.mark.soak
def test_all_that_an_insider_seals(packages: list[Trial], tmp_path: Path) -> None:
    run_insiders(packages, range(TRIALS), tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(10))
def test_all_changes(packages: list[Trial], number: int, tmp_path: Path) -> None:
    run_trials(packages, number, range(TRIALS), tmp_path)
