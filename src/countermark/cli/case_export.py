"""`countermark case export`: custody records in the form that other tools read."""

from pathlib import Path
from typing import Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note
from countermark.errors import Error, ExitCode

EXPORT_SCHEMA_ID = "countermark/case-export/v1"
_CASE_UCO = "case-uco"


def export(
    source: Annotated[
        Path, typer.Argument(metavar="PACKAGE|CASE", help="An evidence package, or a case folder.")
    ],
    form: Annotated[str, typer.Option("--format", help="case-uco: a CASE/UCO graph in JSON-LD.")] = _CASE_UCO,
    out: Annotated[Path | None, typer.Option("--out", help="File for it; else it is printed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write who acquired, held and handled the evidence as a CASE/UCO graph.

    A package must be whole (exit 20): whose it is, countermark verify says. What was taken out is left out.
    """
    from countermark.prove.custody.case_uco import case_uco
    from countermark.records.canonical import sha256_hex
    from countermark.records.files import write_atomic

    if form != _CASE_UCO:
        raise Error(f"there is no format {form!r}", hint=f"--format {_CASE_UCO}", exit_code=ExitCode.USAGE)
    if as_json and out is None:
        hint = "--out FILE takes the graph, which is JSON itself"
        raise Error("--json says what was written to --out", hint=hint, exit_code=ExitCode.USAGE)
    case_id, custody, software = _records(source)
    data = case_uco(case_id, custody, software)
    if out is None:
        emit(data.decode().rstrip("\n"))
        return
    write_atomic(out, data)
    if as_json:
        fields = {"case_id": case_id, "format": form, "out": str(out), "sha256": sha256_hex(data)}
        emit_json(EXPORT_SCHEMA_ID, fields)
        return
    emit(f"custody of case {case_id} in {out}")
    note(f"check it: case_validate {out}")


def _records(source: Path) -> tuple[str, Any, dict[str, str]]:
    """Case id, custody, and the versions of what sealed it."""
    from countermark.prove.case_folder.workspace import Workspace
    from countermark.prove.case_folder.workspace_state import STATE_FILE

    if (source / STATE_FILE).is_file():
        workspace = Workspace.open(source)
        return workspace.state.case_id, workspace.custody, {}
    return _sealed_records(source)


def _sealed_records(package: Path) -> tuple[str, Any, dict[str, str]]:
    from countermark.prove.custody.custody import decode_custody
    from countermark.prove.package.case import decode_case
    from countermark.prove.package.layout import CASE, data_of
    from countermark.prove.package.reading import check_is_package, read_package
    from countermark.prove.verifying.verify import verify

    check_is_package(package)
    verification = verify(package, None, None)
    if verification.verdict == "FAILED":
        step = next(one for one in verification.steps if one.outcome == "FAILED")
        hint = f"countermark verify {package}"
        message = f"{package} does not verify: {step.name}: {step.detail}"
        raise Error(message, hint=hint, exit_code=ExitCode.VERIFICATION_FAILED)
    _, contents = read_package(package)
    case = decode_case(data_of(contents, CASE))
    redacted = "attestations/redaction.dsse.json" in contents
    custody = decode_custody(data_of(contents, "data/custody.json"), redacted=redacted)
    return case.case_id, custody, case.software
