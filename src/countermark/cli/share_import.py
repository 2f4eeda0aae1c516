"""`countermark share import`: keep others' STIX from a file byte for byte, understood or not.

`--recheck` looks at what waits in the quarantine again, with what this program checks today.
"""

from pathlib import Path
from typing import Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.errors import Error, ExitCode

SCHEMA = "countermark/share-import/v1"
_MOST_SHOWN = 20


def import_(
    out: Annotated[Path, typer.Option("--out", help="Folder of what was received; made, or added to.")],
    source: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="StixBundle, TAXII envelope, or objects, one a line."),
    ] = None,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Instead of a FILE: look at the folder's quarantine again.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every reason.")] = False,
) -> None:
    """Keep the STIX of a file in a folder of what was received; what is not valid goes to its quarantine."""
    from collections import Counter

    from countermark.share.stix.files_in import import_file
    from countermark.share.stix.reading import QUARANTINE, Received

    if (source is None) != recheck:
        raise Error("give a FILE, or --recheck", exit_code=ExitCode.USAGE)
    needed = source or out / QUARANTINE
    if not needed.is_file():
        raise Error(f"{needed} is no file", exit_code=ExitCode.NO_INPUT)
    with Received(out) as received:
        counts = import_file(source, received) if source else Counter(received.recheck())
        objects, waiting, reasons = len(received), len(received.quarantine), received.quarantine.reasons()
    if as_json:
        taken = {key: counts[key] for key in ("new", "known", "quarantined")}
        emit_json(SCHEMA, {**taken, "objects": objects, "waiting": waiting, "reasons": reasons})
    else:
        emit(f"{counts['new']} new, {counts['known']} known, {counts['quarantined']} quarantined")
        for reason, count in list(reasons.items())[:_MOST_SHOWN]:
            note(printable(f"{count:>6}  in the quarantine: {reason}"))
        if len(reasons) > _MOST_SHOWN:
            note(f"        and {len(reasons) - _MOST_SHOWN} more reasons; --json lists every one")
        note(printable(f"{out}: {objects} objects, {waiting} in the quarantine"))
    if source and not counts["new"] and not counts["known"]:
        raise Error(f"{source} holds no valid object", exit_code=ExitCode.NO_INPUT)
