"""`countermark log publish`: a batch of commitments at every tick, cosigned and timestamped."""

import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.log_options import CaFile, Json, Out, PrivateLog, Public, show
from countermark.cli.output import emit, note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.flow.publishing import Published
    from countermark.share.client.witness import WitnessAddress
    from countermark.trust.publication import Publication

PUBLISH_SCHEMA = "countermark/log-publish/v1"
_MOST_WAIT = 60.0


def publish(
    log: PrivateLog,
    public: Public = None,
    log_key: Annotated[
        Path | None, typer.Option("--log-key", help="Signing key of both; default: LOG.key beside it.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", min=1, help="In a batch, fixed at first; default: 16.")
    ] = None,
    cadence: Annotated[
        str, typer.Option("--cadence", metavar="TIME", help="Between batches, fixed at first; default: 1h.")
    ] = "",
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="--cadence, and go on until told to stop: 1h.")
    ] = "",
    witness: Annotated[
        list[str] | None, typer.Option("--witness", metavar="URL", help="Witness to ask; repeatable.")
    ] = None,
    witness_vkey: Annotated[
        list[str] | None,
        typer.Option("--witness-vkey", help="Verifier key of each --witness, in their order."),
    ] = None,
    tsa: Annotated[str, typer.Option("--tsa", help="URL of an RFC 3161 timestamp authority.")] = "",
    at_once: Annotated[
        bool, typer.Option("--at-once", help="A batch out of cadence: whoever watches the log sees it.")
    ] = False,
    ca_file: CaFile = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Commit what waits in LOG to its public log, when a batch is due, and have it cosigned.

    Let a timer call this, or --every, and never by hand because something
    happened: the time would tell. Exit 1 where somebody could not be asked, 20
    where a witness holds another log. A log that is missing is made.
    """
    from countermark.flow.publishing import publish as once
    from countermark.share.client.regularly import Regularly, Stopped, seconds_of
    from countermark.trust.publication import Publication

    if every and (cadence or at_once):
        raise Error("--every has a cadence of its own, and keeps to it", exit_code=ExitCode.USAGE)
    seconds = seconds_of(every or cadence) if every or cadence else None
    addresses = _addresses(witness or [], witness_vkey or [])
    whole = None if seconds is None else int(seconds)
    new = not log.exists()
    publication = Publication.open_or_create(log, public, batch=batch, every_seconds=whole, key_file=log_key)
    if new:
        note(printable(f"there was no log at {log}: it was made, with its key beside it"))

    def tick() -> "Published":
        return once(publication, witnesses=addresses, tsa=tsa, at_once=at_once, ca_file=ca_file)

    if not every:
        _show_once(publication, tick(), as_json, out)
        return
    with Regularly(min(_MOST_WAIT, publication.every_seconds)) as rounds, suppress(Stopped):
        shown: tuple[int, list[str]] | None = None
        while True:
            done = tick()
            if (done.size, sorted(done.failed)) != shown:
                shown = (done.size, sorted(done.failed))
                _show_line(publication, done, as_json)
            rounds.wait(failed=False)
    if rounds.stopped_by == signal.SIGINT:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _addresses(urls: Sequence[str], vkeys: Sequence[str]) -> "list[WitnessAddress]":
    from countermark.share.client.witness import WitnessAddress
    from countermark.trust.notes import VerifierKey

    if len(urls) != len(vkeys):
        raise Error(
            "every --witness has its --witness-vkey",
            hint="the key comes from the witness, and not by the same way as its answers",
            exit_code=ExitCode.USAGE,
        )
    return [WitnessAddress(url, VerifierKey.parse(vkey)) for url, vkey in zip(urls, vkeys, strict=True)]


def _fields(publication: "Publication", done: "Published") -> dict[str, Any]:
    import msgspec

    log = publication.public
    fields: dict[str, Any] = msgspec.to_builtins(done)
    return fields | {"log_vkey": str(log.verifier), "checkpoint": log.head(), "public": str(log.folder)}


def _lines(done: "Published") -> list[str]:
    made = "no batch was due" if done.batch is None else f"batch {done.batch} is out"
    batches = "1 batch" if done.size == 1 else f"{done.size:,} batches"
    line = f"{made}; the public log has {batches}; entries that wait: {done.waiting:,}"
    names = ", ".join(done.cosigned) or "nobody"
    stamp = ", timestamped" if done.timestamped else ""
    return [line, f"size {done.size:,} cosigned by {names}{stamp}"]


def _show_once(publication: "Publication", done: "Published", as_json: bool, out: Path | None) -> None:
    show(PUBLISH_SCHEMA, _fields(publication, done), _lines(done), as_json, out)
    note(printable(f"verifier key of the public log: {publication.public.verifier}"))
    for reason in done.failed.values():
        note(printable(reason))
    if done.forked:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)
    if done.failed:
        raise typer.Exit(ExitCode.ERROR)


def _show_line(publication: "Publication", done: "Published", as_json: bool) -> None:
    import msgspec

    if as_json:
        fields = {"schema": PUBLISH_SCHEMA, **_fields(publication, done)}
        emit(msgspec.json.encode(fields).decode())
    else:
        emit(printable("; ".join(_lines(done))))
    for reason in done.failed.values():
        note(printable(reason))
