"""A private overlap from two files to the announced size: two members in processes of their own, by the
commands, and an operator's `share serve` with TLS; and openmined-psi 2.0.6 beside it."""

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from joint_setting import FOLDER, Took, timed  # isort: skip  (finds the tests' helpers)
from certificates import write_certificate
from overlap_members import mails, write_identifiers
from overlap_naive import SETTINGS, enrol
from servers import Server, serving

from countermark.share.overlap import group
from countermark.share.overlap.batches import blind_all, multiply_all
from countermark.share.overlap.identifiers import canonical_identifier
from countermark.share.overlap.messages import PLANTED
from countermark.share.overlap.padding import padded_size
from countermark.share.overlap.planted import planted_items

COMMON = 1000
NAMES = ("alice", "bob")
PEER = "openmined-psi==2.0.6"
PSI = """
import json, sys, time
import private_set_intersection.python as psi
count, common = int(sys.argv[1]), int(sys.argv[2])
client, server = psi.client.CreateWithNewKey(False), psi.server.CreateWithNewKey(False)
ours = [f"user{n}@mail.example" for n in range(count)]
theirs = [f"user{n}@mail.example" for n in range(count - common, 2 * count - common)]
begin, cpu = time.perf_counter(), time.process_time()
setup = server.CreateSetupMessage(1e-9, count, theirs, psi.DataStructure.RAW)
request = client.CreateRequest(ours)
size = client.GetIntersectionSize(setup, server.ProcessRequest(request))
took = {"seconds": round(time.perf_counter() - begin, 2), "cpu": round(time.process_time() - cpu, 2)}
print(json.dumps(took | {"size": size}))
"""


def overlap(first: int, second: int, threads: Sequence[int]) -> dict[str, Any]:
    """Sets of so many e-mail addresses, 1,000 in common; `threads` of a member while it prepares and runs."""
    common = min(COMMON, first // 2)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name, ExitStack() as stack:
        tmp = Path(name)
        certificate, key = write_certificate(tmp)
        tls = ("--tls-cert", str(certificate), "--tls-key", str(key))
        server = stack.enter_context(serving(tmp / "operator", settings=SETTINGS, arguments=tls))
        enrol(server)
        sets = (range(first), range(first - common, first - common + second))
        members = [
            _Member(server, tmp, who, [*numbers], certificate)
            for who, numbers in zip(NAMES, sets, strict=True)
        ]
        pids = [server.process.pid]
        alone: dict[str, Any] = {}
        if first == second:
            with timed(pids) as whole:
                prepared = _prepared(members, threads[0], at_once=True)
                ran = _ran(members, threads[1], pids, common)
            alone["whole"] = whole.told()
        else:
            _prepared(members[:1], threads[0])
            prepared = _prepared(members[1:], threads[0])
            ran = _ran(members, threads[1], pids, common)
        return alone | {
            "sizes": [first, second],
            "points": [padded_size(first), padded_size(second)],
            "threads": list(threads),
            "prepared": prepared.told(),
            "ran": ran.told() | {"operator's cpu": round(ran.others[0], 2)},
        }


class _Member:
    """Its files, and the lines that its user types."""

    def __init__(
        self, server: Server, tmp: Path, who: str, numbers: Sequence[int], certificate: Path
    ) -> None:
        self.place, self.who = tmp / who, who
        self.place.mkdir(mode=0o700)
        self.peer = NAMES[1 - NAMES.index(who)]
        write_identifiers(self.place / "identifiers.jsonl", mails(*numbers))
        server.keys[who].save(self.place / "member.pem")
        (self.place / "peer.pub").write_text(server.keys[self.peer].public.to_base64())
        (self.place / "token").touch(0o600)
        (self.place / "token").write_text(server.tokens[who])
        self.to = ["--to", server.url, "--token-file", self.place / "token", "--ca-file", certificate]

    def prepare(self, threads: int) -> "subprocess.Popen[str]":
        names = ["--run", "one", "--with", self.peer, "--as", self.who, "--threads", str(threads)]
        files = ["--identifiers", self.place / "identifiers.jsonl", "--key", self.place / "member.pem"]
        return _started("prepare", *names, *files, "--out", self.place / "set")

    def run(self, threads: int) -> "subprocess.Popen[str]":
        key = ["--peer-key", self.place / "peer.pub", "--threads", str(threads), "--json"]
        return _started("run", self.place / "set", *self.to, *key)


def _started(*arguments: str | Path) -> "subprocess.Popen[str]":
    line = [sys.executable, "-m", "countermark", "share", "overlap", *map(str, arguments)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _ended(process: "subprocess.Popen[str]") -> str:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out


def _prepared(members: Sequence[_Member], threads: int, at_once: bool = False) -> Took:
    with timed() as took:
        processes = [one.prepare(threads) for one in members]
        for one in processes:
            _ended(one)
    assert at_once or len(members) == 1
    return took


def _ran(members: Sequence[_Member], threads: int, pids: Sequence[int], common: int) -> Took:
    with timed(pids) as took:
        processes = [one.run(threads) for one in members]
        found = [json.loads(_ended(one)) for one in processes]
    assert [one["size"] for one in found] == [common, common], found
    return took


def arithmetic(count: int) -> dict[str, Any]:
    """What both members have to compute, by two threads: to hash and blind two sets, and to multiply two
    padded lists. Without files, processes, the operator and its checks."""
    items = [canonical_identifier(*one) for one in mails(*range(count))]
    items += planted_items("one", *NAMES)
    assert len(items) == count + PLANTED
    with timed() as blinding:
        lists = [blind_all(items, group.random_scalar()) for _ in NAMES]
    pad = padded_size(count) * 32 // len(lists[0]) + 1
    padded = [(one * pad)[: padded_size(count) * 32] for one in lists]
    with timed() as tags:
        for one in padded:
            multiply_all(one, group.random_scalar())
    return {"size": count, "blind": blinding.told(), "multiply": tags.told()} | {
        "seconds": round(blinding.wall + tags.wall, 2),
        "cpu": round(blinding.own + tags.own, 2),
    }


def peer(count: int) -> dict[str, Any]:
    """openmined-psi, size only, both sides in one process as it comes: no proof, no quota, no operator."""
    place = FOLDER / "psi"
    python = place / "bin" / "python"
    if not python.exists():  # of its own: it pins protobuf 6.30.2
        venv.create(place, with_pip=True)
        line = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER]
        subprocess.run(line, check=True)
    with timed() as took:
        done = subprocess.run(
            [python, "-c", PSI, str(count), str(min(COMMON, count // 2))],
            capture_output=True,
            text=True,
            check=True,
        )
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["size"] == min(COMMON, count // 2), found
    return {"size of sets": count, "load": took.told()["load"]} | found
