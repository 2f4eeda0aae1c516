"""False positives of keyed tests: 10 million keys each, drawn anew over bodies of suspects that are
unrelated to every key; and some keys over whole bodies, for QQ plots.

    OMP_NUM_THREADS=1 python benchmarks/attribution_redraws.py [--tests NAME …] [--keys N] [--cache DIR]

Takes the models of benchmarks/attribution.py, two of them and the answers of two (`redraw_bodies.py`). Every
redraw is first held against the function that the verb calls, on keys of its own. About an hour and a half of
one core for all; what is done is kept under the cache, and a run that was stopped goes on.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import redraw_lists as lists
import redraw_synthid as synthid
from attribution_marked import profile_of
from attribution_zoo import CACHE, STORIES, Zoo
from calibration_redraws import Redraw, siphash_redraw
from countermark.trust.keyfiles import Secret
from redraw_bodies import CLOSED, OPEN, Sources
from redraw_joint import several
from redraw_known import known
from redraw_scores import Marks, sglang_marks, siphash_marks, vllm_marks
from redraw_weighted import weighted
from tables import table
from watermark_calibration import drawn, redraw_rows

HEADS = ["test", "keys", "law", "at 1e-2", "at 1e-4", "at 1e-6", "holds"]
LAWS = {"continuous": "exact", "discrete": "exact, discrete", "bound": "bound"}
WHOLE_BODIES = ("student-k0-a-scratch", "base-00", "base-08", "student-k0-b-other")
"""Of the QQ plot."""
WHOLE_KEYS = 40
"""Keys over each."""
QUICK = ("plain-1", "weighted-1", "logits-1", "joint-1", "known-1")


def redraws(sources: Sources) -> dict[str, Callable[[], Redraw]]:
    """Every test by its name; plain tests of engines are those of benchmarks/watermark_calibration.py."""
    found: dict[str, Callable[[], Redraw]] = {}
    for width in (1, 2, 4):
        found[f"plain-{width}"] = lambda width=width: siphash_redraw(width)
    settings = {"weighted": CLOSED, "logits": OPEN}
    own = {str(width): siphash_marks(width) for width in (1, 2, 4)}
    engines: dict[str, Marks] = {
        "vllm": vllm_marks(4),
        "vllm-dual": vllm_marks(4, dual=True),
        "sglang": sglang_marks(4),
        "sglang-dual": sglang_marks(4, dual=True),
    }
    for name, setting in settings.items():
        for which, marks in {**own, **engines}.items():
            found[f"{name}-{which}"] = lambda m=marks, s=setting: weighted(sources, m, s)
        found[f"{name}-lefthash"] = lambda s=setting: lists.lefthash(sources, s)
        found[f"{name}-selfhash"] = lambda s=setting: lists.selfhash(sources, s)
        found[f"{name}-synthid"] = lambda s=setting: synthid.table(sources, "transformers-synthid", s)
        found[f"{name}-synthid-text-table"] = lambda s=setting: synthid.table(
            sources, "synthid-text 0.2.1", s
        )
        found[f"{name}-synthid-text"] = lambda s=setting: synthid.iterated(sources, s)
    for which, marks in {**own, "sglang": engines["sglang"]}.items():
        found[f"joint-{which}"] = lambda m=marks: several(sources, m)
    for which, marks in {**own, "vllm": vllm_marks(1)}.items():
        found[f"known-{which}"] = lambda m=marks: known(sources, m)
    return found


def run(sources: Sources, folder: Path, keys: int, names: list[str] | None = None) -> list[list[str]]:
    """A row a test: rates at the three levels with one-sided 99% limits; tests without a body are left
    out."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, known_tests = [], redraws(sources)
    for name in names or known_tests:
        redraw = known_tests[name]()
        if redraw.texts:
            redraw.check()
            rows.append(row(redraw, redraw_rows(redraw, drawn(redraw, keys or redraw.documents, folder))))
    return rows


def row(redraw: Redraw, levels: list[list[str]]) -> list[str]:
    """One row of the rows of its levels."""
    cells = []
    for _, _, _, _, rate, low, high, _, _ in levels:
        short, low, high = (f"{float(one):.2e}".replace("0.00e+00", "0") for one in (rate, low, high))
        cells.append(f"{short} ({low} to {high})")
    verdicts = dict.fromkeys(level[-1] for level in levels)
    return [redraw.name, levels[0][1], LAWS[redraw.law], *cells, "; ".join(verdicts)]


def quantiles(sources: Sources) -> dict[str, list[float]]:
    """P-values of redrawn keys over whole bodies of controls, by test."""
    from countermark.attribute.keyed import Key, judge

    found: dict[str, list[float]] = {}
    names = [name for name in WHOLE_BODIES if sources.zoo.has(f"suspects/{name}-25k")]
    for width in (1, 2):
        for at, name in enumerate(names):
            body = sources.body(name, CLOSED, width)
            standing, weights = body.windows[body.seen > 0], body.weights(signs=True)
            generator = np.random.default_rng([32, width, at])
            for _ in range(WHOLE_KEYS):
                key = Key(profile_of("t0", width), Secret(generator.bytes(16).hex().encode()))
                for kind, windows, how in (("plain", standing, None), ("weighted", body.windows, weights)):
                    log_p = judge(key, windows, how).evidence.log_p
                    found.setdefault(f"{kind}, k={width}", []).append(float(np.exp(log_p)))
    return found


def sources_of(zoo: Any, teacher: Path | None) -> Sources:
    """Bodies of a zoo, kept beside its results."""
    return Sources(zoo, zoo.path("results/bodies"), teacher)


def main() -> None:
    """Redraw, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--teacher", type=Path, default=STORIES, help="one more teacher, where present")
    parser.add_argument("--tests", nargs="+", metavar="NAME", help="instead of all; 'list' names them")
    parser.add_argument("--keys", type=int, default=0, help="instead of 10 million")
    options = parser.parse_args()
    zoo = Zoo(options.cache)
    sources = sources_of(zoo, options.teacher if options.teacher.is_dir() else None)
    if options.tests == ["list"]:
        print("\n".join(redraws(sources)))
        return
    print(table(HEADS, run(sources, zoo.path("results/redraws"), options.keys, options.tests)))


if __name__ == "__main__":
    main()
