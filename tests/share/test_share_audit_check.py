"""share audit check: whoever is handed a proof of an entry can check it, and sees what it says."""

import base64
import json
from pathlib import Path

import pytest
from exchange_parties import indicator
from servers import serving

from countermark.share.policy.home import Home
from countermark.trust.log import Log
from countermark.trust.signing import SigningKey
from running import Done, countermark

SAID = {"id": "release-1", "reason": "a customer \x1b[2J", "objects": 3}


def check(proof: Path, key: Path, *more: str) -> Done:
    """The verb."""
    return countermark("share", "audit", "check", proof, "--log-key", key, *more)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A member's log with six entries; the proof of entry 3 is in `proof`."""
    home = Home(tmp_path / "home")
    for number in range(6):
        home.record("refusal" if number == 3 else "approval", SAID)
    home.write_proof(3, tmp_path / "proof")
    return home


def test_a_proof_of_the_home_log_holds(home: Home, tmp_path: Path) -> None:
    done = check(tmp_path / "proof", home.folder / "log.key.pub")
    assert done.code == 0, done.err
    entry = list(home.log.entries())[3]
    first, second, *payload = done.out.splitlines()
    assert first == f"entry 3 of 6 in {home.log.verifier.name}"
    assert second == f"refusal, {entry.time.isoformat()}"
    assert json.loads("\n".join(payload)) == SAID
    assert "\x1b" not in done.out
    said = json.loads(check(tmp_path / "proof", home.folder / "log.key.pub", "--json").out)
    assert (said["schema"], said["verified"]) == ("countermark/share-audit-check/v1", True)
    assert (said["index"], said["size"], said["kind"], said["payload"]) == (3, 6, "refusal", SAID)


def test_the_key_may_carry_the_name_of_its_log(home: Home, tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.write_text(f"{home.log.verifier}\n")
    assert check(tmp_path / "proof", named).code == 0
    raw = base64.b64encode(home.log.verifier.public.raw).decode()
    named.write_text(raw + "\n")
    assert check(tmp_path / "proof", named).code == 0
    other = Log.create(tmp_path / "other", "other.example/log", SigningKey.load(home.folder / "log.key"))
    named.write_text(str(other.verifier))
    assert check(tmp_path / "proof", named).code == 20


def changed_entry(text: str) -> str:
    """The same proof over another entry."""
    line = next(one for one in text.splitlines() if one.startswith("extra "))
    data = base64.b64decode(line.removeprefix("extra ")).replace(b'"objects":3', b'"objects":4')
    return text.replace(line, "extra " + base64.b64encode(data).decode())


CHANGES = {
    "entry": changed_entry,
    "index": lambda text: text.replace("index 3\n", "index 2\n"),
    "size": lambda text: text.replace("\n6\n", "\n7\n"),
    "no entry": lambda text: "".join(
        one for one in text.splitlines(keepends=True) if not one.startswith("extra ")
    ),
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "no text": lambda text: text.replace("index", "ind\udcff"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_proof_does_not_hold(home: Home, tmp_path: Path, what: str) -> None:
    text = (tmp_path / "proof").read_text()
    changed = CHANGES[what](text)
    assert changed != text
    (tmp_path / "proof").write_bytes(changed.encode(errors="surrogateescape"))
    done = check(tmp_path / "proof", home.folder / "log.key.pub", "--json")
    assert (done.code, done.out) == (20, ""), done.err
    done.error()


def test_a_foreign_proof_does_not_hold(home: Home, tmp_path: Path) -> None:
    foreign = Home(tmp_path / "foreign")
    foreign.record("approval", SAID)
    foreign.write_proof(0, tmp_path / "theirs")
    assert check(tmp_path / "theirs", foreign.folder / "log.key.pub").code == 0
    assert check(tmp_path / "theirs", home.folder / "log.key.pub").code == 20
    assert check(tmp_path / "proof", foreign.folder / "log.key.pub").code == 20
    assert check(tmp_path / "none", home.folder / "log.key.pub").code == 3
    assert check(tmp_path / "proof", tmp_path / "none").code == 3


def test_a_proof_that_an_exchange_gave_holds(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.post("alice", indicator(1))
        lines = (server.data / "log" / "entries.jsonl").read_text().splitlines()
        index = next(at for at, line in enumerate(lines) if json.loads(line)["kind"] == "objects-added")
        answer = server.ask("alice", "GET", f"/exchange-api/v1/audit/entries/{index}/proof")
        (tmp_path / "proof").write_bytes(answer.content)
        done = check(tmp_path / "proof", server.data / "log.key.pub", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["index"], said["kind"]) == (index, "objects-added")
    assert said["payload"]["member"] == server.members["alice"]
