"""The commands of docs/plans.md, in the order of days, with the dates of today."""

import hashlib
import json
import re
import shlex
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from countermark.cli import main
from countermark.prove.package.trustfile import SignerEntry, WitnessEntry, write_trust
from countermark.trust.log import Log
from countermark.trust.signing import PublicKey
from countermark.trust.witness import Witness
from countermark.world.plan import WorldPlan
from countermark.world.provider import write_world

PAGE = Path(__file__).parent.parent.parent / "docs" / "plans.md"
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
COMMANDS = [line[2:] for block in BLOCKS for line in block.splitlines()]
PLAN = WorldPlan(days=3, ordinary=500, networks=(60,), pool=0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What there is before day 1: logs that will be exported, and two secrets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    write_world(tmp_path / "gateway", PLAN, 5)
    (tmp_path / "gateway" / "accounts.csv").rename(tmp_path / "accounts.csv")
    (tmp_path / "gateway" / "truth.json").unlink()
    Path("canary.key").write_text("ab" * 32)
    Path("canary.key").chmod(0o600)
    write_hash_keys(tmp_path / "hash-keys.json")
    return tmp_path


def write_hash_keys(path: Path) -> None:
    key = bytes(range(16))
    epoch = {
        "key_id": hashlib.blake2b(key, digest_size=8, person=b"cm.hash-key-id").hexdigest(),
        "not_before": "2020-01-01T00:00:00Z",
        "not_after": "2120-01-01T00:00:00Z",
        "key": key.hex(),
    }
    path.write_text(json.dumps({"schema": "countermark/hash-keys/v1", "epochs": [epoch]}))
    path.chmod(0o600)


def run(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> int:
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def filled_in(command: str) -> list[str]:
    """A command of the page with today's times, and with the keys that its commands made."""
    words = shlex.split(command)
    started = datetime.now(UTC)
    times = {"2026-07-01T08:00:00Z": started, "2026-07-01T08:10:00Z": started + timedelta(seconds=1)}
    known = {at: f"{moment:%Y-%m-%dT%H:%M:%SZ}" for at, moment in times.items()}
    if "WITNESS" in words:
        known["WITNESS"] = witness_key()
    if "LOG" in words:
        known["LOG"] = str(Log.open(Path("book.public")).verifier)
    if "COMMITMENT" in words:
        known["COMMITMENT"] = json.loads(Path("canary.public.json").read_text())["commitment"]
    return [known.get(word, word) for word in words]


def witness_key() -> str:
    """Verifier key of the university's witness, which is made where it is not there."""
    return str(Witness.open_or_create(Path("university"), "witness.university.example").verifier)


def write_trust_file() -> None:
    ann = PublicKey.parse(Path("ann.key.pub").read_text())
    write_trust(
        Path("trust.json"),
        [SignerEntry("Ann", ann.to_base64())],
        logs=[str(Log.open(Path("book.public")).verifier)],
        witnesses=[WitnessEntry(witness_key(), False)],
        cases=["CASE-1"],
    )


def test_the_page_runs_and_its_result_is_confirmatory(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(COMMANDS) == 19
    for command in COMMANDS:
        if "capture logs" in command:
            time.sleep(1.1)  # the data are acquired later than the second of the cosignature
        if "case seal" in command:
            write_trust_file()
        capsys.readouterr()
        code = run(monkeypatch, filled_in(command))
        said = capsys.readouterr()
        assert code in (0, 10), f"{command}: {said.err}"
    assert said.out.startswith("VERIFIED case CASE-1")
    assert "0 results are exploratory, 1 confirmatory" in said.out
    assert "1 run: 1 of matter matter-7 shown" in said.out
    assert "2 analysis plans in the log, 2 of matter matter-7, each shown" in said.out
