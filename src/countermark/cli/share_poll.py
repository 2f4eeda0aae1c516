"""`countermark share poll`: what is new in a collection of an exchange, into a folder."""

import signal
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.cli.share_client import CaFile, CollectionName, Json, TokenFile, User, collection_at
from countermark.errors import Error, ExitCode

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
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="Go on polling, so often: 1h, 15m, 30s.")
    ] = "",
    follow: Annotated[
        float, typer.Option("--follow", min=0, metavar="SECONDS", help="The same in seconds.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Fetch what is new; what does not validate goes to the quarantine. --every --json: a line a poll."""
    from countermark.share.client.poll import poll as fetch
    from countermark.share.client.regularly import Regularly, Stopped, seconds_of

    if every and follow:
        raise Error("--every and --follow say the same", hint="--every 1h", exit_code=ExitCode.USAGE)
    pause = seconds_of(every) if every else follow

    def once(check: Callable[[], None]) -> "Polled":
        with (
            collection_at(url, collection, token_file=token_file, user=user, ca_file=ca_file) as (
                taxii,
                found,
            ),
            progress("poll") as bar,
        ):

            def told(now: "Polled") -> None:
                bar(now.objects)
                check()

            return fetch(taxii, found, out, limit=limit, told=told)

    if not pause:
        _show(once(lambda: None), as_json, False)
        return
    with Regularly(pause) as rounds, suppress(Stopped):
        for number in count():
            failed = False
            try:
                _show(once(rounds.check), as_json, True)
            except Error as error:
                if not number and error.exit_code in (ExitCode.USAGE, ExitCode.NO_INPUT):
                    raise  # no later round would do better
                failed = True
                note(printable(error.message))
            rounds.wait(failed=failed)
    if rounds.stopped_by == signal.SIGINT:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _show(done: "Polled", as_json: bool, following: bool) -> None:
    import msgspec

    if following and not (done.new or done.quarantined or done.withdrawals):
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
