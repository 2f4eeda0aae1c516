"""The models of the attribution benchmark, trained here one after the other.

    OMP_NUM_THREADS=1 python benchmarks/attribution_zoo.py [--quick] [--cache DIR] [--list] [--teacher DIR]

Each is a folder of the cache (Hugging Face safetensors, and `zoo.json` with what was done and how long it
took), written whole or not at all: a killed run goes on where it was. Seeds come out of the names, so that
another run makes the same.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from attribution_language import Source
from attribution_models import open_model
from attribution_plan import Job, jobs

CACHE = Path(__file__).parent / ".cache" / "attribution"
STORIES = Path(__file__).parents[2] / "shared" / "models" / "stories260k"


class Zoo:
    """The folder with everything that was made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where a model, a text or the answers of a suspect stand."""
        return self.folder / name

    def has(self, name: str) -> bool:
        """Whether it was made."""
        return self.path(name).exists()

    def model(self, name: str) -> Any:
        """A model, opened."""
        return open_model(self.path(f"models/{name}"))

    def texts(self, name: str) -> np.ndarray:
        """Prompts and answers of a teacher, or training texts, shape (n, length)."""
        return np.load(self.path(f"texts/{name}/ids.npy")).astype(np.int64)

    def make(self, job: Job) -> float:
        """Make one thing if it is not there; returns the seconds it took."""
        if self.has(job.name):
            return 0.0
        target = self.path(job.name)
        part = target.parent / f".partial-{target.name}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        started = time.monotonic()
        said = job.make(self, part) or {}
        seconds = time.monotonic() - started
        said |= {"name": job.name, "seconds": round(seconds, 1)}
        (part / "zoo.json").write_text(json.dumps(said, indent=1))
        part.rename(target)
        return seconds


def entropies() -> str:
    """Of the languages, for the log."""
    return ", ".join(f"{Source(seed).entropy():.3f}" for seed in range(4))


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    parser.add_argument("--list", action="store_true", help="say what is missing, and the estimate")
    parser.add_argument("--teacher", type=Path, default=STORIES, help="one more teacher, where it is present")
    options = parser.parse_args()
    zoo = Zoo(options.cache)
    plan = jobs(options.teacher if options.teacher.is_dir() else None, quick=options.quick)
    missing = [job for job in plan if not zoo.has(job.name)]
    left = sum(job.seconds for job in missing)
    print(f"{len(missing)} of {len(plan)} missing, about {left / 60:.0f} minutes", file=sys.stderr)
    if options.list:
        print("\n".join(f"{job.seconds:5.0f} s  {job.name}" for job in missing))
        return
    print(f"entropy of the first languages, nats a token: {entropies()}", file=sys.stderr)
    for job in missing:
        taken = zoo.make(job)
        left -= job.seconds
        said = f"{job.name} {taken:.1f} s (estimate {job.seconds:.0f}); {left / 60:.0f} minutes left"
        print(time.strftime("%H:%M:%S"), said, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
