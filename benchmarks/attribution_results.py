"""Results of the attribution benchmark, one JSON file a case, kept until they are asked for `--again`."""

import hashlib
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from countermark.attribute.base import Attributor
from countermark.attribute.verdict import conclude
from countermark.errors import Error

ALPHA, LEVEL = 1e-2, 1e-3
"""Level of verdicts (the verb's own), and the one at which computed p-values are counted beside."""
SOURCE = Path(__file__).parents[1] / "src" / "countermark"


@dataclass(frozen=True)
class Case:
    """One suspect under one attributor."""

    table: str
    name: str
    suspect: str
    """Path in the zoo."""
    expected: str
    """`shown`, `not shown`, `inconclusive`, `refused`, or what is only reported: `reported`."""
    how: dict[str, Any]
    """Reference, keys, setting: whatever makes the attributor."""


class Results:
    """A folder of the cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, part: str, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a case, computed where it is not there yet."""
        path = self._folder / part / f"{name.replace('/', '~').replace(' ', '-')}.json"
        if path.exists():
            return json.loads(path.read_text())  # type: ignore[no-any-return]
        started = time.monotonic()
        result = compute()
        result |= {"seconds": round(time.monotonic() - started, 1), "source": source_digest()}
        path.parent.mkdir(parents=True, exist_ok=True)
        part_path = path.with_suffix(".partial")
        part_path.write_text(json.dumps(result, indent=1))
        part_path.rename(path)
        print(time.strftime("%H:%M:%S"), part, name, said(result), file=sys.stderr, flush=True)
        return result


def examined(attributor: Attributor, suspect: Path, family: int = 1) -> dict[str, Any]:
    """Tests and verdict of one suspect; an `Error` is a result, too."""
    try:
        found = attributor.examine(suspect)
    except Error as error:
        return {"verdict": "refused", "reasons": [error.message], "tests": [], "minimum_detectable": {}}
    verdict = conclude(attributor, found, [], alpha=ALPHA, family=family, in_case=False)
    return {
        "verdict": verdict.words,
        "reasons": verdict.reasons,
        "conclusions": msgspec.to_builtins(verdict.conclusions),
        "tests": msgspec.to_builtins(found.tests),
        "minimum_detectable": msgspec.to_builtins(found.minimum_detectable),
        "properties": msgspec.to_builtins(found.properties),
        "parameters": msgspec.to_builtins(found.parameters),
        "not_validated": attributor.domain.outside(found.properties),
    }


def seen(result: dict[str, Any]) -> str:
    """The verdict in the words of `Case.expected`."""
    words = result["verdict"]
    if words.startswith(("not shown", "no difference")):
        return "not shown"
    return words if words in ("inconclusive", "refused") else "shown"


def log10_p(result: dict[str, Any], name: str, subject: str = "") -> float | None:
    """Of the first test whose name holds `name`; of an outcome that the null cannot give, minus infinity."""
    for test in result["tests"]:
        if name in test["name"] and (not subject or test["subject"] == subject):
            found = test["log10_p_value"]
            return -math.inf if found is None else found
    return None


def figure(value: float | None) -> str:
    """A log10 p as a table shows it."""
    if value is None:
        return ""
    return f"{value:.1f}" if math.isfinite(value) else "none under the null"


def said(result: dict[str, Any]) -> str:
    """One line of a result, for the log."""
    tests = [f"{one['name'][-30:]} {figure(one['log10_p_value'])}" for one in result.get("tests", [])]
    return f"{result.get('verdict', '')} | {'; '.join(tests[:6])} | {result['seconds']} s"


def source_digest() -> str:
    """Of all source that a result depends on."""
    digest = hashlib.sha256()
    for part in ("attribute", "models", "stats", "watermark"):
        for path in sorted((SOURCE / part).rglob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]
