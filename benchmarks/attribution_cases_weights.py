"""Cases of lineage: weights out of three bases, hard negatives, and the null on independent pairs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attribution_plan_weights import PARENTS, shape_of
from attribution_results import Case, Results, examined

POSITIVES, NEGATIVES, NULL = "positives", "hard negatives", "null"
KINDS = (
    "tuned-light",
    "tuned-heavy",
    "lora",
    "merged",
    "int8",
    "int4",
    "pruned-30",
    "pruned-50",
    "pruned-70",
    "units-pruned-25",
    "permuted",
    "rotated",
    "alien-50",
    "alien-30",
    "alien-10",
)
MADE_FROM_OURS = "made from the same weights"
NOT_INDEPENDENT = (
    "not initialised independently: the null does not hold, and the answer names the explanation"
)


def positives() -> Iterator[Case]:
    """Everything that was made out of a base."""
    for parent in PARENTS:
        tag, units = parent[-2:], shape_of(int(parent[-2:])).get("mlp", 192)
        counts = (units // 16, units // 8, units // 4)
        shares = [f"units-{count}-of-{units}{moved}" for count in counts for moved in ("", "-moved")]
        for kind in (*KINDS, *shares):
            yield _case(POSITIVES, parent, f"w-{tag}-{kind}", "shown")
        yield _case(POSITIVES, parent, f"w-{tag}-distilled", "not shown")


def negatives() -> Iterator[Case]:
    """Models that are not made out of the reference."""
    for source in (5, 6, 7):
        yield _case("same seed", "base-00", f"n-same-seed-{source}", "shown")
    for one, two in (("00", "01"), ("00", "09"), ("01", "02"), ("02", "04")):
        yield _case("both sorted by norm", f"n-sorted-{one}", f"n-sorted-{two}", "inconclusive")
    for one in ("01", "02", "09"):
        yield _case("suspect sorted by norm", "base-00", f"n-sorted-{one}", "not shown")
    yield _case("siblings of a public base", "n-sibling-0", "n-sibling-1", "shown")
    yield _case("siblings of a public base", "n-sibling-1", "n-sibling-0", "shown")
    for one in range(8):
        for two in range(one + 1, 8):
            yield _case("same data, other seed", f"base-{one:02d}", f"base-{two:02d}", "not shown")
    for two in range(8, 16):
        yield _case("other data", "base-00", f"base-{two:02d}", "not shown")
    for first in (16, 17):
        for two in range(first + 2, 24, 2):
            yield _case("same data, other seed", f"base-{first}", f"base-{two}", "not shown")
    for two in range(16, 24):
        yield _case("other width", "base-00", f"base-{two}", "refused")
    for name in ("k1-100-scratch", "k2-100-scratch", "k0-a-scratch", "k1-100-other"):
        yield _case("student of our texts", "base-00", f"student-{name}", "not shown")


def _case(table: str, reference: str, suspect: str, expected: str) -> Case:
    name = f"{reference} against {suspect}"
    return Case(table, name, f"models/{suspect}", expected, {"reference": f"models/{reference}"})


def null_pairs(zoo: Any) -> Iterator[Case]:
    """Independent tiny pairs that are there."""
    for folder in sorted(zoo.path("pairs").glob("[0-9]*")):
        reference = f"pairs/{folder.name}/a"
        yield Case(NULL, folder.name, f"pairs/{folder.name}/b", "not shown", {"reference": reference})


def run(zoo: Any, results: Results, cases: Iterator[Case]) -> list[tuple[Case, dict[str, Any]]]:
    """Every case whose models are there."""
    from countermark.attribute.lineage import Lineage

    def compute(case: Case) -> dict[str, Any]:
        reference: Path = zoo.path(case.how["reference"])
        return examined(Lineage(reference), zoo.path(case.suspect))

    return [
        (case, results.get("lineage", f"{case.table}/{case.name}", lambda case=case: compute(case)))
        for case in cases
        if zoo.has(case.suspect) and zoo.has(case.how["reference"])
    ]
