"""Evidence packages: the figures of docs/benchmarks.md, section Evidence.

    python benchmarks/evidence.py [size|leaves|plain|trials|kills …] [--quick] [--again]

About half an hour on two quiet cores, `--quick` three minutes; 8 GB of disk. Cases and results are kept in
`.cache/evidence`, results until they are asked for `--again`; tables go to standard output, each result as
it comes to standard error. Every command runs in a process of its own; its peak memory is what the kernel
says. Files were written or read just before, so that they come from the page cache.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from functools import partial

from evidence_faults import kills, trials
from evidence_setting import FOLDER, Found
from evidence_size import leaves, plain, size
from evidence_tables import table


def main() -> None:
    """Measure what was asked for, and print the table of all that is there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--again", action="store_true")
    asked = parser.parse_args()
    known = parts(asked.quick)
    unknown = set(asked.what) - set(known)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: choose of {', '.join(known)}")
    found = {
        name: result(f"{'quick' if asked.quick else 'whole'}-{name}", part, asked.again)
        for name, part in known.items()
        if name in (asked.what or known)
    }
    cores = len(os.sched_getaffinity(0))
    print(
        "\n".join(table(found, "python benchmarks/evidence.py" + (" --quick" if asked.quick else ""), cores))
    )


def parts(quick: bool) -> dict[str, Callable[[], Found]]:
    """What is measured."""
    rows, accounts = (40_000, 1_000) if quick else (1_000_000, 25_000)
    return {
        "size": partial(size, rows, accounts),
        "leaves": partial(leaves, rows, accounts),
        "plain": partial(plain, 256 if quick else 2_048),
        "trials": partial(trials, 20 if quick else 1_000),
        "kills": partial(kills, 12 if quick else 100),
    }


def result(name: str, part: Callable[[], Found], again: bool) -> Found:
    """One result, computed where it is not there yet."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    if again or not path.exists():
        load, found = os.getloadavg()[0], part()
        path.with_suffix(".partial").write_text(json.dumps({"load": round(load, 1)} | found, indent=1))
        path.with_suffix(".partial").rename(path)
    kept: Found = json.loads(path.read_text())
    print(json.dumps({"what": name} | kept), file=sys.stderr, flush=True)
    return kept


if __name__ == "__main__":
    main()
