"""`watermark keygen` and `commit` as a user calls them; keys stand in key files and nowhere else."""

import json
import re
import shlex
import stat
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from beacons import OwnChain, written
from countermark.cli.watermark_commit import commit
from countermark.cli.watermark_keys import keygen
from countermark.cli.watermark_options import EXTRA_ARGUMENTS
from countermark.errors import Error, ExitCode
from countermark.trust.derivation import key_id
from countermark.trust.keyfiles import Secret
from countermark.trust.log import verify_log
from countermark.trust.notes import VerifierKey
from watermark_samples import own_profile

PAGE = Path(__file__).parent.parent.parent / "docs" / "keys.md"
KEY = "00112233445566778899aabbccddeeff"
APP = typer.Typer(pretty_exceptions_enable=False)
APP.command("keygen", context_settings=EXTRA_ARGUMENTS)(keygen)
APP.command("commit", context_settings=EXTRA_ARGUMENTS)(commit)


def run(*arguments: object) -> SimpleNamespace:
    """One call: what it printed, and the error it raised."""
    done = CliRunner().invoke(APP, [str(one) for one in arguments])
    if done.exception is not None and not isinstance(done.exception, Error | SystemExit):
        raise done.exception
    return SimpleNamespace(out=done.stdout, err=done.stderr, error=done.exception)


def ok(*arguments: object) -> dict:
    """The JSON of a call that works."""
    done = run(*arguments, "--json")
    assert done.error is None, done.error
    return json.loads(done.out)


@pytest.fixture
def case(tmp_path: Path) -> SimpleNamespace:
    """A master, a profile, and a chain whose next rounds can be signed here."""
    curve = pytest.importorskip("py_arkworks_bls12381", reason="the extra `beacon` is not installed")
    own = OwnChain(curve, "bls-unchained-g1-rfc9380")
    number = own.chain.round_at(datetime.now(UTC)) + 100
    ok("keygen", "--master", "--out", tmp_path / "master")
    return SimpleNamespace(
        folder=tmp_path,
        master=tmp_path / "master",
        profile=written(tmp_path / "profile.json", msgspec.to_builtins(own_profile())),
        chain=written(tmp_path / "chain.json", own.info()),
        beacon=written(tmp_path / "round.json", own.round(number)),
        later=written(tmp_path / "later.json", own.round(number + 1)),
        number=number,
    )


def derived(case: SimpleNamespace, out: str, *more: object, epoch: str = "2026-Q4") -> dict:
    terms = ("--profile", case.profile, "--epoch", epoch, "--beacon", case.beacon, "--chain", case.chain)
    return ok("keygen", "--derive", case.master, *terms, "--out", case.folder / out, *more)


def committed(case: SimpleNamespace, out: str = "c.json", epoch: str = "2026-Q4") -> dict:
    terms = ("--profile", case.profile, "--epoch", epoch, "--round", case.number, "--chain", case.chain)
    return ok("commit", case.master, *terms, "--log", case.folder / "log", "--out", case.folder / out)


def test_new_keys_of_every_form(tmp_path: Path) -> None:
    said = ok("keygen", "--out", tmp_path / "k")
    text = (tmp_path / "k").read_text()
    assert re.fullmatch(r"[0-9a-f]{32}\n", text)
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert said["key_id"] == key_id(Secret(bytes.fromhex(text)))
    ok("keygen", "--out", tmp_path / "e", "--engine-bits", 64)
    assert int((tmp_path / "e").read_text()) < 1 << 64
    said = ok("keygen", "--out", tmp_path / "s", "--synthid-depth", 30)
    assert (said["keys"], len((tmp_path / "s").read_text().split())) == (30, 30)
    ok("keygen", "--master", "--out", tmp_path / "m")
    assert re.fullmatch(r"[0-9a-f]{64}\n", (tmp_path / "m").read_text())
    again = run("keygen", "--out", tmp_path / "k")
    assert "exists already" in again.error.message
    assert (tmp_path / "k").read_text() == text
    plain = run("keygen", "--out", tmp_path / "p")
    assert plain.out.startswith("key id: ")
    assert (tmp_path / "p").read_text().strip() not in plain.out + plain.err


def test_derived_keys(case: SimpleNamespace) -> None:
    first, second = derived(case, "a"), derived(case, "b")
    assert (case.folder / "a").read_text() == (case.folder / "b").read_text()
    assert first["key_id"] == second["key_id"]
    assert derived(case, "c", epoch="2027-Q1")["key_id"] != first["key_id"]
    assert derived(case, "d", "--engine-bits", 64)["form"] == "engine-integer"
    assert derived(case, "e", "--synthid-depth", 5)["keys"] == 5
    (case.folder / "ids").write_text("acct-1\nacct-2\r\n\nacct-3\n")
    assert derived(case, "f", "--accounts", case.folder / "ids")["keys"] == 3
    lines = [json.loads(line) for line in (case.folder / "f").read_text().splitlines()]
    assert [line["account"] for line in lines] == ["acct-1", "acct-2", "acct-3"]
    derived(case, "g", "--account", "acct-2")
    assert (case.folder / "g").read_text().strip() == lines[1]["key"]
    (case.folder / "ids").write_text("x\nx\n")
    terms = ("--profile", case.profile, "--epoch", "e", "--beacon", case.beacon, "--chain", case.chain)
    twice = run("keygen", "--derive", case.master, *terms, "--accounts", case.folder / "ids", "--out", "no")
    assert "twice" in twice.error.message


def test_each_purpose_has_a_key_and_a_commitment_of_its_own(case: SimpleNamespace) -> None:
    canary = derived(case, "a", "--purpose", "canary")
    assert canary["terms"]["purpose"] == "canary"
    assert canary["key_id"] != derived(case, "b")["key_id"]
    committed(case)
    terms = ("--profile", case.profile, "--epoch", "2026-Q4", "--chain", case.chain)
    other = ("commit", case.master, *terms, "--round", case.number, "--purpose", "canary")
    done = ok(*other, "--log", case.folder / "log", "--out", case.folder / "d.json")
    assert done["terms"]["purpose"] == "canary"


def test_masters_in_a_keyring(case: SimpleNamespace) -> None:
    ring = case.folder / "ring.json"
    for epoch in ("2026-Q4", "2027-Q1"):
        ok("keygen", "--master", "--name", "chat", "--epoch", epoch, "--out", ring)
    case.master = ring
    one = derived(case, "a", "--name", "chat")
    assert one["key_id"] != derived(case, "b", "--name", "chat", epoch="2027-Q1")["key_id"]


def test_commit_open_check(case: SimpleNamespace) -> None:
    said = committed(case)
    verify_log(case.folder / "log", VerifierKey.parse(said["log_vkey"]))
    shown = ("--check", case.folder / "c.json", "--chain", case.chain, "--log-vkey", said["log_vkey"])
    before = ok("commit", *shown)
    assert (before["opened"], before["time_by"]) == (False, "the publisher alone")
    ours = derived(case, "k")["key_id"]
    opening = case.folder / "o.json"
    ok(
        "commit",
        case.master,
        "--open",
        case.folder / "c.json",
        "--log",
        case.folder / "log",
        "--out",
        opening,
    )
    opened = (*shown, "--opening", opening, "--beacon", case.beacon)
    after = ok("commit", *opened, "--key-id", ours, "--out", case.folder / "check.json")
    assert after["key_id"] == ours
    assert json.loads((case.folder / "check.json").read_text())["key_id"] == ours
    engine = derived(case, "e", "--engine-bits", 64)["key_id"]
    assert ok("commit", *opened, "--engine-bits", 64)["key_id"] == engine
    for arguments, message in (
        ((*opened, "--key-id", "0" * 16), "another than"),
        ((*shown, "--opening", opening, "--beacon", case.later), "names"),
        ((*shown[:-1], "x" + said["log_vkey"]), "verifier key"),
        ((*shown, "--proof", case.beacon), "log proof"),
        (shown[:-2], "--log-vkey is missing"),
    ):
        done = run("commit", *arguments)
        assert message in done.error.message
    kinds = [
        json.loads(line)["kind"] for line in (case.folder / "log" / "entries.jsonl").read_text().splitlines()
    ]
    assert kinds == ["commitment", "exposure-opening"]


def test_keys_stand_in_key_files_and_nowhere_else(case: SimpleNamespace) -> None:
    said = json.dumps([committed(case), derived(case, "k"), derived(case, "f", "--account", "acct-2")])
    opening = case.folder / "o.json"
    arguments = ("--open", case.folder / "c.json", "--log", case.folder / "log", "--out", opening)
    plain = run("commit", case.master, *arguments)
    held = {name: (case.folder / name).read_text().strip() for name in ("master", "k", "f")}
    held["nonce"] = json.loads(opening.read_text())["nonce"]
    for name, secret in held.items():
        assert secret not in said + plain.out + plain.err
        for path in case.folder.rglob("*"):
            if path.is_file() and path.name not in (name, "o.json"):
                assert secret not in path.read_bytes().decode(errors="replace"), path
    assert held["master"] not in opening.read_text()
    assert held["k"] not in opening.read_text()


@pytest.mark.parametrize("key", [KEY, KEY.upper(), "0x" + KEY, KEY * 2, "15485863123456789"])
def test_a_key_on_the_command_line_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    calls = [
        ("keygen", "--derive", key, "--out", tmp_path / "k"),
        ("keygen", "--out", key),
        ("keygen", "--out", tmp_path / "k", key),
        ("keygen", "--out", tmp_path / "k", "--key", key),
        ("keygen", "--out", tmp_path / "k", f"--key={key}"),
        ("commit", key, "--out", tmp_path / "k"),
        ("commit", tmp_path / "m", key),
        ("commit", "--check", key),
    ]
    for call in calls:
        done = run(*call)
        assert done.error is not None
        message = getattr(done.error, "message", "") + getattr(done.error, "hint", "")
        assert key not in message + done.out + done.err
    assert list(tmp_path.iterdir()) == []


def test_what_is_refused(case: SimpleNamespace) -> None:
    committed(case)
    second = run(
        *("commit", case.master, "--profile", case.profile, "--epoch", "2026-Q4", "--round", case.number),
        *("--chain", case.chain, "--log", case.folder / "log", "--out", case.folder / "c2.json"),
    )
    assert "is a commitment for this profile" in second.error.message
    past = run(
        *("commit", case.master, "--profile", case.profile, "--epoch", "2027-Q1", "--round", 1),
        *("--chain", case.chain, "--log", case.folder / "log", "--out", case.folder / "c2.json"),
    )
    assert "is out" in past.error.message
    assert not (case.folder / "c2.json").exists()
    for arguments in (
        ("keygen", "--out", "k", "--engine-bits", 64, "--synthid-depth", 3),
        ("keygen", "--out", "k", "--account", "a"),
        ("keygen", "--out", "k", "--master", "--engine-bits", 64),
        ("keygen", "--out", "k", "--derive", case.master),
        ("commit", case.master, "--out", "k"),
        ("commit", "--open", "a", "--check", "b"),
    ):
        assert run(*arguments).error.exit_code == ExitCode.USAGE
    wrong = written(case.folder / "wrong.json", {"profile": 1})
    no_profile = run("keygen", "--derive", case.master, "--profile", wrong, "--epoch", "e", "--out", "k")
    assert "no watermark profile" in no_profile.error.message
    case.master.chmod(0o644)
    readable = run("keygen", "--derive", case.master, "--profile", case.profile, "--epoch", "e", "--out", "k")
    assert "read by others" in readable.error.message


def test_the_commands_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they stand; the chain is a test's, with the page's round an hour away."""
    curve = pytest.importorskip("py_arkworks_bls12381", reason="the extra `beacon` is not installed")
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.M | re.S)
    commands = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    number = int(re.findall(r"--round (\d+)", text)[0])
    genesis = int(time.time()) + 3600 - 3 * (number - 1)
    own = OwnChain(curve, "bls-unchained-g1-rfc9380", genesis_time=genesis, period=3)
    written(tmp_path / "chain.json", own.info())
    written(tmp_path / "round.json", own.round(number))
    written(tmp_path / "profile.json", msgspec.to_builtins(own_profile()))
    (tmp_path / "accounts.txt").write_text("acct-1\nacct-2\n")
    monkeypatch.chdir(tmp_path)
    key = ""
    for command in commands:
        program, verb, *arguments = shlex.split(command.replace("$VKEY", key))
        assert (program, verb) == ("countermark", "watermark")
        done = run(*arguments)
        assert done.error is None, f"{command}: {done.error}"
        key = next((line.split(": ")[1] for line in done.out.splitlines() if "verifier key" in line), key)
    assert len(commands) >= 7
