"""`countermark share publish`: what two people approved goes to an exchange, and nothing else."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.cli.share_client import CaFile, CollectionName, Json, TokenFile, User, collection_at
from countermark.cli.share_review import HomeFolder
from countermark.errors import ExitCode

if TYPE_CHECKING:
    from countermark.share.client.publish import Published
    from countermark.share.client.taxii import Taxii
    from countermark.share.policy.home import Home

PUBLISH_SCHEMA_ID = "countermark/share-publish/v1"
_MOST_SHOWN = 20


def publish(
    source: Annotated[
        Path, typer.Argument(metavar="FINDINGS|RELEASE", help="What share review and share approve released.")
    ],
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The exchange.")],
    collection: CollectionName = "",
    token_file: TokenFile = None,
    user: User = "",
    ca_file: CaFile = None,
    batch: Annotated[int, typer.Option("--batch", min=1, max=10_000, help="Objects in a request.")] = 1000,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """Publish an approved release to an exchange; run it again to go on after an interruption."""
    from countermark.share.client.publish import publish as send
    from countermark.share.client.publish import read_release_to_publish
    from countermark.share.policy.home import Home
    from countermark.share.policy.samples import check_in_force

    release = read_release_to_publish(source, datetime.now(UTC))
    place = Home(home) if release.standing_id else None
    if place is not None:
        check_in_force(place, release.standing_id, datetime.now(UTC))
    with (
        collection_at(to, collection, token_file=token_file, user=user, ca_file=ca_file, write=True) as (
            taxii,
            found,
        ),
        progress("publish") as bar,
    ):
        if place is not None:  # reports that wait are sent first: they may be what the exchange waits for
            _synchronise(place, taxii)
            check_in_force(place, release.standing_id, datetime.now(UTC))
        done = send(taxii, found, release, batch=batch, told=bar)
        if place is not None:
            _synchronise(place, taxii)
    _show(done, as_json)
    if done.failures:
        raise typer.Exit(ExitCode.ERROR)


def _synchronise(place: "Home", taxii: "Taxii") -> None:
    """Learn what the exchange drew for review, and send it the reports that wait."""
    from countermark.share.client.samples import synchronise

    done = synchronise(place, taxii.transport)
    if done is not None and done.drawn:
        note(f"the exchange drew {done.drawn} releases for review: share review --samples")


def _show(done: "Published", as_json: bool) -> None:
    if as_json:
        import msgspec

        emit_json(PUBLISH_SCHEMA_ID, msgspec.to_builtins(done))
        return
    emit(
        f"{done.release_id}: {done.accepted} accepted, {done.before} before, {len(done.failures)} not, "
        f"of {done.objects}"
    )
    for one in done.failures[:_MOST_SHOWN]:
        emit(printable(f"not taken: {one['id']} {one['version']}: {one['reason']}"))
    if len(done.failures) > _MOST_SHOWN:
        note(f"and {len(done.failures) - _MOST_SHOWN} more; --json lists them all")
    if not done.statement:
        note("the exchange takes no statements of releases; only the objects were sent")
