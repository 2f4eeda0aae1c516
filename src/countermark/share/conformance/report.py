"""The report of a run: JSON under `spec/conformance-report.schema.json`, and a table for people."""

import textwrap
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from countermark import __version__
from countermark.share.conformance.runner import Run
from countermark.share.conformance.table import Result

SCHEMA = "countermark/share-conformance/v1"
STANDARD = "TAXII 2.1, OASIS Standard, 10 June 2021"
WIDTH = 80
_WORDS = {
    "pass": "pass",
    "fail": "FAIL",
    "warn": "warn",
    "not-applicable": "n/a",
    "undetermined": "UNDETERMINED",
}


def as_report(run: Run) -> dict[str, Any]:
    """The report without its `schema`."""
    counts: dict[str, dict[str, int]] = {}
    for one in run.results:
        of_level = counts.setdefault(one.check.level, dict.fromkeys(_WORDS, 0))
        of_level[one.outcome] += 1
    return {
        "standard": STANDARD,
        "kit": __version__,
        "server": run.server,
        "api_root": run.api_root,
        "collection": run.collection,
        "read_only": run.read_only,
        "started": _time(run.started),
        "finished": _time(run.finished or run.started),
        "requests": run.requests,
        "counts": counts,
        "left_behind": run.left_behind,
        "checks": [_entry(one) for one in run.results],
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _entry(one: Result) -> dict[str, Any]:
    return {
        "id": one.check.id,
        "section": one.check.section,
        "level": one.check.level,
        "sentence": one.check.sentence,
        "rows": list(one.check.rows),
        "outcome": one.outcome,
        "reason": one.reason,
        "exchanges": one.exchanges,
    }


def as_lines(run: Run) -> list[str]:
    """A table of at most 80 columns: what is not a pass with its reason, and the counts."""
    lines = [f"{'outcome':<13}{'level':<10}{'check'}"]
    for one in run.results:
        lines.append(f"{_WORDS[one.outcome]:<13}{one.check.level:<10}{one.check.id}")
        if one.outcome in ("fail", "warn", "undetermined"):
            lines += _indented(one.check.sentence) + _indented(f"seen: {one.reason}")
    lines.append("")
    for level in ("must", "inferred", "should", "open"):
        found = Counter(one.outcome for one in run.results if one.check.level == level)
        parts = [f"{number} {_WORDS[outcome]}" for outcome, number in sorted(found.items())]
        if parts:
            lines.append(f"{level:<10}{', '.join(parts)}")
    return lines


def _indented(text: str) -> list[str]:
    margin = " " * 4
    return textwrap.wrap(
        text, WIDTH, initial_indent=margin, subsequent_indent=margin + "  ", break_on_hyphens=False
    )
