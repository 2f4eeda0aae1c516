"""Tables of docs/attribution-benchmarks.md out of the results; each ends with its negative control."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attribution_results import LEVEL, Case, figure, log10_p, seen
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


def models(folder: Path) -> str:
    """What was trained, and its cross-entropy on texts that nothing was trained on."""
    kinds = {
        "bases, same texts and other seeds": [f"base-{one:02d}" for one in range(8)],
        "bases, other languages": [f"base-{one:02d}" for one in range(8, 16)],
        "bases, other widths": [f"base-{one:02d}" for one in range(16, 24)],
        "made out of bases": ["w-*", "n-*"],
        "students": ["student-k*", "student-t*", "student-w*", "student-p*", "student-sib*"],
    }
    rows = []
    for kind, names in kinds.items():
        found = [path for name in names for path in sorted(folder.glob(f"{name}/zoo.json"))]
        notes = [json.loads(path.read_text()) for path in found]
        nats = [float(one["held_out"]) for one in notes if "held_out" in one]
        minutes = sum(float(one["seconds"]) for one in notes) / 60
        if nats:
            rows.append([kind, len(notes), f"{min(nats):.2f} to {max(nats):.2f}", f"{minutes:.0f}"])
    return table(["models", "number", "nats a token, held out", "minutes to make"], rows)


def decided(result: dict[str, Any]) -> list[float]:
    """Log10 p of the deciding tests."""
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
        f"p <= {LEVEL:g}",
        "smallest log10 p",
    ]
    rows = []
    for name in dict.fromkeys(case.table for case, _ in done):
        mine = [(case, result) for case, result in done if case.table == name]
        words = [seen(result) for _, result in mine]
        expected = "; ".join(dict.fromkeys(case.expected for case, _ in mine))
        counts = [words.count(one) for one in ("shown", "not shown", "inconclusive", "refused")]
        least = [found for _, result in mine if (found := smallest(result)) is not None]
        low = sum(one <= math.log10(LEVEL) for one in least)
        rows.append([name, len(mine), expected, *counts, low, figure(min(least)) if least else ""])
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


def rates(values: dict[str, list[float]], levels: Sequence[float] = (0.05, 0.01, LEVEL)) -> str:
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
    """A row a case: log10 p of what decides, of named tests (head to a part of the name), and the verdict."""
    rows = []
    for case, result in done:
        cells = [figure(smallest(result)), *(figure(log10_p(result, part)) for part in tests.values())]
        rows.append([case.name, case.expected, *cells, result["verdict"].split(" of ")[0]])
    return table(["case", "expected", "log10 p", *tests, "verdict"], rows)


def across_parents(done: Done, controls: Done) -> str:
    """A row a kind of change, a column a base: Holm's log10 p; at the end the negative controls."""
    parents = list(dict.fromkeys(case.how["reference"].split("/")[-1] for case, _ in done))
    cells: dict[str, dict[str, str]] = {}
    for case, result in done:
        word = "" if seen(result) == case.expected else f" ({seen(result)})"
        parent = case.how["reference"].split("/")[-1]
        cells.setdefault(kind_of(case), {})[parent] = f"{figure(smallest(result))}{word}"
    rows = [[kind, *(found.get(one, "") for one in parents)] for kind, found in cells.items()]
    rows.append(_controls([smallest(result) for _, result in controls], len(parents)))
    return table(["made out of a base", *parents], rows)


def each_test(done: Done, controls: Done, tests: dict[str, str]) -> str:
    """A row a kind of change, a column a test (head to a part of its name); controls at the end."""
    rows = [
        [kind_of(case), *(figure(log10_p(result, part)) for part in tests.values()), seen(result)]
        for case, result in done
    ]
    last = [_controls([log10_p(result, part) for _, result in controls], 1) for part in tests.values()]
    rows.append([last[0][0], *(one[1] for one in last), ""] if last else [])
    return table(["made out of the reference", *tests, "verdict"], rows)


def kind_of(case: Case) -> str:
    """The change in words; counts of units, which differ by width, as shares."""
    kind = case.suspect.split("-", 2)[2]
    if not kind.startswith("units-") or "-of-" not in kind:
        return kind
    count, _, rest = kind.removeprefix("units-").partition("-of-")
    moved = ", moved to other places" if "moved" in rest else ""
    return f"{int(count) / int(rest.split('-')[0]):.0%} of one layer's units{moved}"


def _controls(found: Sequence[float | None], columns: int) -> list[str]:
    known = [one for one in found if one is not None]
    said = f"{figure(min(known))} at the least" if known else ""
    return [f"negative control: {len(known)} independent pairs", said, *([""] * (columns - 1))]
