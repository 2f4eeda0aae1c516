"""Random changes to ten packages, and kills of a seal: the trials of the tests, counted."""

import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from evidence_setting import FOLDER, Found


def trials(of_each: int) -> Found:
    """Changes to each of ten packages; caught is one that both verifiers find."""
    from test_trials import run_trials, verdicts
    from trial_packages import ten_packages

    missed: list[str] = []
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=FOLDER) as place, ten_packages(Path(place)) as packages:
        whole = [verdicts(one.folder, one.trust) == ("VERIFIED", "VERIFIED") for one in packages]
        for number in range(len(packages)):
            for seed in range(of_each):
                try:
                    run_trials(packages, number, range(seed, seed + 1), Path(place))
                except AssertionError as error:
                    missed.append(str(error).partition("\n")[0])
                    shutil.rmtree(Path(place) / "changed")
    seconds = round(time.perf_counter() - begin, 1)
    return {"trials": of_each * len(whole), "whole": sum(whole), "missed": missed, "seconds": seconds}


def kills(count: int) -> Found:
    """Seals killed at random moments: what they left, and whether the next one was clean."""
    from test_seal_kills import CALLS, SEED, check, killed, make_inputs

    generator, left, wrong = random.Random(SEED), Counter[str](), list[str]()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=FOLDER) as place:
        inputs, trust = make_inputs(Path(place))
        for call in CALLS:
            moments = [generator.uniform(0.005, 1.0) for _ in range(count // len(CALLS))]
            for folder in killed(inputs, call, moments):
                try:
                    left[check(inputs, call, folder, trust)] += 1
                except AssertionError as error:
                    wrong.append(f"{call} {folder.name}: {error}".partition("\n")[0])
    seconds = round(time.perf_counter() - begin, 1)
    return {"kills": count, "left": dict(left), "wrong": wrong, "seconds": seconds}
