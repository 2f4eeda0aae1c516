"""Where `evidence.py` keeps what it makes, and the time and memory that another process takes."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FOLDER = ROOT / ".cache" / "evidence"
# the cases, logs, kills and trials of the tests are the ones that are measured here
_PATH = [str(ROOT / "tests" / "prove"), str(ROOT / "tests"), str(ROOT)]
sys.path[:0] = _PATH

COUNTERMARK = [sys.executable, "-m", "countermark"]
SINGLE = [sys.executable, "-m", "countermark_verify"]
Found = dict[str, Any]


def ran(command: Sequence[str | Path], *, within: Path = ROOT) -> Found:
    """Run it in a process of its own: what it took, and whether it ended with 0; raises where it did not."""
    words = [sys.executable, str(HERE / "evidence_ran.py"), *map(str, command)]
    path = os.pathsep.join([*_PATH, os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    found: Found = json.loads(
        subprocess.run(words, cwd=within, check=True, capture_output=True, env=environment).stdout
    )
    if found["code"]:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {found['code']}:\n{found['said']}")
    found.pop("said")
    return found


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def read_once(path: Path) -> None:
    """Everything into the page cache."""
    for one in [path] if path.is_file() else sorted(path.rglob("*")):
        if one.is_file():
            with one.open("rb", buffering=0) as stream:
                while stream.read(1 << 22):
                    pass
