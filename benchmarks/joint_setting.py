"""Results of `joint.py`, the time and processor time that something took, and the helpers of the tests."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scipy.stats import beta

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "joint"
# the members, servers and alliances of the tests are the ones that are measured here
sys.path[:0] = [str(ROOT / "tests" / "share"), str(ROOT / "tests")]


@dataclass
class Took:
    """Seconds that a block took."""

    wall: float = 0.0
    own: float = 0.0
    """Processor time of this process, its threads included."""
    children: float = 0.0
    """Of processes that it started and waited for."""
    others: list[float] = field(default_factory=list)
    """Of the processes that were named, in their order."""
    load: float = 0.0
    """Mean length of the run queue over the last minute, at the beginning: what else the machine did."""

    def told(self) -> dict[str, Any]:
        """Rounded, for a result."""
        cpu = self.own + self.children + sum(self.others)
        return {"seconds": round(self.wall, 2), "cpu": round(cpu, 2), "load": round(self.load, 1)}


@contextmanager
def timed(pids: Sequence[int] = ()) -> Iterator[Took]:
    """Time of what is in the block."""
    took = Took(load=os.getloadavg()[0])
    before = [_of(pid) for pid in pids]
    own, children, begin = time.process_time(), _children(), time.perf_counter()
    yield took
    took.wall = time.perf_counter() - begin
    took.own, took.children = time.process_time() - own, _children() - children
    took.others = [_of(pid) - was for pid, was in zip(pids, before, strict=True)]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Results:
    """A folder of results, one file each, kept until they are asked for `again`."""

    folder: Path
    again: bool = False

    def get(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A result, computed where it is not there yet."""
        path = self.folder / f"{name}.json"
        if self.again or not path.exists():
            found = compute()
            self.folder.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".partial").write_text(json.dumps(found, indent=1))
            path.with_suffix(".partial").rename(path)
        kept: dict[str, Any] = json.loads(path.read_text())
        print(json.dumps({"what": name} | kept), file=sys.stderr, flush=True)
        return kept


def at_most(seen: int, of: int, level: float = 0.99) -> float:
    """Upper limit of a share, one-sided (Clopper and Pearson)."""
    return float(beta.ppf(level, seen + 1, of - seen)) if seen < of else 1.0


def at_least(seen: int, of: int, level: float = 0.99) -> float:
    """Lower limit of a share, one-sided."""
    return float(beta.ppf(1 - level, seen, of - seen + 1)) if seen else 0.0
