"""A test in a case is logged in its space: its start before it runs, its outcome with digests of files."""

from pathlib import Path

import pyrage
import pytest

from countermark.errors import Error
from countermark.flow.case_runs import InCase, declared_run
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.trust.log import Log
from countermark.trust.privileged import Counsel, open_privileged
from countermark.trust.runs import Declared

ASKED = Declared(1, 1, text_ids=("doc-1",))
DIGEST = "ab" * 32


@pytest.fixture
def made() -> "pyrage.x25519.Identity":
    return pyrage.x25519.Identity.generate()


def test_a_privileged_run_shows_its_space_and_seals_its_answer(tmp_path: Path, made: object) -> None:
    counsel = Counsel(str(made.to_public()))  # type: ignore[attr-defined]
    case = InCase("m", tmp_path / "log", counsel=counsel)
    with declared_run(case, ASKED) as run:
        run.answer = {"n": 1}
        run.files["scan.json"] = DIGEST
    assert run.to_dict()["space"] == "privileged"
    with pytest.raises(ZeroDivisionError), declared_run(case, ASKED):
        _ = 1 / 0
    log = Log.open(tmp_path / "log")
    assert [one.payload["digests"] for one in log.entries()] == [{}] * 4
    assert [one.payload["space"] for one in log.entries()] == ["privileged"] * 4
    assert [one.payload["status"] for one in log.entries("run-outcome")] == ["done", "failed"]
    identity = tmp_path / "identity"
    identity.write_text(str(made))
    identity.chmod(0o600)
    details = [one.details for one in open_privileged(log, identity)]
    assert details[1] == {"digests": {"answer": sha256_hex(canonical_json({"n": 1})), "scan.json": DIGEST}}
    assert details[2]["text_ids"] == ["doc-1"]


def test_a_testifying_run_shows_the_digests_of_its_files(tmp_path: Path) -> None:
    with declared_run(InCase("m", tmp_path / "log"), ASKED) as run:
        run.answer = {"n": 1}
        run.files["scan.json"] = DIGEST
    assert "space" not in run.to_dict()
    (outcome,) = Log.open(tmp_path / "log").entries("run-outcome")
    assert outcome.payload["digests"] == {"answer": sha256_hex(canonical_json({"n": 1})), "scan.json": DIGEST}


def test_counsel_needs_a_case(made: object) -> None:
    with pytest.raises(Error, match="needs a log and a matter"):
        InCase(counsel=Counsel(str(made.to_public())))  # type: ignore[attr-defined]
