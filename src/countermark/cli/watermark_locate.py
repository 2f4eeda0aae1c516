"""`countermark watermark locate`: which spans of long documents are not independent of this key?"""

from typing import Annotated

import typer

from countermark.cli.output import emit_json, emit_lines, note, progress
from countermark.cli.watermark_case import (
    Acquired,
    Alpha,
    Bodies,
    Counsel,
    KeyFile,
    Lines,
    LogFolder,
    LogKey,
    Matter,
    NoExitCodes,
    ProfileFile,
    Space,
    TokenizerFile,
    Trust,
    check_alpha,
    in_case,
)
from countermark.errors import ExitCode

LOCATE_SCHEMA_ID = "countermark/watermark-locate/v1"


def locate(
    profile: ProfileFile,
    key_file: KeyFile,
    input_: Bodies,
    tokenizer: TokenizerFile = None,
    alpha: Alpha = 0.01,
    matter: Matter = "",
    log: LogFolder = None,
    log_key: LogKey = None,
    space: Space = "testifying",
    counsel: Counsel = "",
    acquired: Acquired = "",
    trust: Trust = None,
    out: Lines = None,
    no_exit_codes: NoExitCodes = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Find the marked spans of long documents: one JSON line a span, disjoint, with tokens from 0.

    Exit codes: 0 no span passes alpha, 10 one does, 3 no usable input.
    """
    check_alpha(alpha)
    from countermark.flow.scores import ScoreOptions, as_lines, locate_spans
    from countermark.records.files import write_atomic

    options = ScoreOptions(
        profile=profile,
        key_file=key_file,
        source=input_,
        tokenizer=tokenizer,
        alpha=alpha,
        case=in_case(matter, log, log_key, acquired, space, counsel),
        trust=trust,
    )
    with progress("locating") as bar:
        answer = locate_spans(options, bar)
    found = answer.found
    rows = [span.to_dict() for span in found.spans]
    lines = as_lines(rows)
    if out is not None:
        write_atomic(out, lines)
    if as_json:
        emit_json(LOCATE_SCHEMA_ID, {**answer.to_dict(), "spans": rows})
    elif out is None:
        emit_lines(lines)
    over = f"{found.family:,} in {found.documents:,} documents"
    note(f"{len(rows)} spans pass alpha {alpha:g} after Holm over {over}")
    if rows:
        note("not independent of the key: that names neither a source nor a cause")
    return ExitCode.FOUND if rows and not no_exit_codes else ExitCode.DONE
