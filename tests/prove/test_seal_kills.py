"""Killed before any change to the disk, `seal` leaves a whole package, the earlier one, or none."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import seal_operations

from countermark.prove.sealing.seal import SealOptions, seal
from countermark.prove.verifying.verify import verify
from countermark.trust.signing import SigningKey

HARNESS = Path(__file__).parents[1] / "capture" / "kill_at.py"
SOME = list(range(1, 200, 9))
"""More than the changes to the disk that a seal makes."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, options: SealOptions, key: SigningKey) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    shutil.copytree(options.findings, folder / "findings")
    shutil.copytree(options.events, folder / "events")
    key.save(folder / "key")
    for name in ("none", "earlier"):
        (folder / name).mkdir()
    for name in ("case.zip", "case"):
        seal(replace(options, out=folder / "earlier" / name))
    return folder


@pytest.mark.parametrize("base", ["none", "earlier"])
@pytest.mark.parametrize("call", ["zipped", "plain"])
@pytest.mark.parametrize("moments", [SOME, pytest.param(None, marks=pytest.mark.soak)], ids=["some", "all"])
def test_whole_or_not_there(
    inputs: Path, call: str, base: str, moments: list[int] | None, trust_of: Callable, key: SigningKey
) -> None:
    trials = inputs / f"{call}-{base}-{len(moments or [])}"
    trials.mkdir()
    task = {"operations": "seal_operations", "call": call, "base": str(inputs / base), "moments": moments}
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HARNESS), json.dumps({**task, "folder": str(trials)})]
    subprocess.run(command, check=True, timeout=600, env=environment)
    trust, found = trust_of(key), set()
    name = "case.zip" if call == "zipped" else "case"
    for trial in sorted(trials.iterdir(), key=lambda one: int(one.name)):
        package = trial / name
        verification = verify(package, trust) if package.exists() else None
        assert verification is None or verification.verdict == "VERIFIED", trial.name
        found.add(verification.case_id if verification else None)
        if call == "zipped" and base == "earlier":
            assert verification, "what stood there stays until it is replaced"
        getattr(seal_operations, call)(trial)
        assert verify(package, trust).case_id == "CASE-2"
    assert {"CASE-2", "CASE-1" if base == "earlier" else None} <= found
