"""`countermark watermark score`: is this text independent of this key?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit_json, emit_lines, note, printable, progress
from countermark.cli.watermark_case import (
    Acquired,
    Alpha,
    Bodies,
    Counsel,
    KeyFile,
    KeyPool,
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

if TYPE_CHECKING:
    from countermark.flow.scores import ScoreAnswer

SCORE_SCHEMA_ID = "countermark/watermark-score/v1"


def score(
    profile: ProfileFile,
    input_: Bodies,
    key_file: KeyFile = None,
    key_pool: KeyPool = None,
    tokenizer: TokenizerFile = None,
    pool: Annotated[
        bool, typer.Option("--pool", help="Score the file as one body with one de-duplication.")
    ] = False,
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
    """Score bodies of text under a key, under the null that the text is independent of this key.

    One JSON line a body. Exit codes: 0 nothing passes alpha, 10 something does, 3 no usable input.
    """
    check_alpha(alpha)
    from countermark.flow.scores import ScoreOptions, score_bodies

    options = ScoreOptions(
        profile=profile,
        key_file=key_file,
        key_pool=key_pool,
        source=input_,
        tokenizer=tokenizer,
        as_one=pool,
        alpha=alpha,
        case=in_case(matter, log, log_key, acquired, space, counsel),
        trust=trust,
    )
    with progress("scoring") as bar:
        answer = score_bodies(options, bar)
    _write(answer, out, as_json)
    passed = sum(row.decision.passes for row in answer.rows)
    note(f"{passed} of {len(answer.rows)} pass alpha {alpha:g} after Holm over {answer.run.family:,}")
    if passed:
        note("not independent of the key: that names neither a source nor a cause")
    return ExitCode.FOUND if passed and not no_exit_codes else ExitCode.DONE


def _write(answer: "ScoreAnswer", out: Path | None, as_json: bool) -> None:
    from countermark.flow.scores import as_lines

    rows = [row.to_dict() for row in answer.rows]
    for row in rows:
        if "problem" in row:
            note(f"{printable(row['id'])}: not scored, {row['problem']}")
    lines = as_lines(rows)
    if out is not None:
        from countermark.records.files import write_atomic

        write_atomic(out, lines)
    if as_json:
        emit_json(SCORE_SCHEMA_ID, {**answer.to_dict(), "scores": rows})
    elif out is None:
        emit_lines(lines)
