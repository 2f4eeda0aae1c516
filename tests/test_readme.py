"""The README's commands are run in their order; the sessions that it shows are compared with runs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.M | re.S)
SESSIONS = {
    "countermark demo --out demo": BLOCKS[0].splitlines(),
    "countermark share demo": next(one for one in BLOCKS if "share demo\n" in one).splitlines(),
}
"""By the command that a newcomer runs for it; `make demo` ends in the first."""
COMMANDS = [line[2:] for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
NOT_RUN = {
    "make demo": "needs a registry; a test below checks that it ends in a command that is run",
    "pip install countermark": "the tests run against an installed countermark already",
}
DONE_OR_FOUND = {0, 10}
CAUSES = re.compile(r"\b(copied|stolen|trained on|derived)\b", re.I)


def masked(line: str) -> str:
    """A line without what differs between runs: numbers, ids, digests, spacing."""
    ids = r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{8,}\b"
    return " ".join(re.sub(rf"{ids}|\d[\d.,]*", "#", line).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a newcomer works."""
    return tmp_path_factory.mktemp("a newcomer")


@pytest.fixture(scope="module")
def outputs(folder: Path) -> dict[str, str]:
    """Both streams of every command of the README, run one after the other in one folder."""
    settings = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "COLUMNS": "200"}
    environment = {**os.environ, **settings}
    said = {}
    for command in COMMANDS:
        if command in NOT_RUN:
            continue
        program, *arguments = shlex.split(command)
        assert program == "countermark", f"{command}: neither run nor listed with a reason"
        done = subprocess.run(
            [sys.executable, "-m", "countermark", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode in DONE_OR_FOUND, f"{command}: {done.stdout}"
        said[command] = done.stdout
    return said


def test_the_list_of_commands_not_run_is_current() -> None:
    assert set(NOT_RUN) <= set(COMMANDS)
    assert len(COMMANDS) > len(NOT_RUN) + 3


def test_make_demo_ends_in_the_same_command_as_without_make() -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--dry-run", "demo"]
    done = subprocess.run(command, cwd=ROOT, env=ours, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split(" -m ")[1] in COMMANDS


@pytest.mark.parametrize("command", SESSIONS)
def test_a_session_is_what_a_run_says(outputs: dict[str, str], command: str) -> None:
    said = {masked(line) for line in outputs[command].splitlines()}
    session = SESSIONS[command]
    shown = [line for line in session if line.strip() and not line.startswith(("$ ", ".venv/bin/python"))]
    assert len(shown) > 10, "this is to be a real session"
    assert [line for line in shown if masked(line) not in said] == []


def test_the_package_verifies_with_the_trust_file_of_the_demo(outputs: dict[str, str]) -> None:
    (verify,) = (said for command, said in outputs.items() if command.startswith("countermark verify"))
    assert "NOT CHECKED" not in verify


def test_no_output_states_a_cause(outputs: dict[str, str], folder: Path) -> None:
    written = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.html")}
    written |= {path: path.read_text(encoding="utf-8") for path in folder.rglob("findings.json")}
    assert {path.name for path in written} == {"report.html", "findings.json"}
    texts = {**outputs, **{str(path): text for path, text in written.items()}}
    assert {name: CAUSES.findall(text) for name, text in texts.items() if CAUSES.search(text)} == {}
