"""`countermark watermark locate`: which spans of long documents are not independent of this key?"""

import json
from pathlib import Path
from typing import Annotated

import typer

from countermark.cli.output import emit, emit_json, note, progress
from countermark.cli.watermark_case import Acquired, LogFolder, LogKey, Matter, Trust, in_case
from countermark.errors import Error, ExitCode

LOCATE_SCHEMA_ID = "countermark/watermark-locate/v1"


def locate(
    profile: Annotated[Path, typer.Option("--profile", help="How the deployment marks.")],
    key_file: Annotated[
        Path, typer.Option("--key-file", help="File with one key, for its owner alone (0600).")
    ],
    input_: Annotated[
        Path, typer.Option("--input", help='JSON lines: {"id", "token_ids"} or {"id", "text"}.')
    ],
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", help="tokenizer.json of the profile, if the input is text.")
    ] = None,
    alpha: Annotated[
        float, typer.Option(help="Family-wise error rate, Holm over all spans of all documents.")
    ] = 0.01,
    matter: Matter = "",
    log: LogFolder = None,
    log_key: LogKey = None,
    acquired: Acquired = "",
    trust: Trust = None,
    out: Annotated[Path | None, typer.Option("--out", help="File for the lines.")] = None,
    no_exit_codes: Annotated[
        bool, typer.Option("--no-exit-codes", help="Exit 0 also when a span passes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Find the marked spans of long documents: one JSON line a span, disjoint, with tokens from 0.

    Exit codes: 0 no span passes alpha, 10 one does, 3 no usable input.
    """
    if not 0 < alpha < 1:
        raise Error(f"--alpha {alpha} is not between 0 and 1", exit_code=ExitCode.USAGE)
    from countermark.flow.scores import ScoreOptions, locate_spans
    from countermark.records.files import write_atomic

    options = ScoreOptions(
        profile=profile,
        key_file=key_file,
        source=input_,
        tokenizer=tokenizer,
        alpha=alpha,
        case=in_case(matter, log, log_key, acquired),
        trust=trust,
    )
    with progress("locating") as bar:
        answer = locate_spans(options, bar)
    found = answer.found
    rows = [span.to_dict() for span in found.spans]
    lines = [json.dumps(row, allow_nan=False, ensure_ascii=False) for row in rows]
    if out is not None:
        write_atomic(out, "".join(line + "\n" for line in lines).encode())
    if as_json:
        emit_json(LOCATE_SCHEMA_ID, {**answer.to_dict(), "spans": rows})
    elif out is None:
        for line in lines:
            emit(line)
    over = f"{found.family:,} in {found.documents:,} documents"
    note(f"{len(rows)} spans pass alpha {alpha:g} after Holm over {over}")
    if rows:
        note("not independent of the key: that names neither a source nor a cause")
    return ExitCode.FOUND if rows and not no_exit_codes else ExitCode.DONE
