"""`countermark share overlap prepare`: blind the identifiers of suspended accounts, and commit to them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.cli.share_client import Json

if TYPE_CHECKING:
    from countermark.share.overlap.identifier_rows import ItemSet

PREPARE_SCHEMA_ID = "countermark/share-overlap-prepare/v1"
Identifiers = Annotated[
    Path | None,
    typer.Option("--identifiers", metavar="FILE", help="Identifiers of suspended accounts, JSON lines."),
]
Threads = Annotated[int, typer.Option("--threads", min=0, help="Threads; 0: one a core.")]


def prepare(
    identifiers: Annotated[
        Path, typer.Option("--identifiers", metavar="FILE", help="Identifiers of suspended accounts.")
    ],
    run: Annotated[str, typer.Option("--run", metavar="NAME", help="Agreed with the peer, used once.")],
    peer: Annotated[str, typer.Option("--with", metavar="PEER", help="The other member's name.")],
    member: Annotated[str, typer.Option("--as", metavar="ME", help="Your own name at the exchange.")],
    key: Annotated[Path, typer.Option("--key", help="Your own signing key, which the exchange knows.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder for the prepared set.")],
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="This kind alone; may be given again. Default: all.")
    ] = None,
    threads: Threads = 2,
    as_json: Json = False,
) -> None:
    """Blind a set for one run with one peer, and sign the commitment to it; begin the run within a day."""
    from countermark.share.overlap.identifiers import IDENTIFIER_KINDS
    from countermark.share.overlap.prepared import Wanted
    from countermark.share.overlap.prepared import prepare as make
    from countermark.trust.signing import SigningKey

    now = datetime.now(UTC)
    kinds = sorted(set(kind or IDENTIFIER_KINDS))
    signing = SigningKey.load(key)
    items = read_items(identifiers, kinds, now)
    wanted = Wanted(run=run, member=member, peer=peer, kinds=kinds, key=signing, now=now, workers=threads)
    with progress("blind") as bar:
        made = make(out, items, wanted, bar)
    if as_json:
        told = {"run": run, "member": member, "peer": peer, "folder": str(out), "size": made.size}
        emit_json(PREPARE_SCHEMA_ID, {**told, "counts": made.counts, "not_taken": dict(items.reasons)})
        return
    for name, count in made.counts.items():
        emit(f"{name}: {count}")
    note(printable(f"{out}: a list of {made.size} points for run {run} with {peer}"))
    note("begin within 24 hours: share overlap run DIR --to URL --peer-key FILE")


def read_items(path: Path, kinds: list[str], now: datetime) -> "ItemSet":
    """A file of identifiers; what is not taken is said, by reason."""
    from countermark.share.overlap.identifier_rows import read_members_items

    items = read_members_items(path, kinds, now=now)
    for reason, count in items.reasons.items():
        note(printable(f"identifiers not taken: {count} ({reason})"))
    return items
