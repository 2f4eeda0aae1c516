"""`countermark share poll`: what is new in a collection of an exchange, into a folder."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.cli.share_client import CaFile, CollectionName, Json, TokenFile, User, collection_at
from countermark.errors import Error

if TYPE_CHECKING:
    from countermark.share.client.poll import Polled

POLL_SCHEMA_ID = "countermark/share-poll/v1"


def poll(
    url: Annotated[str, typer.Argument(metavar="URL", help="The exchange, an API root or a collection.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of what was received.")] = Path(
        "received"
    ),
    collection: CollectionName = "",
    token_file: TokenFile = None,
    user: User = "",
    ca_file: CaFile = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Objects in a page.")] = 1000,
    follow: Annotated[
        float, typer.Option("--follow", min=0, metavar="SECONDS", help="Go on polling, so often.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Fetch what is new; what does not validate goes to the quarantine. --follow --json: a line a poll."""
    from countermark.share.client.poll import poll as fetch

    with collection_at(url, collection, token_file=token_file, user=user, ca_file=ca_file) as (taxii, found):
        while True:
            try:
                with progress("poll") as bar:
                    done = fetch(taxii, found, out, limit=limit, told=lambda now: bar(now.objects))
            except Error as error:
                if not follow:
                    raise
                note(printable(error.message))
            else:
                _show(done, as_json, bool(follow))
            if not follow:
                return
            time.sleep(follow)


def _show(done: "Polled", as_json: bool, following: bool) -> None:
    import msgspec

    if following and not (done.new or done.quarantined):
        return
    if as_json and following:
        emit(msgspec.json.encode({"schema": POLL_SCHEMA_ID, **msgspec.to_builtins(done)}).decode())
    elif as_json:
        emit_json(POLL_SCHEMA_ID, msgspec.to_builtins(done))
    else:
        emit(
            f"{done.new} new ({done.revoked} withdrawn), {done.known} known, "
            f"{done.quarantined} in quarantine; read up to {done.position or 'the beginning'}"
        )
    if following:
        import sys

        sys.stdout.flush()
