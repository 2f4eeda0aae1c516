"""The benchmark of `countermark attribute`: trains a zoo of small models, examines it, writes docs/.

    OMP_NUM_THREADS=1 python benchmarks/attribution.py [--quick] [--cache DIR] [--parts lineage redraws …]

About three and a half hours of one core, `--quick` ten minutes; models and results are kept in the cache
(benchmarks/.cache/attribution), so that a run that was stopped goes on. `--no-train` takes what is there.
Tables go between their marks in docs/attribution-benchmarks.md, pictures beside it; with `--quick` they are
printed and docs/ is left alone.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import attribution_canaries as canaries
import attribution_cases_identity as identity
import attribution_cases_marks as marks
import attribution_cases_weights as weights
import attribution_curves as curves
import attribution_mark_tables as mark_tables
import attribution_redraws as redraws
import attribution_tables as tables
from attribution_plan import jobs
from attribution_results import Results
from attribution_zoo import CACHE, STORIES, Zoo
from tables import table

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENT = DOCS / "attribution-benchmarks.md"
QUICK_REDRAWS = 100_000
LINEAGE_TESTS = {
    "fixed points": "fixed points",
    "order of nearest": "order of nearest",
    "Spearman": "Spearman",
    "gate and up agree": "agreement of gate and up",
}


class Benchmark:
    """One run: results by part, tables by name."""

    def __init__(self, zoo: Zoo, teacher: Path | None, *, quick: bool) -> None:
        self.zoo, self.teacher, self.quick = zoo, teacher, quick
        self.results = Results(zoo.path("results"))
        self.tables: dict[str, str] = {}
        self.done: dict[str, tables.Done] = {}
        self.null: dict[str, dict[str, list[float]]] = {}

    def lineage(self) -> None:
        """Weights: the null on independent pairs, positives, hard negatives."""
        null = weights.run(self.zoo, self.results, weights.null_pairs(self.zoo))
        positives = weights.run(self.zoo, self.results, weights.positives())
        negatives = weights.run(self.zoo, self.results, weights.negatives())
        independent = [one for one in negatives if one[0].table in ("same data, other seed", "other data")]
        by_test = tables.by_test(null)
        self.tables["lineage null"] = tables.rates(by_test)
        self.null["lineage"] = {name: [10**one for one in found] for name, found in by_test.items()}
        first = [one for one in positives if one[0].how["reference"] == f"models/{weights.PARENTS[0]}"]
        self.tables["lineage tests"] = tables.each_test(first, independent, LINEAGE_TESTS)
        self.tables["lineage positives"] = tables.across_parents(positives, independent)
        self.tables["lineage negatives"] = tables.summary(negatives)
        self.tables["lineage surprises"] = tables.surprises([*positives, *negatives])

    def radioactivity(self) -> None:
        """Marks in students, beside what is unrelated."""
        self.done["shares"] = self._marks(marks.shares())
        controls = self._marks(marks.controls())
        self.done["controls"] = [
            one
            for one in controls
            if "student-k0-a" in one[0].name and one[0].how["setting"] == "closed" and "k4" not in one[0].name
        ]
        several = self._marks(marks.several())
        attacks = self._marks(marks.attacks())
        stories = self._marks(marks.stories())
        references = self._marks(marks.references())
        self.tables["shares"] = mark_tables.shares(self.done["shares"])
        wrong = [one for one in self.done["shares"] if "wrong" in one[0].table]
        self.tables["mark negatives"] = tables.summary([*controls, *wrong])
        self.tables["mark surprises"] = tables.surprises(
            [*self.done["shares"], *controls, *references, *stories]
        )
        self.tables["several teachers"] = mark_tables.keys(several)
        self.tables["another reference"] = mark_tables.each(references)
        self.tables["attacks"] = mark_tables.each(attacks)
        self.tables["stories"] = mark_tables.each(stories)

    def tokens(self) -> None:
        """P against tokens."""
        self.done["tokens"] = self._marks(curves.prefixes(self.zoo))
        self.tables["tokens"] = mark_tables.each(self.done["tokens"])

    def identity(self) -> None:
        """Endpoints."""
        found = identity.run(self.zoo, self.results)
        for name in (identity.SEVERAL, identity.BETS, identity.LOCAL):
            mine = [one for one in found if one[0].table == name]
            self.tables[f"identity, {name}"] = tables.per_case(mine, {})

    def canary(self) -> None:
        """Drawn choices."""
        if self.teacher is not None:
            found = canaries.run(self.zoo, self.results, self.teacher)
            self.tables["canaries"] = tables.per_case(found, {"rank": "rank"})
        heads = ["suspect that knows nothing", "draws", "level", "passed", "99% at least", "holds"]
        self.tables["canary law"] = table(heads, canaries.hits_rows())

    def redraws(self) -> None:
        """Redrawn keys."""
        sources = redraws.sources_of(self.zoo, self.teacher)
        count, names = (QUICK_REDRAWS, list(redraws.QUICK)) if self.quick else (0, None)
        rows = redraws.run(sources, self.zoo.path("results/redraws"), count, names)
        self.tables["redraws"] = table(redraws.HEADS, rows)
        found = self.results.get("quantiles", "keys", lambda: {"series": redraws.quantiles(sources)})
        self.null["keys"] = found["series"]

    def _marks(self, cases: Iterator[Any]) -> tables.Done:
        return marks.run(self.zoo, self.results, cases, self.teacher)


PARTS: dict[str, Callable[[Benchmark], None]] = {
    "lineage": Benchmark.lineage,
    "radioactivity": Benchmark.radioactivity,
    "tokens": Benchmark.tokens,
    "identity": Benchmark.identity,
    "canary": Benchmark.canary,
    "redraws": Benchmark.redraws,
}


def main() -> None:
    """Train, examine, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--teacher", type=Path, default=STORIES, help="one more teacher, where present")
    parser.add_argument("--quick", action="store_true", help="one of each kind")
    parser.add_argument("--no-train", action="store_true", help="examine what is there")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    options = parser.parse_args()
    teacher = options.teacher if options.teacher.is_dir() else None
    zoo = Zoo(options.cache)
    for job in [] if options.no_train else jobs(teacher, quick=options.quick):
        if taken := zoo.make(job):
            print(time.strftime("%H:%M:%S"), f"{job.name} {taken:.0f} s", file=sys.stderr, flush=True)
    run = Benchmark(zoo, teacher, quick=options.quick)
    for part in options.parts:
        PARTS[part](run)
    run.tables["models"] = tables.models(zoo.path("models"))
    if options.quick:
        print("\n\n".join(chain.from_iterable((f"## {name}", text) for name, text in run.tables.items())))
        return
    missing = tables.fill(DOCUMENT, run.tables)
    curves.draw(DOCS, run.done, run.null)
    if missing:
        print(f"no place in {DOCUMENT.name} for: {', '.join(missing)}", file=sys.stderr)


if __name__ == "__main__":
    main()
