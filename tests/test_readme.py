"""The README's commands are run in their order; the session on its first screen is compared with a run."""

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
SESSION = BLOCKS[0].splitlines()
COMMANDS = [line[2:] for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
NOT_RUN = {
    "make demo": "needs a registry; a test below checks that it ends in a command that is run",
    "pip install countermark": "the tests run against an installed countermark already",
}
DONE_OR_FOUND = {0, 10}
CAUSES = re.compile(r"\b(copied|stolen|trained on|derived)\b", re.I)


def masked(line: str) -> str:
    """A line without what differs between runs: numbers, digests, spacing."""
    return " ".join(re.sub(r"\b[0-9a-f]{8,}\b|\d[\d.,]*", "#", line).split())


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


def test_the_first_screen_is_what_a_run_says(outputs: dict[str, str]) -> None:
    said = {masked(line) for line in outputs["countermark demo --out demo"].splitlines()}
    shown = [line for line in SESSION if line.strip() and not line.startswith(("$ ", ".venv/bin/python"))]
    assert len(shown) > 10, "the first screen is to be a real session"
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
