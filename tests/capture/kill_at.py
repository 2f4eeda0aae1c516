"""Run one operation again and again in forks, each killed (SIGKILL) just before its k-th change to the disk.

Argument: a JSON document with `call` (a function of the module `kill_operations`), `base` (a folder to start
from, or null), `folder` (gets one EVENTS folder a trial, named after k) and `moments` (the k, null for all).
The parent runs nothing itself, so that forks are safe.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import kill_operations

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}


def child(call: str, out: Path, moment: int) -> None:
    """Run the operation, to be killed at its `moment`-th change."""
    seen = 0

    def watch(event: str, arguments: tuple) -> None:
        nonlocal seen
        writes = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if event in CHANGES or writes:
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    getattr(kill_operations, call)(out)


def trial(task: dict, moment: int) -> bool:
    """Whether the fork was killed."""
    out = Path(task["folder"]) / str(moment)
    if task["base"]:
        shutil.copytree(task["base"], out)
    pid = os.fork()
    if not pid:
        try:
            child(task["call"], out, moment)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    work = json.loads(sys.argv[1])
    moments = work["moments"] or range(1, 10_000)
    for k in moments:
        if not trial(work, k):
            break
