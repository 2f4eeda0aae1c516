"""Tables of docs/attribution-benchmarks.md out of the results; each ends with its negative control."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attribution_results import ALPHA, Case, figure, log10_p, seen
from countermark.stats.binomial import clopper_pearson
from tables import table

Done = Sequence[tuple[Case, dict[str, Any]]]
BEGIN, END = "<!-- table {} -->", "<!-- end -->"


def fill(document: Path, tables: dict[str, str]) -> list[str]:
    """Put tables between their marks in the document; returns the names that have none there."""
    text, missing = document.read_text(), []
    for name, content in tables.items():
        begin = BEGIN.format(name)
        if begin not in text:
            missing.append(name)
            continue
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(END)
        text = f"{before}{begin}\n\n{content}\n\n{END}{after}"
    document.write_text(text)
    return missing


def decided(result: dict[str, Any]) -> list[float]:
    """Natural order of p of the deciding tests, as log10."""
    return [
        -math.inf if test["log10_p_value"] is None else test["log10_p_value"]
        for test in result["tests"]
        if test["decides"]
    ]


def smallest(result: dict[str, Any]) -> float | None:
    """Log10 of Holm's p of the deciding tests: the smallest times their number."""
    found = decided(result)
    return min(min(found) + math.log10(len(found)), 0.0) if found else None


def summary(done: Done) -> str:
    """Of every table of cases: what was expected and seen, and how low p went."""
    heads = [
        "suspects",
        "cases",
        "expected",
        "shown",
        "not shown",
        "inconclusive",
        "refused",
        "smallest log10 p",
    ]
    rows = []
    for name in dict.fromkeys(case.table for case, _ in done):
        mine = [(case, result) for case, result in done if case.table == name]
        words = [seen(result) for _, result in mine]
        expected = "; ".join(dict.fromkeys(case.expected for case, _ in mine))
        counts = [words.count(one) for one in ("shown", "not shown", "inconclusive", "refused")]
        least = [found for _, result in mine if (found := smallest(result)) is not None]
        rows.append([name, len(mine), expected, *counts, figure(min(least)) if least else ""])
    return table(heads, rows)


def surprises(done: Done) -> str:
    """Cases whose verdict is not the expected one, in full."""
    rows = []
    for case, result in done:
        if case.expected not in (seen(result), "reported"):
            why = "; ".join(result.get("reasons", []))[:160]
            rows.append([case.name, case.expected, seen(result), figure(smallest(result)), why])
    if not rows:
        return "Every verdict is the expected one."
    return table(["case", "expected", "seen", "log10 p", "reason given"], rows)


def rates(values: dict[str, list[float]], levels: Sequence[float] = (0.05, 0.01, ALPHA)) -> str:
    """How often p-values (as log10) under the null pass each level, with the one-sided 99% lower limit."""
    heads = ["test", "pairs", *(f"p <= {level:g}" for level in levels), "smallest log10 p", "holds"]
    rows = []
    for name, found in values.items():
        passed = [sum(one <= math.log10(level) + 1e-12 for one in found) for level in levels]
        low = [clopper_pearson(one, len(found), 0.98)[0] for one in passed]
        holds = all(a <= b for a, b in zip(low, levels, strict=True))
        cells = [f"{one} ({one / len(found):.1%})" for one in passed]
        rows.append([name, len(found), *cells, figure(min(found)), "yes" if holds else "ABOVE NOMINAL"])
    return table(heads, rows)


def by_test(done: Done) -> dict[str, list[float]]:
    """Log10 p of every test over cases, by its name."""
    found: dict[str, list[float]] = {}
    for _, result in done:
        for test in result["tests"]:
            p = test["log10_p_value"]
            found.setdefault(test["name"], []).append(-math.inf if p is None else p)
    return found


def per_case(done: Done, tests: dict[str, str]) -> str:
    """A row a case: log10 p of named tests (head to a part of the test's name), and the verdict."""
    rows = []
    for case, result in done:
        cells = [figure(log10_p(result, part)) for part in tests.values()]
        rows.append([case.name, case.expected, *cells, result["verdict"].split(" of ")[0]])
    return table(["case", "expected", *tests, "verdict at 1e-3"], rows)


def across_parents(done: Done, controls: Done, part: str) -> str:
    """A row a kind of change, a column a base: log10 p of one test; at the end the negative controls."""
    parents = list(dict.fromkeys(case.how["reference"].split("/")[-1] for case, _ in done))
    cells: dict[str, dict[str, str]] = {}
    for case, result in done:
        kind = case.suspect.split("-", 2)[2]
        kind = "6% of a layer's units" if kind.startswith(("units-12-", "units-8-")) else kind
        kind = "12% of a layer's units" if kind.startswith(("units-24-", "units-16-")) else kind
        kind = "25% of a layer's units" if kind.startswith(("units-48-", "units-32-")) else kind
        word = "" if seen(result) == case.expected else f" ({seen(result)})"
        parent = case.how["reference"].split("/")[-1]
        cells.setdefault(kind, {})[parent] = f"{figure(log10_p(result, part))}{word}"
    rows = [[kind, *(found.get(one, "") for one in parents)] for kind, found in cells.items()]
    least = [found for _, result in controls if (found := log10_p(result, part)) is not None]
    if least:
        said = f"{len(least)} pairs, smallest {figure(min(least))}"
        rows.append(["negative control: independent models", said, *("" for _ in parents[1:])])
    return table(["made out of a base", *parents], rows)
