"""`countermark case open`: make a case folder, or finish what a killed run left in one."""

from pathlib import Path
from typing import Annotated

import typer

from countermark.cli.output import emit, emit_json, note

OPEN_SCHEMA_ID = "countermark/case-open/v1"


def open_(
    folder: Annotated[Path, typer.Argument(metavar="CASE", help="Folder of the case, made when missing.")],
    case_id: Annotated[str, typer.Option("--id", help="Case id: letters, digits, dot, underscore, hyphen.")],
    matter: Annotated[str, typer.Option("--matter", help="Matter id, as the log's runs have it.")] = "",
    log: Annotated[
        Path | None, typer.Option("--log", help="Folder of the log that plans, runs and acquisitions go in.")
    ] = None,
    log_key: Annotated[
        Path | None, typer.Option("--log-key", help="Signing key of the log; default: FOLDER.key beside it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a case folder: what is found, acquired and planned is added to it and sealed from it.

    The same once more changes nothing; another --log says where the log is now.
    """
    from countermark.prove.case_folder.workspace import Workspace
    from countermark.prove.case_folder.workspace_records import log_acquisitions
    from countermark.trust.log import open_or_create

    workspace = Workspace.create(folder, case_id, matter=matter, log=log)
    book = open_or_create(log, log_key) if log is not None else None  # a missing one is made, with its key
    logged = log_acquisitions(workspace, book) if book is not None else 0
    fields = {"folder": str(folder), "case_id": case_id, "matter": workspace.state.matter}
    if as_json:
        log_text = str(workspace.log) if workspace.log else None
        emit_json(OPEN_SCHEMA_ID, {**fields, "log": log_text, "logged": logged})
        return
    emit(f"case {case_id} in {folder}")
    if logged:
        note(f"{logged} acquisitions that were not in the log are there now")
    note(f"keep {folder}/salts.key; next: countermark case add --help")
