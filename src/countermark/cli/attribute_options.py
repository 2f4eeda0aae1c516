"""What the verbs of `attribute` share: suspect, controls, level, folder, the options of a run in a case."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.cli.watermark_case import check_alpha
from countermark.errors import ExitCode

if TYPE_CHECKING:
    from countermark.attribute.base import Attributor
    from countermark.flow.case_runs import InCase
    from countermark.records.attributions import Attribution
    from countermark.trust.committed_seeds import SeedSource
    from countermark.trust.keyfiles import Secret
    from countermark.watermark.profile import Profile

WIDTH = 80
Out = Annotated[Path, typer.Option("--out", help="Folder for attribution.json and the pictures.")]
Controls = Annotated[
    list[Path] | None,
    typer.Option("--control", help="Negative control: a suspect known to satisfy the null; repeatable."),
]
Alpha = Annotated[float, typer.Option("--alpha", help="Family-wise error rate, Holm over the matter.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def finish(
    attributor: "Attributor",
    suspect: Path,
    *,
    controls: list[Path] | None,
    out: Path,
    alpha: float,
    case: "InCase",
    seed: "SeedSource",
    family: int = 1,
    uses: "Sequence[tuple[Profile, Secret]]" = (),
    as_json: bool,
    no_exit_codes: bool,
) -> int:
    """Run an attribution, say what came out, and give the exit code: 0 nothing shown, 10 shown, 11
    inconclusive."""
    check_alpha(alpha)
    from countermark.flow.attributions import AttributionOptions, attribute

    options = AttributionOptions(
        suspect=suspect,
        out=out,
        controls=controls or [],
        alpha=alpha,
        family=family,
        uses=uses,
        case=case,
        seed=seed,
    )
    with progress(f"attribute {attributor.name}") as bar:
        record = attribute(attributor, options, bar)
    if as_json:
        emit_json(record.schema, _fields(record))
    else:
        _tell(record)
    note(f"attribution.json and pictures in {out}")
    if no_exit_codes:
        return ExitCode.DONE
    if record.verdict == "inconclusive":
        return ExitCode.INCONCLUSIVE
    return ExitCode.FOUND if record.verdict.startswith(attributor.positive) else ExitCode.DONE


def _fields(record: "Attribution") -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(record)
    fields.pop("schema")
    return fields


def _tell(record: "Attribution") -> None:
    """At most 80 columns but for names."""
    domain = f" (not validated here: {', '.join(record.not_validated)})" if record.not_validated else ""
    emit(_wrapped(f"verdict: {record.verdict}{domain}", ""))
    for reason in record.reasons:
        emit(_wrapped(f"because {reason}"))
    for one in record.conclusions:
        emit(_wrapped(f"{one.subject}: {one.reported} after Holm over {record.family:,}"))
    _tell_tests(record)
    _tell_controls(record)
    _tell_seed(record)
    if record.minimum_detectable:
        shown = ", ".join(f"{name} {_short(value)}" for name, value in record.minimum_detectable.items())
        emit(_wrapped(f"smallest that could have been shown: {shown}"))
    note("a low p-value names neither a source nor a cause; other explanations:")
    for explanation in record.other_explanations:
        note(_wrapped(f"- {explanation}"))


def _tell_tests(record: "Attribution") -> None:
    """Those that decide, each null once, then those for information."""
    deciding = [test for test in record.tests if test.decides]
    for test in deciding:
        emit(_wrapped(f"{test.name}: {test.reported}, n = {test.n:,}"))
    for null in dict.fromkeys(test.null for test in deciding):
        emit(_wrapped(f"null: {null}", "    "))
    for test in record.tests:
        if not test.decides:
            figure = test.reported if test.calibrated_to < 1 else "not calibrated"
            emit(_wrapped(f"for information: {test.name}: {figure}, n = {test.n:,}"))


def _wrapped(text: str, indent: str = "  ") -> str:
    return textwrap.fill(
        printable(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _tell_controls(record: "Attribution") -> None:
    tested = [one for one in record.controls if not one.problem]
    least = min((test.p_value for one in tested for test in one.tests if test.decides), default=None)
    if least is None:
        emit("  no negative control was tested")
    else:
        emit(f"  negative controls: {len(tested)} tested, smallest p = {least:.2g}")
    for one in record.controls:
        if one.problem:
            emit(_wrapped(f"control {one.name} not tested: {one.problem}"))


def _tell_seed(record: "Attribution") -> None:
    """Where random draws came from; why that was not shown stands among the reasons."""
    from countermark.records.attributions import NOTHING_DRAWN, SEED_SOURCE

    source = record.parameters[SEED_SOURCE]
    if source["source"] == NOTHING_DRAWN:
        emit(_wrapped(NOTHING_DRAWN))
    elif not record.case_run or "entry" in source:
        emit(_wrapped(f"random draws from {source['source']}: {source['committed']}"))


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
