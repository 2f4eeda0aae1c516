"""`countermark log record`: that a file was there, by its digest, in the private log."""

from pathlib import Path
from typing import Annotated

import typer

from countermark.cli.log_options import Json, Out, show

RECORD_SCHEMA = "countermark/log-record/v1"


def record(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="analysis-plan, policy, approval or acquisition.")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What is recorded; only its digest is.")],
    log: Annotated[Path, typer.Option("--log", help="The private log's folder; a missing one is made.")],
    log_key: Annotated[
        Path | None, typer.Option("--log-key", help="Its signing key; default: FOLDER.key beside it.")
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Record a file in the log: its name and SHA-256, of a plan its id and SHA-256."""
    from countermark.trust.log import open_or_create
    from countermark.trust.records import record_file

    entry = record_file(open_or_create(log, log_key), kind, file)
    fields = {"index": entry.index, "kind": kind, "payload": entry.payload, "time": entry.time.isoformat()}
    line = f"entry {entry.index}: {kind} {entry.payload['sha256']}"
    show(RECORD_SCHEMA, fields, [line], as_json, out)
