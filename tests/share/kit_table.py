"""The table of checks in docs/conformance.md; run as a program it writes it."""

from pathlib import Path

from countermark.share.conformance import CHECKS

PAGE = Path(__file__).parents[2] / "docs/conformance.md"
MARK = "<!-- checks -->\n"


def table() -> str:
    """One row for each check."""
    lines = ["| Check | Level | Sentence | No. |", "|---|---|---|---|"]
    for one in CHECKS.values():
        name = f"{one.id} *" if one.writes else one.id
        sentence = one.sentence.replace("|", "\\|").replace("*", "\\*")
        lines.append(f"| {name} | {one.level} | {sentence} | {', '.join(map(str, one.rows))} |")
    count = len(CHECKS)
    return "\n".join(
        [*lines, "", f"{count} checks. `*`: it adds objects, and `--read-only` leaves it out.", ""]
    )


if __name__ == "__main__":
    before = PAGE.read_text().partition(MARK)[0]
    PAGE.write_text(f"{before}{MARK}\n{table()}")
