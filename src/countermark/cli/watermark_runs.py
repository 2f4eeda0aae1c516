"""`countermark watermark runs`: what was asked in a matter, what has no outcome, what stays undisclosed."""

from pathlib import Path
from typing import Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable

RUNS_SCHEMA_ID = "countermark/watermark-runs/v1"


def runs(
    log: Annotated[Path, typer.Option("--log", help="The log's folder.")],
    matter: Annotated[str, typer.Option("--matter", help="Of this matter only.")] = "",
    log_vkey: Annotated[
        str, typer.Option("--log-vkey", help="The log's verifier key, from elsewhere than the folder.")
    ] = "",
    earlier: Annotated[
        Path | None, typer.Option("--earlier", help="A checkpoint kept before: the log has to continue it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs in a log: numbers, what each asked, the family, its space, and starts without an outcome.

    The log is verified first, exit 20 where it does not. Keep its checkpoint:
    with --earlier a log that was cut back since is found, without it nothing can
    show that.
    """
    from countermark.cli.watermark_options import read_text
    from countermark.trust.log import Log, verify_log
    from countermark.trust.notes import VerifierKey
    from countermark.trust.runs import all_runs, check_runs, unfinished

    book = Log.open(log)
    verifier = VerifierKey.parse(log_vkey) if log_vkey else book.verifier
    verify_log(log, verifier, earlier=read_text(earlier) if earlier else None)
    count = check_runs(book)
    wanted = [one for one in all_runs(book) if not matter or one.matter == matter]
    open_ = {one.number for one in unfinished(book)}
    rows = [
        {
            "run": one.number,
            "matter": one.matter,
            "started": one.entry.time.isoformat(),
            "hypotheses": one.hypotheses,
            "family": one.family,
            "outcome": "none" if one.number in open_ else "logged",
            "space": one.space,
        }
        for one in wanted
    ]
    undisclosed = sum(row["space"] == "privileged" for row in rows)
    if as_json:
        fields = {
            "log_runs": count,
            "undisclosed": undisclosed,
            "checkpoint": book.checkpoint(),
            "runs": rows,
        }
        emit_json(RUNS_SCHEMA_ID, fields)
        return
    for row in rows:
        name = printable(str(row["matter"]))
        line = f"run {row['run']:>5}  {name:<20} {row['hypotheses']:>10,} asked, {row['family']:>10,} so far"
        emit(f"{line}  {row['space']}" + ("  NO OUTCOME" if row["outcome"] == "none" else ""))
    emit(f"{undisclosed} of {len(rows)} runs stay undisclosed: privileged, counted, opened by counsel alone")
    note(f"{count} runs in the log, {len(open_)} without an outcome; {len(book)} entries verify")
