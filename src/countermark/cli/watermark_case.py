"""What `watermark score`, `scan` and `locate` share: the options of a run in a case."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.flow.case_runs import InCase

Matter = Annotated[
    str, typer.Option("--matter", help="Matter id; the family is counted over all its calls (with --log).")
]
LogFolder = Annotated[
    Path | None, typer.Option("--log", help="Log folder for the start and the outcome of this run.")
]
LogKey = Annotated[
    Path | None, typer.Option("--log-key", help="Signing key of the log [default: FOLDER.key beside it].")
]
Acquired = Annotated[
    str, typer.Option("--acquired", metavar="DATE", help="Day on which the text was acquired.")
]
Trust = Annotated[
    Path | None, typer.Option("--trust", help="Trust file; one of its signers must have signed the profile.")
]


def in_case(matter: str, log: Path | None, log_key: Path | None, acquired: str) -> "InCase":
    """The options as one; a date that is none, or half of a case, is an error."""
    from countermark.flow.case_runs import InCase

    return InCase(matter, log, log_key, as_day(acquired, "--acquired"))


def as_day(text: str, option: str) -> date | None:
    """A date of the form 2026-11-30; None for no text."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Error(f"{option} {text!r} is no date", hint="2026-11-30", exit_code=ExitCode.USAGE) from None
