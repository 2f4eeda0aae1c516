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
LogKey = Annotated[Path | None, typer.Option("--log-key", help="Signing key of the log.")]
Acquired = Annotated[
    str, typer.Option("--acquired", metavar="DATE", help="Day on which the text was acquired.")
]
Trust = Annotated[
    Path | None, typer.Option("--trust", help="Trust file; one of its signers must have signed the profile.")
]


def in_case(matter: str, log: Path | None, log_key: Path | None, acquired: str) -> "InCase":
    """The options as one; a date that is none, or half of a case, is an error."""
    from countermark.flow.case_runs import InCase

    try:
        day = date.fromisoformat(acquired) if acquired else None
    except ValueError:
        raise Error(
            f"--acquired {acquired!r} is no date", hint="2026-11-30", exit_code=ExitCode.USAGE
        ) from None
    return InCase(matter, log, log_key, day)
