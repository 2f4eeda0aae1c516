"""`countermark case damages`: sums out of sourced inputs, as a workbook and as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, keep_inputs, note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.prove.damages.reckon import Damages


def damages(
    inputs: Annotated[
        Path | None, typer.Argument(metavar="[INPUTS]", help="The inputs, each with its source.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The workbook (XLSX), or the empty file of --template.")
    ] = None,
    template: Annotated[
        bool, typer.Option("--template", help="Write an empty file of inputs, with its questions.")
    ] = False,
    case: Annotated[str, typer.Option("--case", help="With --template: the case id.")] = "CASE",
    currency: Annotated[
        str, typer.Option("--currency", help="With --template: three letters (ISO 4217).")
    ] = "USD",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Reckon the damage from inputs; what is empty stays an open question."""
    if template:
        if inputs is not None or as_json:
            raise Error("--template takes no inputs and prints no JSON", exit_code=ExitCode.USAGE)
        _template(out, case, currency)
        return
    if inputs is None:
        hint = "case damages --template --out INPUTS.yaml writes an empty one"
        raise Error("a file of inputs is missing", hint=hint, exit_code=ExitCode.USAGE)
    from countermark.prove.damages.inputs import read_inputs
    from countermark.prove.damages.plain import DAMAGES_SCHEMA_ID, to_dict
    from countermark.prove.damages.reckon import reckon
    from countermark.prove.damages.workbook import write_workbook

    keep_inputs(out, inputs)
    sums = reckon(read_inputs(inputs))
    if out:
        write_workbook(sums, out)
        note(f"workbook in {out}")
    if as_json:
        emit_json(DAMAGES_SCHEMA_ID, to_dict(sums))
    else:
        for line in _lines(sums):
            emit(printable(line))


def _template(out: Path | None, case: str, currency: str) -> None:
    """An empty file, that reads as it is; raises `Error(USAGE)` where one is there already."""
    from datetime import UTC, datetime

    from countermark.prove.damages.inputs import DamagesInputs
    from countermark.prove.damages.template import template
    from countermark.records.files import write_atomic
    from countermark.records.strict_yaml import parse

    if out is None:
        raise Error("--template needs --out", exit_code=ExitCode.USAGE)
    if out.exists():
        hint = "it may hold figures; give another name"
        raise Error(f"{out} is there already", hint=hint, exit_code=ExitCode.USAGE)
    text = template(case, currency, datetime.now(UTC).date().isoformat()).encode()
    try:
        parse(text, DamagesInputs, "the template", "docs/damages.md")
    except Error as error:
        hint = "--case is one plain line, --currency three capital letters"
        raise Error(error.message, hint=hint, exit_code=ExitCode.USAGE) from error
    write_atomic(out, text)
    note(f"empty inputs in {out}; docs/damages.md says how to fill them")


def _lines(sums: "Damages") -> list[str]:
    from countermark.prove.damages.plain import range_texts

    lines = [f"{sums.inputs.case}: measures in {sums.inputs.currency}, alternatives, never added"]
    for one in sums.measures:
        low, value, high = range_texts(one.known)
        sums_up = "open" if one.known is None else f"{value} ({low} to {high}), {one.state}"
        lines.append(f"  {one.measure.title}: {sums_up}")
        lines += [f"    open: {sums.heads[name].head.title}" for name in one.open_heads]
    lines += [f"  question: {one.form.question}" for one in sums.questions]
    return lines
