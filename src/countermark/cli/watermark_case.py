"""What `watermark score`, `scan` and `locate` share: profile, key, level, the options of a run in a case."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.flow.case_runs import InCase

ProfileFile = Annotated[Path, typer.Option("--profile", help="How the deployment marks.")]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", help="File with one key, for its owner alone (0600).")
]
KeyPool = Annotated[
    Path | None, typer.Option("--key-pool", help="Many keys: JSON lines as keygen --accounts (0600).")
]
Bodies = Annotated[Path, typer.Option("--input", help='JSON lines: {"id", "token_ids"} or {"id", "text"}.')]
TokenizerFile = Annotated[
    Path | None, typer.Option("--tokenizer", help="tokenizer.json of the profile, if the input is text.")
]
Alpha = Annotated[
    float, typer.Option("--alpha", help="Family-wise error rate, Holm over all that was asked.")
]
Lines = Annotated[Path | None, typer.Option("--out", help="File for the lines.")]
NoExitCodes = Annotated[bool, typer.Option("--no-exit-codes", help="Exit 0 also when something passes.")]
Matter = Annotated[
    str, typer.Option("--matter", help="Matter id; the family is counted over all its calls (with --log).")
]
LogFolder = Annotated[
    Path | None, typer.Option("--log", help="Log folder for the start and the outcome of this run.")
]
LogKey = Annotated[
    Path | None, typer.Option("--log-key", help="Signing key of the log; default: FOLDER.key beside it.")
]
Acquired = Annotated[
    str, typer.Option("--acquired", metavar="DATE", help="Day on which the text was acquired.")
]
Space = Annotated[
    str,
    typer.Option("--space", help="testifying, or privileged: what it was about only counsel can open."),
]
Counsel = Annotated[
    str,
    typer.Option("--counsel", metavar="AGE1…", help="Counsel's age recipient, or a file with it."),
]
Trust = Annotated[
    Path | None, typer.Option("--trust", help="Trust file; one of its signers must have signed the profile.")
]


def check_alpha(alpha: float) -> None:
    """Raise unless it is a level."""
    if not 0 < alpha < 1:
        raise Error(f"--alpha {alpha} is not between 0 and 1", exit_code=ExitCode.USAGE)


def in_case(
    matter: str,
    log: Path | None,
    log_key: Path | None,
    acquired: str,
    space: str = "testifying",
    counsel: str = "",
) -> "InCase":
    """The options as one; a date that is none, half of a case, or a space without its counsel is an error."""
    from countermark.flow.case_runs import InCase
    from countermark.trust.privileged import Counsel

    if space not in ("testifying", "privileged"):
        raise Error(f"--space {space!r} is neither testifying nor privileged", exit_code=ExitCode.USAGE)
    if (space == "privileged") != bool(counsel):
        raise Error(
            "a privileged run, and no other, is sealed to counsel",
            hint="--space privileged --counsel age1…",
            exit_code=ExitCode.USAGE,
        )
    sealed_to = Counsel.read(counsel) if counsel else None
    return InCase(matter, log, log_key, as_day(acquired, "--acquired"), sealed_to)


def as_day(text: str, option: str) -> date | None:
    """A date of the form 2026-11-30; None for no text."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Error(f"{option} {text!r} is no date", hint="2026-11-30", exit_code=ExitCode.USAGE) from None
