"""`share overlap run` of one member in a process of its own, while the other's runs in this one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from overlap_members import Desk


def command(desk: Desk, run: str, *more: Path | str, wait: float = 120) -> list[str]:
    """The line that a user types."""
    line = [sys.executable, "-m", "countermark", "share", "overlap", "run", desk.folder / run]
    return [str(one) for one in (*line, *desk.where, "--peer-key", desk.peer_key, "--wait", wait, *more)]


@dataclass
class Beside:
    """The other member's process, once it has ended."""

    code: int | None = None
    out: str = ""
    err: str = ""


@contextmanager
def at_once(desk: Desk, run: str, *more: Path | str) -> Iterator[Beside]:
    """It runs while the block does, and is waited for at its end."""
    process = subprocess.Popen(
        command(desk, run, *more),
        env={**os.environ, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    beside = Beside()
    try:
        yield beside
        beside.out, beside.err = process.communicate(timeout=120)
        beside.code = process.returncode
    finally:
        if beside.code is None:
            process.kill()
            process.communicate()


def counted(one: Desk, other: Desk, run: str) -> str:
    """Both come to a result, which is printed."""
    with at_once(other, run) as beside:
        done = one.run(run)
        assert done.code == 0, done.err + "".join(one.server.log_lines[-20:])
    assert (beside.code, beside.out) == (0, done.out), beside.err
    return done.out
