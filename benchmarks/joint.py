"""Private overlap and joint watermark check: the figures of docs/benchmarks.md, section Together.

    python benchmarks/joint.py [vectors|overlap|million|cheats|checks|errors …] [--quick] [--again]
                               [--model FOLDER]

About ten minutes on two quiet cores, `--quick` two. Results are kept in `.cache/joint` until
they are asked for `--again`; tables go to standard output, each result as it comes to standard error.
openmined-psi pins protobuf, so pip installs it there, into an environment of its own. `--model`: a small
language model in Hugging Face format with 512 tokens, for a tenth of the null texts. What else runs on the
machine moves every time, so the processor time of all processes of ours stands beside it, and the load.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joint_cheats
import joint_checks
import joint_errors
import joint_overlap
import joint_vectors
from joint_setting import FOLDER, Results
from joint_tables import table

Part = Callable[[], dict[str, Any]]


def main() -> None:
    """Measure what was asked for, and print the table of all that is there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--model", type=Path)
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    results = Results(FOLDER / ("quick" if asked.quick else "whole"), asked.again)
    groups = parts(asked.quick, asked.model)
    unknown = set(asked.what) - set(groups)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: choose of {', '.join(groups)}")
    found = {
        name: results.get(name, part)
        for group, members in groups.items()
        if group in (asked.what or groups)
        for name, part in members.items()
    }
    cores = len(os.sched_getaffinity(0))
    print("\n".join(table(found, "python benchmarks/joint.py" + (" --quick" if asked.quick else ""), cores)))


def parts(quick: bool, model: Path | None) -> dict[str, dict[str, Part]]:
    """What is measured, by group."""
    small, large = (2_000, 50_000) if quick else (24_000, 1_000_000)
    return {
        "vectors": {"vectors": joint_vectors.vectors},
        "overlap": {
            "arithmetic": partial(joint_overlap.arithmetic, small),
            "overlap": partial(joint_overlap.overlap, small, small, (1, 1)),
            "peer": partial(joint_overlap.peer, small),
        },
        "million": {"million": partial(joint_overlap.overlap, small, large, (2, 2))},
        "cheats": {"cheats": partial(joint_cheats.cheats, *((1, 200) if quick else (10, 5_000)))},
        "checks": {"checks": partial(_checks, *((60, 2) if quick else (1_000, 20)))},
        "errors": {"errors": partial(joint_errors.errors, 500 if quick else 10_000, model)},
    }


def _checks(count: int, matters: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        return joint_checks.checks(Path(name), count, matters)


if __name__ == "__main__":
    main()
