"""`countermark share demo` whole, in a process of its own: what was published is what everybody has."""

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from countermark.errors import Error
from countermark.flow.share_demo import demo_plan
from countermark.flow.share_demo_place import MEMBERS, Place
from running import Done, countermark, in_process_of_its_own, start

SECRET = re.compile(rb"cmx_[a-z0-9]+_[\w-]{20,}|PRIVATE KEY")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a space in its name."""
    return tmp_path_factory.mktemp("a new member")


@pytest.fixture(scope="module")
def done(folder: Path) -> Done:
    """The demo, run once."""
    return in_process_of_its_own("share", "demo", "--out", "share demo", "--json", folder=folder)


@pytest.fixture
def place(folder: Path) -> Path:
    return folder / "share demo"


def versions(path: Path) -> set[bytes]:
    """Objects as bytes: of what was received, or of a release."""
    lines = path.read_bytes().splitlines()
    if path.parent.suffix == ".release":
        return set(lines)
    return {bytes(msgspec.json.decode(line, type=dict[str, msgspec.Raw])["object"]) for line in lines}


def gone(url: str) -> bool:
    """Whether nobody listens there any more."""
    host, _, port = url.removeprefix("https://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0


def test_what_was_published_is_what_everybody_has(done: Done, place: Path) -> None:
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["good"]
    members = {one["name"]: one for one in told["members"]}
    published = {name: set[bytes]() for name in MEMBERS}
    for path in place.glob("*/*.release/objects.jsonl"):
        published[path.parent.parent.name] |= versions(path)
    everything = set().union(*published.values())
    for name in MEMBERS:
        assert versions(place / name / "received" / "objects.jsonl") == everything
        assert members[name]["complete"]
    assert len(published["alpha"]) > 100
    assert published["gamma"] == set()
    assert told["compared"]["found"] > 0


def test_the_sighting_came_back_and_names_what_alpha_published(done: Done, place: Path) -> None:
    received = [json.loads(one) for one in versions(place / "alpha" / "received" / "objects.jsonl")]
    alpha, beta = (
        next(one["id"] for one in received if one["type"] == "identity" and one["name"] == name)
        for name in ("alpha", "beta")
    )
    (sighting,) = (one for one in received if one["type"] == "sighting")
    sighted = next(one for one in received if one["id"] == sighting["sighting_of_ref"])
    assert (sighting["created_by_ref"], sighted["created_by_ref"]) == (beta, alpha)
    assert sighting["count"] in (1, 10, 100)


def test_the_withdrawal_reached_everybody_who_had_read_the_object(done: Done, place: Path) -> None:
    dispute = json.loads(done.out)["dispute"]
    assert len(dispute["readers"]) == 2
    assert dispute["missing"] == []
    objects = [json.loads(one) for one in versions(place / "gamma" / "received" / "objects.jsonl")]
    withdrawn = {one["id"] for one in objects if one.get("revoked")}
    assert dispute["object_id"] in withdrawn
    assert all(one["type"] != "sighting" for one in objects if one["id"] in withdrawn)


def test_every_command_is_told_as_one_would_type_it(done: Done, place: Path) -> None:
    assert max(len(line) for line in done.err.splitlines() if "/" not in line) <= 80
    steps = re.findall(r"^ ?(\d+) (\w+)", done.err, re.M)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    assert {"detect", "review", "approve", "poll", "sighting", "dispute", "audit"} <= {n for _, n in steps}
    joined = re.sub(r"\\\n *", "", done.err)
    commands = [shlex.split(line) for line in re.findall(r"\$ countermark (.*)", joined)]
    verbs = {one[1] for one in commands if one[0] == "share"}
    assert {"serve", "member", "review", "approve", "publish", "poll", "sight", "dispute"} <= verbs
    audit = next(one for one in commands if one[:3] == ["share", "audit", "verify"])
    by_hand = in_process_of_its_own(*audit, folder=place.parent)
    assert (by_hand.code, by_hand.out[:9]) == (0, "verifies:")


def test_nothing_runs_any_more_and_no_secret_was_told(done: Done, place: Path) -> None:
    assert gone(re.search(r"https://[\d.:]+", done.err)[0])
    secrets = [*place.glob("*/*token"), *place.glob("*/*.key"), place / "tls.key"]
    assert len(secrets) == 18
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    told = [done.out.encode(), done.err.encode(), (place / "exchange.log").read_bytes()]
    assert [SECRET.findall(text) for text in told] == [[], [], []]


def test_the_days_of_the_world_are_over_whenever_it_is_run() -> None:
    for day in range(14):
        now = datetime(2026, 11, 2, 23, 59, tzinfo=UTC) + timedelta(days=day)
        plan = demo_plan(now)
        ago = (now.date() - plan.first_day).days
        assert plan.first_day.weekday() == 2
        assert plan.days <= ago <= 8


def test_an_earlier_demo_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    Place(tmp_path / "demo", 3).prepare()
    (tmp_path / "demo" / "alpha").mkdir()
    Place(tmp_path / "demo", 4).prepare()
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["share-demo.json"]
    (tmp_path / "demo" / "thesis.txt").write_text("years of work")
    with pytest.raises(Error, match="holds something else"):
        Place(tmp_path / "demo").prepare()
    done = countermark("share", "demo", "--out", tmp_path / "demo")
    assert done.code == 2
    assert "holds something else" in done.error()
    assert (tmp_path / "demo" / "thesis.txt").read_text() == "years of work"


HOLD = """
import signal, sys, time
from pathlib import Path
from countermark.cli.share_demo import stopped_by_sigterm
from countermark.flow.share_demo_place import write_certificates
from countermark.flow.share_demo_servers import serving
out = Path(sys.argv[1])
write_certificates(out)
tls = ["--tls-cert", str(out / "tls.pem"), "--tls-key", str(out / "tls.key")]
words = ["share", "serve", "--data", str(out / "x"), "--port", "0", *tls]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
with stopped_by_sigterm(), serving(out, words) as url:
    print(url, flush=True)
    time.sleep(100)
"""


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_the_exchange_ends_with_the_demo(tmp_path: Path, sig: signal.Signals) -> None:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=pipe, stderr=pipe, text=True
    )
    url = process.stdout.readline().strip()
    assert not gone(url)
    process.send_signal(sig)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert gone(url)


@pytest.mark.soak
def test_ctrl_c_ends_it_with_nothing_left(tmp_path: Path) -> None:
    process = start("share", "demo", "--out", "demo", folder=tmp_path)
    seen = []
    for line in process.stderr:
        seen.append(line)
        if "https://" in line:
            break
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in rest
    time.sleep(0.2)
    assert gone(re.search(r"https://[\d.:]+", seen[-1])[0])
