"""`countermark share sight`: say that you saw what another member's indicator speaks of."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from countermark.cli.output import emit, emit_json, note
from countermark.cli.share_review import ContextFile, HomeFolder, Json
from countermark.errors import Error, ExitCode

SIGHT_SCHEMA_ID = "countermark/share-sight/v1"
BUCKETS = ("1", "10", "100", "1000", "10000", "100000", "1000000")


def sight(
    received: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that share poll wrote.")],
    object_id: Annotated[str, typer.Argument(metavar="INDICATOR_ID", help="What was seen here too.")],
    count_bucket: Annotated[
        str,
        typer.Option("--count-bucket", metavar="N", help="At least so many accounts: 1, 10, 100 … 1000000."),
    ],
    first_day: Annotated[str, typer.Option("--first-day", metavar="DAY", help="First day (UTC).")],
    last_day: Annotated[str, typer.Option("--last-day", metavar="DAY", help="Default: the first.")] = "",
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Objects as JSON lines, to review.")
    ] = Path("sighting.jsonl"),
    context: ContextFile = None,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """Write a Sighting; it leaves as everything does: share review, share approve, share publish."""
    from countermark.flow.sightings import SightOptions, write_sighting
    from countermark.share.policy.home import Home

    if count_bucket not in BUCKETS:
        raise Error("a bucket is an order of magnitude", hint=", ".join(BUCKETS), exit_code=ExitCode.USAGE)
    if out.exists():
        raise Error(f"{out} exists already", hint="give another file with --out", exit_code=ExitCode.USAGE)
    first = _day(first_day)
    options = SightOptions(
        received=received,
        object_id=object_id,
        accounts=int(count_bucket),
        first_day=first,
        last_day=_day(last_day) if last_day else first,
        home=Home(home),
        context=context,
        now=datetime.now(UTC),
    )
    sighting_id = write_sighting(options, out)
    if as_json:
        emit_json(SIGHT_SCHEMA_ID, {"id": sighting_id, "sighting_of_ref": object_id, "objects": str(out)})
    else:
        emit(sighting_id)
    note(f"next: share review {out}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Error("a day is given as 2026-11-20", exit_code=ExitCode.USAGE) from None
