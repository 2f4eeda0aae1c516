"""`countermark share demo --together` whole, in a process of its own; its claims, looked at from outside."""

import hashlib
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from countermark.flow.share_demo_place import MEMBERS
from countermark.share.overlap.identifiers import canonical_value, kind_of
from countermark.share.server.folder import open_log
from countermark.trust.checkpoints import read_proof, verify_proof
from countermark.trust.entries import Entry, read_entry
from countermark.trust.notes import VerifierKey
from running import Done, countermark, in_process_of_its_own, start

VECTORS = Path(__file__).parents[2] / "vectors" / "joint-check"
RECORDED = json.loads((VECTORS / "vllm-text.json").read_text())
SECRET = re.compile(rb"cmx_[a-z0-9]+_[\w-]{20,}|PRIVATE KEY")
NODES = ("operator", *MEMBERS)
CONSENT = "watermark-consent"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a space in its name."""
    return tmp_path_factory.mktemp("an alliance")


@pytest.fixture(scope="module")
def done(folder: Path) -> Done:
    """The demo, run once."""
    return in_process_of_its_own("share", "demo", "--together", "--out", "the demo", "--json", folder=folder)


@pytest.fixture
def place(folder: Path) -> Path:
    return folder / "the demo"


@pytest.fixture
def told(done: Done) -> dict[str, Any]:
    """What it says of itself."""
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    assert found["good"]
    return found


def data_of(place: Path, node: str) -> Path:
    """Data folder of a node."""
    return place / node if node == "operator" else place / node / "node"


def entries(place: Path, node: str = "operator") -> list[Entry]:
    """A node's log."""
    return list(open_log(data_of(place, node), writing=False).entries())


def suspended(place: Path, member: str) -> set[tuple[str, str]]:
    """What a member has suspended, canonical."""
    rows = [json.loads(line) for line in (place / member / "suspended.jsonl").read_bytes().splitlines()]
    assert all(row["suspended"] for row in rows)
    kinds = [(kind_of(row["kind"], row["value"]), row["value"]) for row in rows]
    return {(kind, canonical_value(kind, value)) for kind, value in kinds}


def answer(place: Path, name: str) -> bytes:
    """An answer as it came."""
    return (place / "answers" / f"{name}.json").read_bytes().strip()


def test_the_text_is_the_one_that_vllms_released_code_marked(done: Done, place: Path) -> None:
    data = files("countermark.world") / "data"
    for name in ("vllm-text.json", "vllm-text.tokenizer.json"):
        assert (data / name).read_bytes() == (VECTORS / name).read_bytes()
    marked = [one["text"] for one in RECORDED["texts"] if one["marked_by"] == "beta"]
    plain = [one["text"] for one in RECORDED["texts"] if one["marked_by"] is None]
    assert (place / "texts" / "by-vllm.txt").read_text() == marked[0]
    assert (place / "texts" / "plain.txt").read_text() == plain[0]
    assert (place / "beta" / "node" / "chat.key").read_text() == RECORDED["keys"]["beta"]
    engine = json.loads((place / "beta" / "node" / "profile.json").read_text())["engine"]
    assert engine == {"name": "vllm", "version": RECORDED["version"]}


def test_a_text_marked_under_betas_key_comes_back_as_betas_and_nobody_elses(
    told: dict[str, Any], place: Path
) -> None:
    found = json.loads(answer(place, "alpha-by-vllm.txt"))
    assert (found["word"], found["marks"], found["complete"]) == ("marked", ["beta"], True)
    assert found["answered"] == list(MEMBERS)
    rows = {member: [one for one in found["rows"] if one["member"] == member] for member in MEMBERS}
    assert [len(rows[member]) for member in MEMBERS] == [100, 1, 100]
    assert rows["beta"][0]["log10_p"] < -50
    assert min(one["log10_p"] for member in ("alpha", "gamma") for one in rows[member]) > -6
    signed = [hashlib.sha256(one.encode()).hexdigest() for one in found["verdicts"]]
    logged = [one.payload for one in entries(place) if one.kind == "watermark-verdict"]
    of_check = [one for one in logged if one["check"] == found["check_id"]]
    assert sorted(one["envelope_sha256"] for one in of_check) == sorted(signed)
    assert [one["of"] for one in of_check] == list(MEMBERS)
    plain = json.loads(answer(place, "alpha-plain.txt"))
    assert (plain["word"], plain["marks"]) == ("not shown", [])
    assert json.loads(answer(place, "alpha-short.txt"))["word"] == "too short"
    ordinals = [one["told"]["ordinal"] for one in told["checks"] if one["by"] == "alpha"]
    assert ordinals == [1, 2, 3]


def test_the_public_learns_its_three_words_and_nothing_else(done: Done, place: Path) -> None:
    for text, word in (("by-vllm", "marked"), ("plain", "not shown"), ("short", "too short")):
        expected = json.dumps({"schema": "countermark/joint-check/v1", "word": word}, separators=(",", ":"))
        assert answer(place, f"public-{text}.txt") == expected.encode()
    regulator = json.loads(answer(place, "authority-by-vllm.txt"))
    assert set(regulator) == {"schema", "check_id", "word", "marks", "matter", "alpha", "entries"}
    assert regulator["marks"] == ["beta"]


def test_sizes_and_matches_are_those_of_the_sets(told: dict[str, Any], place: Path) -> None:
    for pair, (one, other) in zip(told["pairs"], combinations(MEMBERS, 2), strict=True):
        common = len(suspended(place, one) & suspended(place, other))
        assert pair["members"] == [one, other]
        assert pair["sizes"] == [common if common >= 25 else None] * 2
    assert [one["sizes"][0] is None for one in told["pairs"]] == [False, True, True]
    common = suspended(place, "alpha") & suspended(place, "beta")
    for member in ("alpha", "beta"):
        rows = [json.loads(line) for line in (place / member / "matches.jsonl").read_bytes().splitlines()]
        assert {(row["kind"], row["value"]) for row in rows} == common
    assert len(suspended(place, "alpha")) > len(common) + 25
    assert not (place / "gamma" / "matches.jsonl").exists()


def test_every_consent_and_refusal_is_an_entry_with_a_proof(told: dict[str, Any], place: Path) -> None:
    log = entries(place)
    consents = [one for one in log if one.kind == CONSENT]
    refused = [one for one in log if one.kind.endswith("-refused")]
    asked = [one for one in told["checks"] if one["consent"]]
    assert len(consents) == len(asked) == 7  # what was refused at once has none
    digests = [one.payload["text_digest"] for one in consents]
    assert digests[:3] == [one["told"]["text_digest"] for one in asked[:3]]
    kinds = ["overlap-refused", "watermark-refused", "watermark-refused"]
    assert [one.kind for one in refused] == kinds
    assert [one.payload["reason"] for one in refused[1:]] == ["no keys", "quota"]
    assert (refused[2].payload["by"], refused[2].payload["quota"]) == ("public", "checks")
    assert refused[2].payload["most"] == 3
    assert len(told["refusals"]) == 3
    proofs = {one["index"]: one for one in told["proofs"]}
    assert set(proofs) == {one.index for one in (*consents, *refused)}
    key = data_of(place, "operator") / "log.key.pub"
    for entry in (*consents, *refused):
        path = place.parent / proofs[entry.index]["proof"]
        proof = read_proof(path.read_text())
        origin = proof.checkpoint.partition("\n")[0]
        checkpoint = verify_proof(proof, entry.leaf_hash, _verifier(origin, key))
        assert checkpoint.size == len(log)
        assert read_entry(proof.extra).payload == entry.payload
    by_hand = countermark("share", "audit", "check", str(path), "--log-key", str(key))
    assert by_hand.code == 0, by_hand.err
    other = countermark(
        "share", "audit", "check", str(path), "--log-key", str(data_of(place, "beta") / "log.key.pub")
    )
    assert other.code == 20


def _verifier(origin: str, key: Path) -> VerifierKey:
    from countermark.trust.signing import PublicKey

    return VerifierKey(origin, PublicKey.parse(key.read_text().strip()))


def test_who_answered_has_the_consents_entry_in_its_own_log(done: Done, place: Path) -> None:
    consents = [one.index for one in entries(place) if one.kind == CONSENT]
    for member in MEMBERS:
        questions = [one.payload for one in entries(place, member) if one.kind == "watermark-question"]
        assert [one["consent_entry"] for one in questions] == consents
    kinds = [one.kind for one in entries(place, "alpha")]
    assert "watermark-check" in kinds
    assert CONSENT not in kinds  # what was asked there went nowhere else


def test_all_four_logs_verify_by_hand(told: dict[str, Any], place: Path) -> None:
    assert set(told["logs"]) == set(NODES)
    for node in NODES:
        found = countermark("share", "audit", "verify", "--data", str(data_of(place, node)), "--json")
        assert found.code == 0, found.err
        assert json.loads(found.out)["root"] == told["logs"][node]["root"]


def test_no_text_and_no_identifier_is_with_a_node_or_in_a_log(done: Done, place: Path) -> None:
    words = [(place / "texts" / name).read_bytes()[20:80] for name in ("by-vllm.txt", "plain.txt")]
    items = {item for member in MEMBERS for item in suspended(place, member)}
    raw = {value.encode() for kind, value in items if kind == "email"}
    assert len(raw) > 100
    for node in NODES:
        for path in (*data_of(place, node).rglob("*"), place / f"{node}.log"):
            if path.is_file() and "keys" not in path.name:
                data = path.read_bytes()
                assert not [one for one in words if one in data], path
                assert not [one for one in raw if one in data], path
    for run in place.glob("*/with-*"):
        for path in run.rglob("*"):
            assert not path.is_file() or not [one for one in raw if one in path.read_bytes()], path


def test_every_command_is_told_as_one_would_type_it(done: Done, place: Path) -> None:
    assert max(len(line) for line in done.err.splitlines() if "/" not in line) <= 80
    steps = re.findall(r"^ ?(\d+) (\w+)", done.err, re.M)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    joined = re.sub(r"\\\n *", "", done.err)
    commands = [shlex.split(line) for line in re.findall(r"\$ countermark (.*)", joined)]
    verbs = {" ".join(one[1:3]) for one in commands if one[0] == "share"}
    overlap = {f"overlap {verb}" for verb in ("prepare", "run", "review")}
    assert {"keys register", "audit verify", "audit check"} | overlap <= verbs
    assert {"serve", "check", "approve"} <= {one[1] for one in commands if one[0] == "share"}
    (audit, *_) = (one for one in commands if one[:3] == ["share", "audit", "check"])
    by_hand = in_process_of_its_own(*audit, folder=place.parent)
    assert (by_hand.code, by_hand.out[:6]) == (0, "entry ")


def test_nothing_runs_any_more_and_no_secret_was_told(done: Done, place: Path) -> None:
    urls = set(re.findall(r"https://([\d.]+):(\d+)", done.err))
    assert len(urls) == 2
    assert [listening(host, int(port)) for host, port in urls] == [False, False]
    names = ("*token", "*.key", "keys.jsonl", "nonce", "matches.jsonl", "suspended.jsonl", "answers/alpha-*")
    secrets = [path for name in names for path in place.rglob(name)]
    assert len(secrets) > 30
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    logs = [(place / f"{node}.log").read_bytes() for node in NODES]
    said = [done.out.encode(), done.err.encode(), *logs]
    assert [SECRET.findall(text) for text in said] == [[]] * 6
    assert not [text for text in said if RECORDED["keys"]["beta"].encode() in text]


def listening(host: str, port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


HOLD = """
import signal, sys, time
from contextlib import ExitStack
from pathlib import Path
from countermark.cli.share_demo import stopped_by_sigterm
from countermark.flow.share_demo_place import write_certificates
from countermark.flow.share_demo_servers import beside, starting
out = Path(sys.argv[1])
write_certificates(out)
tls = ["--tls-cert", str(out / "tls.pem"), "--tls-key", str(out / "tls.key")]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
with stopped_by_sigterm(), ExitStack() as nodes:
    def start(name):
        words = ["share", "serve", "--data", str(out / name), "--port", "0", *tls]
        return nodes.enter_context(starting(out / f"{name}.log", words))
    servers = [start(name) for name in ("x", "y")]
    urls = [one.url() for one in servers]
    with beside(["share", "serve", "--data", str(out / "z"), "--port", "0", *tls]):
        print(*urls, flush=True)
        time.sleep(100)
"""


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_all_nodes_end_with_the_demo(tmp_path: Path, sig: signal.Signals) -> None:
    pipe = subprocess.PIPE
    line = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True)
    places = re.findall(r"https://([\d.]+):(\d+)", process.stdout.readline())
    assert [listening(host, int(port)) for host, port in places] == [True, True]
    process.send_signal(sig)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert [listening(host, int(port)) for host, port in places] == [False, False]


@pytest.mark.soak
def test_ctrl_c_ends_it_with_nothing_left(tmp_path: Path) -> None:
    process = start("share", "demo", "--together", "--out", "demo", folder=tmp_path)
    seen = []
    for line in process.stderr:
        seen.append(line)
        if "overlap run" in line:
            break
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in rest
    time.sleep(0.2)
    places = set(re.findall(r"https://([\d.]+):(\d+)", "".join(seen)))
    assert places
    assert not [place for place in places if listening(place[0], int(place[1]))]
