"""`countermark watermark score`: is this text independent of this key?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.cli.watermark_case import Acquired, LogFolder, LogKey, Matter, Trust, in_case
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.flow.scores import ScoreAnswer

SCORE_SCHEMA_ID = "countermark/watermark-score/v1"


def score(
    profile: Annotated[Path, typer.Option("--profile", help="How the deployment marks.")],
    input_: Annotated[
        Path, typer.Option("--input", help='JSON lines: {"id", "token_ids"} or {"id", "text"}.')
    ],
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="File with one key, for its owner alone (0600).")
    ] = None,
    key_pool: Annotated[
        Path | None, typer.Option("--key-pool", help="Many keys: JSON lines as keygen --accounts (0600).")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", help="tokenizer.json of the profile, if the input is text.")
    ] = None,
    pool: Annotated[
        bool, typer.Option("--pool", help="Score the file as one body with one de-duplication.")
    ] = False,
    alpha: Annotated[
        float, typer.Option(help="Family-wise error rate, Holm over all that was asked.")
    ] = 0.01,
    matter: Matter = "",
    log: LogFolder = None,
    log_key: LogKey = None,
    acquired: Acquired = "",
    trust: Trust = None,
    out: Annotated[Path | None, typer.Option("--out", help="File for the lines.")] = None,
    no_exit_codes: Annotated[
        bool, typer.Option("--no-exit-codes", help="Exit 0 also when a body passes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Score bodies of text under a key, under the null that the text is independent of this key.

    One JSON line a body. Exit codes: 0 nothing passes alpha, 10 something does, 3 no usable input.
    """
    if not 0 < alpha < 1:
        raise Error(f"--alpha {alpha} is not between 0 and 1", exit_code=ExitCode.USAGE)
    from countermark.flow.scores import ScoreOptions, score_bodies

    options = ScoreOptions(
        profile=profile,
        key_file=key_file,
        key_pool=key_pool,
        source=input_,
        tokenizer=tokenizer,
        as_one=pool,
        alpha=alpha,
        case=in_case(matter, log, log_key, acquired),
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
    rows = [row.to_dict() for row in answer.rows]
    for row in rows:
        if "problem" in row:
            note(f"{printable(row['id'])}: not scored, {row['problem']}")
    lines = [json.dumps(row, allow_nan=False, ensure_ascii=False) for row in rows]
    if out is not None:
        from countermark.records.files import write_atomic

        write_atomic(out, "".join(line + "\n" for line in lines).encode())
    if as_json:
        emit_json(SCORE_SCHEMA_ID, {**answer.to_dict(), "scores": rows})
    elif out is None:
        for line in lines:
            emit(line)
