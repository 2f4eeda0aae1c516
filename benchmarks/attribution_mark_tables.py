"""Tables of radioactivity out of the results."""

from typing import Any

from attribution_results import figure, log10_p, seen
from attribution_tables import Done
from tables import table

PLAIN, WEIGHTED = "closed, plain", "closed, reference-weighted"
OPEN = "open, reference-weighted"


def shares(done: Done) -> str:
    """A row a student: own key and wrong key, text alone and with logits."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for case, result in done:
        kind = str(case.how["tokens"]) + (", wrong" if "wrong" in case.table else "")
        found.setdefault(str(case.how["model"]), {})[kind] = result
    rows = []
    for model, results in found.items():
        width, share, start = model.removeprefix("student-k").split("-")
        row = [width, f"{int(share)}%", start]
        for kind, name in (("25k", PLAIN), ("25k", WEIGHTED), ("logits", OPEN)):
            row.append(figure(log10_p(results[kind], name)) if kind in results else "")
        for name in (PLAIN, WEIGHTED):
            row.append(figure(log10_p(results["250k"], name)) if "250k" in results else "")
        for kind, name in (("25k, wrong", WEIGHTED), ("logits, wrong", OPEN)):
            row.append(figure(log10_p(results[kind], name)) if kind in results else "")
        rows.append(row)
    heads = ["k", "marked share", "student", "25,000 tokens, plain", "reference-weighted", "with logits"]
    heads += ["250,000 tokens, plain", "reference-weighted", "wrong key, 25,000, weighted", "with logits"]
    return table(heads, rows)


def keys(done: Done) -> str:
    """A row a student: log10 p under every key that was asked for."""
    rows = []
    for case, result in done:
        named = zip(
            case.how["keys"], dict.fromkeys(test["subject"] for test in result["tests"]), strict=False
        )
        kind = OPEN if case.how["setting"] == "open" else WEIGHTED
        cells = [f"{teacher}: {figure(log10_p(result, kind, subject))}" for (teacher, _), subject in named]
        passed = [
            one for one in result.get("conclusions", []) if one["verdict"].startswith("not independent")
        ]
        width = case.how["keys"][0][1]
        title = f"{case.how['model'].removeprefix('student-')}, {case.how['tokens']}, keys of k={width}"
        rows.append([title, ", ".join(cells), f"{len(passed)} of {len(case.how['keys'])}"])
    return table(["student", "log10 p by key", "keys named"], rows)


def each(done: Done) -> str:
    """A row a case."""
    rows = []
    for case, result in done:
        names = (OPEN,) if case.how["setting"] == "open" else (PLAIN, WEIGHTED)
        cells = [figure(log10_p(result, name)) for name in names]
        cells = ["", "", *cells] if len(cells) == 1 else [*cells, ""]
        key = "+".join(f"{teacher}, k={width}" for teacher, width in case.how["keys"])
        title = f"{case.how['model'].removeprefix('student-')}, {case.how['tokens']}"
        rows.append([title, key, *cells, case.expected, seen(result)])
    return table(["suspect", "key", "plain", "reference-weighted", "with logits", "expected", "seen"], rows)
