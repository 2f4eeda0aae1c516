"""Writes the vectors of identifiers from this project's implementation.

    python vectors/generators/make_identifiers.py

vectors/identifiers/README.md says what they hold. The inputs and, for each, the value or that there is none
stand here by hand, from spec/identifiers.md: the implementation is checked against them before it frames.
"""

import json
from pathlib import Path

from countermark.share.item_values import Unfit
from countermark.share.overlap.identifiers import IDENTIFIER_KINDS, REFUSED_KINDS, canonical_identifier, rules
from countermark.share.overlap.padding import padded_size
from countermark.share.overlap.planted import planted_items

HERE = Path(__file__).parent.parent / "identifiers"
CASES = Path(__file__).parent / "identifier_cases.json"
SIZES = (0, 1, 923, 924, 925, 1_052, 1_053, 24_000, 100_000, 999_900, 1_000_000, 2_000_000, 2_097_052)
RUNS = (
    ("2026-11-a", "Provider A", "Provider B"),
    ("2026-11-a", "Provider B", "Provider A"),
    ("r", "\U0001f512", "\uff5a"),
    ("r", 'quote"back\\slash', "tab\tnul\x00"),
)
"""The third: order by UTF-8 is not order by UTF-16."""


def write(name: str, value: object) -> None:
    """One JSON file, an entry a line."""
    entries = ",\n".join("  " + json.dumps(entry) for entry in value)
    (HERE / f"{name}.json").write_text("[\n" + entries + "\n]\n")


def entry(kind: str, case: dict) -> dict:
    """A case with its item; an error where the implementation gives another value."""
    try:
        item = canonical_identifier(kind, case["input"])
        value = item.split(b"\0", 2)[2].decode()
    except Unfit:
        item, value = None, None
    if value != case["value"]:
        raise SystemExit(f"{kind} {case['input']!a}: {value!a}, by hand {case['value']!a}")
    return {**case, "item": None if item is None else item.hex()}


def main() -> None:
    """Write every file."""
    HERE.mkdir(exist_ok=True)
    cases = json.loads(CASES.read_text())
    for kind in IDENTIFIER_KINDS:
        write(kind, [entry(kind, case) for case in cases[kind]])
    write("kinds", [{"kind": kind, "refused": True} for kind in (*REFUSED_KINDS, "planted", "Email", "")])
    runs = [(run, planted_items(*run)) for run in RUNS]
    write(
        "planted",
        [
            {**dict(zip(("run", "member", "peer"), run, strict=True)), "items": [one.hex() for one in shown]}
            for run, items in runs
            for shown in [(items[0], items[1], items[-1])]
        ],
    )
    write("padding", [{"items": size, "points": padded_size(size)} for size in SIZES])
    write("rules", [rules()])


if __name__ == "__main__":
    main()
