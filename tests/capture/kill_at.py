"""Run one operation again and again in forks, each killed (SIGKILL) at a moment.

Argument: a JSON document with `call` (a function of the module `operations`, by default `kill_operations`),
`base` (a folder to start from, or null), `folder` (gets one output folder a trial, named after its moment)
and `moments`: whole numbers k (killed just before the k-th change to the disk; null for all) or fractions
(seconds). The parent runs nothing itself, so that forks are safe.
"""

import importlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from types import ModuleType

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}


def child(operations: ModuleType, call: str, out: Path, moment: int | float) -> None:
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
    getattr(operations, call)(out)


def trial(operations: ModuleType, task: dict, moment: int | float) -> bool:
    """Whether the fork was killed."""
    out = Path(task["folder"]) / str(moment)
    if task["base"]:
        shutil.copytree(task["base"], out)
    pid = os.fork()
    if not pid:
        try:
            child(operations, task["call"], out, moment)
        finally:
            os._exit(0)
    if isinstance(moment, float):
        time.sleep(moment)
        os.kill(pid, signal.SIGKILL)  # not waited for yet, so the number is still its own
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    work = json.loads(sys.argv[1])
    module = importlib.import_module(work.get("operations", "kill_operations"))
    for k in work["moments"] or range(1, 10_000):
        if not trial(module, work, k) and isinstance(k, int):
            break
