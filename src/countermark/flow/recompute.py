"""`verify --recompute`: run again what a package holds the inputs of, and compare to the declared precision.

What cannot be run again is said with the reason and is no failure; what comes out different is one.
"""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from countermark.errors import Error, ExitCode
from countermark.flow.answers import Answer
from countermark.flow.closeness import PRECISION
from countermark.flow.recompute_attributions import recompute_attribution
from countermark.flow.recompute_detect import recompute_detect
from countermark.flow.recompute_inputs import Inputs
from countermark.flow.recompute_scan import recompute_scan
from countermark.flow.recompute_tables import recompute_tables
from countermark.prove.beforehand.log_view import LogView
from countermark.prove.package.layout import (
    ATTRIBUTIONS,
    FINDINGS_JSON,
    METHOD_JSON,
    SCAN_JSON,
    Contents,
    data_of,
    read_object,
)
from countermark.prove.package.reading import check_is_package, read_package
from countermark.prove.package.tables import ACCEPTANCES
from countermark.records.environment import environment
from countermark.store.database import DEFAULT_MEMORY

ProgressCall = Callable[[float, float], None]
MOST_OTHERS = 3
"""Decisions that do not pass and are printed; JSON has all."""


def recompute(
    package: Path,
    *,
    key_files: Sequence[Path] = (),
    key_pool: Path | None = None,
    inputs: Mapping[str, Path] | None = None,
    seed_file: Path | None = None,
    log: LogView | None = None,
    memory: str = DEFAULT_MEMORY,
    progress: ProgressCall = lambda _done, _total: None,
) -> Answer:
    """Recompute detection, tables, attributions and the scan of a package that was verified before.

    `inputs` are files and folders that the package has digests of only: `suspect`, `reference`, `control-1`,
    …, each told by its digest; `profile…`, `canaries`, `corpus` and `allow` by their names. `log` is that of
    the package, once it was checked. Raises `Error` for files that cannot be read; what differs is in the
    answer.
    """
    named = dict(inputs or {})
    given = Inputs(named, key_files, key_pool, seed_file, log)
    check_is_package(package)
    _, contents = read_package(package)
    answer = Answer()
    answer.say("precision", True, PRECISION)
    with tempfile.TemporaryDirectory(prefix="countermark-") as work:
        try:
            recompute_detect(contents, answer, Path(work), named.get("allow"), memory, progress)
            recompute_tables(contents, answer, Path(work))
        except Error as error:
            if error.exit_code not in (ExitCode.VERIFICATION_FAILED, ExitCode.NO_INPUT):
                raise
            answer.say("computation", False, error.message)
        if SCAN_JSON in contents:
            recompute_scan(contents, given, answer, Path(work), progress)
    numbers = sorted(
        int(name.split("/")[2])
        for name in contents
        if name.startswith(ATTRIBUTIONS) and name.endswith("/attribution.json")
    )
    for number in numbers:
        recompute_attribution(contents, number, given, answer, progress)
    answer.say("capture", True, "not run again here: the package holds no raw logs (--from-raw HELD)")
    if ACCEPTANCES in contents:
        answer.say("acceptances.jsonl", True, "not recomputed: the provider's own record, and no computation")
    answer.environment |= _environments(contents)
    answer.margins = _margins(contents, numbers)
    return answer


def _document(contents: Contents, name: str) -> dict[str, Any]:
    return read_object(data_of(contents, name), name) if name in contents else {}


def _environments(contents: Contents) -> dict[str, Any]:
    """This process's environment, and the one that `method.json` recorded."""
    recorded = _document(contents, METHOD_JSON).get("environment")
    recorded = recorded if isinstance(recorded, dict) else {}
    packages = recorded.get("packages")
    names = sorted(packages) if isinstance(packages, dict) else []
    here = environment() | {"packages": {name: _version(name) for name in names}}
    return {"here": here, "recorded": recorded, "same": _same(here, recorded)}


def _same(here: dict[str, Any], recorded: dict[str, Any]) -> bool:
    return bool(recorded) and all(here.get(name) == value for name, value in recorded.items())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _margins(contents: Contents, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """How far each decision lies from its threshold, in log10: below zero it passes."""
    findings, method = _document(contents, FINDINGS_JSON), _document(contents, METHOD_JSON)
    margins = []
    fdr = findings.get("fdr")
    detection = method.get("detection")
    candidates = detection.get("candidates") if isinstance(detection, dict) else None
    for place, one in enumerate(candidates if isinstance(candidates, list) else [], 1):
        if isinstance(one, dict):
            what = f"detect, candidate {place}, {one.get('accounts')} accounts"
            margins.append(_margin(what, "q against fdr", one.get("log10_q"), fdr, one.get("passed")))
    scan = _document(contents, SCAN_JSON)
    for one in scan.get("pooled") or []:
        if isinstance(one, dict):
            what = f"scan, whole corpus, {one.get('scored_tokens')} tokens"
            log10 = one.get("adjusted_log10_p_value")
            margins.append(_margin(what, "p against alpha", log10, scan.get("alpha"), one.get("passes")))
    for number in numbers:
        record = _document(contents, f"{ATTRIBUTIONS}{number}/attribution.json")
        for one in record.get("conclusions") or []:
            if isinstance(one, dict):
                what = f"attribute-{number}, {one.get('subject')}"
                log10 = one.get("adjusted_log10_p_value")
                passed = str(one.get("verdict")).startswith(
                    ("not independent", "weights not", "not identical")
                )
                margins.append(_margin(what, "p against alpha", log10, record.get("alpha"), passed))
    return margins


def _margin(what: str, of: str, log10: Any, threshold: Any, passed: Any) -> dict[str, Any]:
    known = isinstance(log10, int | float) and isinstance(threshold, int | float) and threshold > 0
    return {
        "decision": what,
        "of": of,
        "log10": log10,
        "log10_threshold": round(math.log10(threshold), 6) if known else None,
        "margin": round(log10 - math.log10(threshold), 6) if known else None,
        "passed": passed,
    }


def environment_lines(answer: Answer) -> list[str]:
    """The environment and the margins in words, for a terminal."""
    here, recorded = answer.environment.get("here", {}), answer.environment.get("recorded", {})
    lines = [f"environment here      {_environment(here)}", f"environment recorded  {_environment(recorded)}"]
    for name, made in answer.environment.get("attributions", {}).items():
        told = "as here" if made["same"] else _software(made["recorded"])
        lines.append(f"environment {name}  {told}")
    for one in _telling(answer.margins):
        lines.append(f"margin {one['decision']}: {one['of']}, {_side(one['margin'])}")
    return lines


def _side(margin: float | None) -> str:
    if margin is None:
        return "beyond any float"
    return f"{abs(margin):.2f} {'below' if margin <= 0 else 'above'} in log10"


def _telling(margins: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every decision that passes, and those that do not but came nearest."""
    passed = [one for one in margins if one["passed"] or one["margin"] is None]
    others = [one for one in margins if one not in passed]
    return passed + sorted(others, key=lambda one: float(one["margin"]))[:MOST_OTHERS]


def _software(told: dict[str, str]) -> str:
    """That of an attribution, in the form of the others."""
    own = ("python", "machine", "environment_sha256")
    packages = {name: text for name, text in told.items() if name not in (*own, "cpu_flags")}
    flags = told.get("cpu_flags", "").split()
    return _environment({name: told.get(name) for name in own} | {"cpu_flags": flags, "packages": packages})


def _environment(told: dict[str, Any]) -> str:
    packages = told.get("packages") or {}
    versions = ", ".join(f"{name} {packages[name]}" for name in sorted(packages))
    digest = str(told.get("environment_sha256") or "not recorded")[:16]
    flags = " ".join(told.get("cpu_flags") or ["not recorded"])
    return f"Python {told.get('python')}, {told.get('machine')} ({flags}), lock {digest}; {versions}"
