"""The commands of docs/evidence.md, from a signing key to a package that both verifiers accept."""

import json
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from held_samples import age_key
from loopback_tsa import Authority, Server
from test_plans_page import write_hash_keys

import countermark_verify
from countermark.trust.log import Log
from countermark.trust.signing import PublicKey
from countermark.trust.witness import Witness
from countermark.world.plan import WorldPlan
from countermark.world.provider import write_world
from countermark.world.truth import read_truth
from running import Done, countermark

TESTS = Path(__file__).parent.parent
TEXT = (TESTS.parent / "docs" / "evidence.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", TEXT, re.M | re.S)
COMMANDS = [line[2:] for block in BLOCKS for line in block.splitlines()]
(TRUST,) = re.findall(r"^```json\n(.*?)^```", TEXT, re.M | re.S)
PLAN = WorldPlan(days=2, ordinary=300, networks=(40,), pool=0)
STARTED, ENDED = "2026-07-01T08:00:00Z", "2026-07-01T08:10:00Z"


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What there is before day 1; and what the names for keys, roots and addresses stand for here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    write_world(Path("gateway"), PLAN, 5)
    shutil.move("gateway/accounts.csv", "accounts.csv")
    shutil.move("gateway/truth.json", "truth.json")
    network = sorted(read_truth(tmp_path).harvest[0].accounts)
    Path("named.txt").write_text("\n".join(network) + "\n")
    Path("customers.txt").write_text("\n".join(network[: len(network) // 2]) + "\n")
    Path("canary.key").write_text("ab" * 32)
    Path("canary.key").chmod(0o600)
    write_hash_keys(Path("hash-keys.json"))
    Path("experts.txt").write_text(f"{age_key(Path('expert.key'))}\n")
    Path("use.md").write_text("No models that compete.")
    header = "account_id,terms_id,version,accepted,record_sha256,source"
    rows = [f"{one},usage-policy,2026-03,2026-03-02T10:00:00Z,{'b' * 64},sign-up" for one in network]
    Path("acceptances.csv").write_text("\n".join([header, *rows]) + "\n")
    witness = Witness.open_or_create(Path("university"), "witness.university.example")
    authorities = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        authorities.append(Authority(tmp_path / name))
        Path(f"root-{len(authorities)}.pem").write_text(authorities[-1].root_pem)
    with Server(authorities[0].reply) as first, Server(authorities[1].reply) as second:
        yield {
            "WITNESS": str(witness.verifier),
            "ROOT-1": authorities[0].root_pem,
            "ROOT-2": authorities[1].root_pem,
            "https://tsa-1.example/tsr": first,
            "https://tsa-2.example/tsr": second,
        }


def filled_in(words: list[str], known: dict[str, str]) -> list[str]:
    """A command with today's times, and with the keys that its commands made."""
    now = datetime.now(UTC)
    times = {STARTED: now, ENDED: now + timedelta(seconds=1)}
    known = known | {at: f"{moment:%Y-%m-%dT%H:%M:%SZ}" for at, moment in times.items()}
    if "LOG" in words:
        known["LOG"] = str(Log.open(Path("book.public")).verifier)
    known["WITNESS=outside"] = f"{known['WITNESS']}=outside"
    return [known.get(word, word) for word in words]


def trust_file(known: dict[str, str]) -> dict[str, Any]:
    """The page's trust file with the keys of here."""
    known = known | {
        "ANN": PublicKey.parse(Path("ann.key.pub").read_text()).to_base64(),
        "LOG": str(Log.open(Path("book.public")).verifier),
    }
    text = re.sub(r'"([A-Z]+(?:-\d)?)"', lambda match: json.dumps(known.get(match[1], match[1])), TRUST)
    said: dict[str, Any] = json.loads(text)
    return said


def run(command: str, known: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Done:
    program, *words = filled_in(shlex.split(command), known)
    if program == "countermark":
        return countermark(*words)
    assert program == "countermark-verify"
    capsys.readouterr()
    code = countermark_verify.main(words)
    return Done(code, *capsys.readouterr())


def test_the_page_runs(stand_ins: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    for command in COMMANDS:
        if "capture logs" in command:
            time.sleep(1.1)  # the data are acquired later than the second of the cosignature
        done = run(command, stand_ins, capsys)
        assert done.code in (0, 10), f"{command}: {done.out}{done.err}"
        if "case trust" in command:
            assert json.loads(Path("trust.json").read_bytes()) == trust_file(stand_ins)
        said.append(done.out)
    ours, second, _, _, redacted, second_redacted, raw, again, _ = said[-9:]
    for answer in (ours, second, redacted, second_redacted, raw, again):
        assert answer.startswith("VERIFIED case CASE-1")
    assert "0 results are exploratory, 1 confirmatory" in ours
    assert "2 different authorities saw the seal" in ours
    assert "Confirmatory: account networks in the access log" in redacted
    assert "(personal-data)" in redacted
    assert "(privilege)" in redacted
    assert "all columns equal" in raw
    assert "15 computation  ok" in again


def test_the_table_names_tests_that_there_are() -> None:
    named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", TEXT)
    assert len(named) > 20
    missing = []
    for file, name in named:
        (path,) = TESTS.rglob(file)
        if name and f"def {name}(" not in path.read_text(encoding="utf-8"):
            missing.append(f"{file}::{name}")
    assert missing == []
