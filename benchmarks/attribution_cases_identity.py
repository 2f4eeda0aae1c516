"""Cases of identity: an endpoint that is ours, ours but changed, or another."""

from collections.abc import Iterator
from typing import Any

from attribution_results import ALPHA, Case, Results, examined

SEVERAL, LOCAL, BETS = "two transcripts", "a folder that is run here", "anytime-valid"
SAME = ("same-b", "w-00-permuted", "w-00-rotated")
"""These compute what ours computes."""
CHANGED = (
    "w-00-int8",
    "w-00-int4",
    "w-00-pruned-30",
    "w-00-tuned-light",
    "w-00-lora",
    "w-00-tuned-heavy",
    "base-01",
    "student-k0-a-scratch",
    "student-k1-100-scratch",
)
FOLDERS = ("base-00", "base-01", "student-k0-a-scratch", "student-k1-100-scratch", "base-08")


def cases() -> Iterator[Case]:
    """What differs too little to be seen at this size is only reported."""
    for table, how in ((SEVERAL, {}), (BETS, {"sequential": True})):
        for name in (*SAME, *CHANGED):
            slight = name in CHANGED[:5] or table == BETS
            expected = "not shown" if name in SAME and table != BETS else "reported" if slight else "shown"
            where = {"reference": "suspects/same-a-repeated/answers.jsonl", **how}
            yield Case(table, name, f"suspects/{name}-repeated/answers.jsonl", expected, where)
    for name in FOLDERS:
        expected = "not shown" if name == "base-00" else "shown"
        yield Case(
            LOCAL, name, f"suspects/{name}-25k/answers.jsonl", expected, {"reference": "models/base-00"}
        )


def run(zoo: Any, results: Results) -> list[tuple[Case, dict[str, Any]]]:
    """Every case whose files are there."""
    from countermark.attribute.identity import Identity

    def compute(case: Case) -> dict[str, Any]:
        sequential = bool(case.how.get("sequential"))
        made = Identity(zoo.path(case.how["reference"]), alpha=ALPHA, sequential=sequential)
        return examined(made, zoo.path(case.suspect))

    return [
        (case, results.get("identity", f"{case.table}/{case.name}", lambda case=case: compute(case)))
        for case in cases()
        if zoo.has(case.suspect) and zoo.has(case.how["reference"])
    ]
