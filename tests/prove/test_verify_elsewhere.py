"""What is sealed here verifies elsewhere: another folder, another home, no network, half of it taken out."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from whole_case import options_of, told, trust_in

import countermark
import countermark_verify
from countermark.prove.leaves.leaf_fields import fields_of, leaves_name
from countermark.prove.leaves.leaf_files import Chooser
from countermark.prove.leaves.leaves import GROUNDS, is_document, is_table
from countermark.prove.package.layout import FINDINGS_JSON, Contents
from countermark.prove.package.reading import read_package
from countermark.prove.package.trustfile import read_trust
from countermark.prove.redacting.redact import RedactOptions, redact
from countermark.prove.redacting.redact_files import _class_hangs_on
from countermark.prove.redacting.takes import Take
from countermark.prove.verifying.verify import verify
from countermark.trust.signing import SigningKey

NO_SOCKETS = """
import socket
class Refused(socket.socket):
    def __init__(self, *_, **__):
        raise AssertionError("the network was asked for")
socket.socket = socket.SocketType = Refused
socket.getaddrinfo = socket.gethostbyname = Refused
"""
CHECK = NO_SOCKETS + "import runpy, sys; sys.argv = sys.argv[1:]; {}\n"
FIRST = "from countermark.cli import main; main()"
SECOND = "runpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.fixture
def whole(sealed: Callable[..., Path], tmp_path: Path, key: SigningKey) -> Callable[[str], Path]:
    """A package with everything in it, and its trust file beside it."""

    def make(out: str) -> Path:
        story, folder = told(tmp_path / "story")
        trust = trust_in(story, tmp_path, key)
        return sealed(out, **options_of(story, tmp_path, trust=trust, attributions=[folder]))

    return make


def run(*command: object, **how: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **how)  # type: ignore[call-overload, no-any-return]


def second(package: Path, trust: Path) -> dict[str, Any]:
    done = run(sys.executable, "-I", countermark_verify.__file__, package, "--trust", trust, "--json")
    return {"exit": done.returncode} | json.loads(done.stdout)


@pytest.mark.parametrize("how", [FIRST, SECOND], ids=["countermark verify", "countermark-verify"])
def test_nobody_is_asked(whole: Callable[[str], Path], tmp_path: Path, how: str) -> None:
    package, trust = whole("whole"), tmp_path / "whole-trust.json"
    program = ["countermark", "verify"] if how is FIRST else [countermark_verify.__file__]
    source = Path(countermark.__file__).parents[1]
    done = run(
        *(sys.executable, "-c", CHECK.format(how), *program, package, "--trust", trust),
        env=os.environ | {"PYTHONPATH": str(source)},
    )
    assert (done.returncode, "VERIFIED" in done.stdout) == (0, True), done.stdout + done.stderr


def test_the_check_of_the_network_itself_can_fail() -> None:
    done = run(sys.executable, "-c", CHECK.format("socket.create_connection(('127.0.0.1', 9))"), "x")
    assert "the network was asked for" in done.stderr


@pytest.mark.parametrize("out", ["whole", "whole.zip"])
def test_what_was_sealed_here_verifies_elsewhere(
    whole: Callable[[str], Path], tmp_path: Path, out: str
) -> None:
    package = whole(out)
    there, home = tmp_path / "there", tmp_path / "home"
    there.mkdir()
    home.mkdir()
    (shutil.copytree if package.is_dir() else shutil.copyfile)(package, there / out)
    shutil.copyfile(tmp_path / "whole-trust.json", there / "trust.json")
    shutil.copyfile(countermark_verify.__file__, there / "countermark_verify.py")
    (shutil.rmtree if package.is_dir() else os.unlink)(package)
    done = run(
        *(sys.executable, "-I", "countermark_verify.py", out, "--trust", "trust.json"),
        cwd=there,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
    )
    assert (done.returncode, done.stdout[:8]) == (0, "VERIFIED"), done.stdout + done.stderr
    assert not list(home.iterdir())


def pointers_that_can_go(name: str, data: bytes, contents: Contents) -> list[str]:
    lines = data.splitlines() if is_table(name) else [data]
    found = []
    for at, line in enumerate(lines):
        found += [f"/{at}{one}" if is_table(name) else one for one, _ in fields_of(line)]
    stays = Chooser([], _class_hangs_on(name, contents)).stays
    return [one for one in found if not stays(one)]


def half_of(package: Path, seed: int) -> tuple[list[Take], Counter[tuple[str, str]]]:
    """Half of the leaves that can go, at random, each on a ground at random; how many by file and ground."""
    chance = random.Random(seed)  # no secret
    takes: list[Take] = []
    counts: Counter[tuple[str, str]] = Counter()
    _, contents = read_package(package)
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package).as_posix()
        if not (path.is_file() and (is_document(name) or is_table(name))):
            continue
        everything = pointers_that_can_go(name, path.read_bytes(), contents)
        chosen = chance.sample(everything, len(everything) // 2)
        for ground in GROUNDS:
            some, chosen = split(chosen, chance) if ground != GROUNDS[-1] else (chosen, [])
            if some:
                takes.append(Take(ground=ground, name=name, pointers=tuple(some)))
                counts[name, ground] += len(some)
    return takes, counts


def split(pointers: Sequence[str], chance: random.Random) -> tuple[list[str], list[str]]:
    at = chance.randint(0, len(pointers))
    return list(pointers[:at]), list(pointers[at:])


@pytest.mark.parametrize("seed", range(3))
def test_half_of_it_is_taken_out(
    whole: Callable[[str], Path], tmp_path: Path, key: SigningKey, seed: int
) -> None:
    package, trust = whole("whole"), tmp_path / "whole-trust.json"
    takes, counts = half_of(package, seed)
    assert len({name for name, _ in counts}) > 8
    out = tmp_path / "left"
    redact(
        RedactOptions(
            package=package,
            out=out,
            keys=[key],
            what=takes,
            why="order of 1 August 2026",
            trust=read_trust(trust),
            allow_elsewhere=True,
            keep_attachments=True,
        )
    )
    gone = Counter[tuple[str, str]]()
    for name in {name for name, _ in counts}:
        lines = (out / leaves_name(name)).read_text().splitlines()
        gone.update((name, line.split()[1]) for line in lines if line.startswith("-"))
    more = gone - counts  # digests in findings.json that would confirm a guess go too
    assert not counts - gone
    assert {name for name, _ in more} <= {FINDINGS_JSON}
    found, theirs = verify(out, read_trust(trust)), second(out, trust)
    assert found.verdict == theirs["verdict"] == "VERIFIED", (found.steps, theirs)
    assert {(one.name, one.ground): one.count for one in found.taken_out} == dict(gone)
    said = theirs["steps"][3]["detail"]
    for ground in GROUNDS:
        number = sum(count for (_, one), count in gone.items() if one == ground)
        assert not number or re.search(rf"\b{number}\b[^,]*{ground}", said), said
