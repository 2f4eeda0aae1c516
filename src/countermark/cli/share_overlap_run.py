"""`countermark share overlap run`: the run of a prepared set, up to the size; with --open, to the matches."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.cli.share_client import CaFile, Json, TokenFile
from countermark.cli.share_overlap_prepare import Identifiers, Threads, read_items
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.share.client.overlap import OverlapClient
    from countermark.share.overlap.identifier_rows import ItemSet
    from countermark.share.overlap.members_side import Asked
    from countermark.share.overlap.set_folder import SetFolder
    from countermark.trust.signing import PublicKey

RUN_SCHEMA_ID = "countermark/share-overlap-run/v1"
_MOST_KEY = 4096
SetDir = Annotated[Path, typer.Argument(metavar="DIR", help="What share overlap prepare made.")]
To = Annotated[str, typer.Option("--to", metavar="URL", help="The exchange.")]


def run(
    folder: SetDir,
    to: To,
    peer_key: Annotated[
        list[Path],
        typer.Option("--peer-key", metavar="FILE", help="The peer's public key, had from the peer itself."),
    ],
    open_: Annotated[bool, typer.Option("--open", help="Learn which match, once both have opened.")] = False,
    identifiers: Identifiers = None,
    out: Annotated[Path | None, typer.Option("--out", help="File for the matches, with --open.")] = None,
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the peer.")] = 600.0,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    threads: Threads = 2,
    as_json: Json = False,
) -> None:
    """Run the overlap with the peer and print its size; run it again to go on after an interruption."""
    from countermark.share.overlap.members_side import Asked
    from countermark.trust.keyfiles import locked

    if open_ != (out is not None) or (open_ and identifiers is None):
        raise Error("--open needs --identifiers and --out, which nothing else does", exit_code=ExitCode.USAGE)
    if math.isnan(wait):
        raise Error("--wait takes a number of seconds", exit_code=ExitCode.USAGE)
    keys = tuple(read_public_key(one) for one in peer_key)
    asked = Asked(keys=keys, wait=wait, bars=progress, workers=threads)
    opened_folder(folder)  # its errors come before a lock is written
    with locked(folder / ".run"):
        place = opened_folder(folder)
        items = same_items(place, identifiers)
        with client_of(place, to, token_file, ca_file) as client:
            if out is None:
                _count(place, client, asked, as_json)
            else:
                assert items is not None
                _open(place, client, asked, items, out, as_json)


def _count(place: "SetFolder", client: "OverlapClient", asked: "Asked", as_json: bool) -> None:
    from countermark.share.overlap.members_side import MembersSide
    from countermark.share.overlap.messages import FLOOR

    size = MembersSide(place, client, asked).count()
    prepared = place.prepared
    if as_json:
        told = {"run": prepared.run, "member": prepared.member, "peer": prepared.peer}
        emit_json(RUN_SCHEMA_ID, {**told, "size": size, "under": FLOOR if size is None else None})
    else:
        emit(f"under {FLOOR}" if size is None else f"size {size}")


def _open(
    place: "SetFolder", client: "OverlapClient", asked: "Asked", items: "ItemSet", out: Path, as_json: bool
) -> None:
    from countermark.records.files import write_atomic
    from countermark.share.overlap.opening_side import Opened, match_lines
    from countermark.share.overlap.set_folder import OPENING_FOLDER
    from countermark.share.policy.approvals import opening_envelope

    side = Opened(place, client, asked)
    before = out.read_bytes() if out.is_file() else None
    if not place.state.opened or before is None:  # else whoever wrote it was killed behind that
        side.check_openable()
        envelope = opening_envelope(place.path / OPENING_FOLDER, datetime.now(UTC))
        lines = match_lines(side.matches(envelope, items))
        if before not in (None, lines):
            raise Error(f"{out} exists already", hint="choose another file", exit_code=ExitCode.USAGE)
        write_atomic(out, lines, 0o600)
    side.done()
    prepared = place.prepared
    if as_json:
        told = {"run": prepared.run, "member": prepared.member, "peer": prepared.peer}
        emit_json(RUN_SCHEMA_ID, {**told, "size": place.state.size, "under": None, "matches": str(out)})
    else:
        emit(f"{place.state.size} matches")
        note(printable(f"in {out}, readable by you alone: raw identifiers"))


def opened_folder(path: Path) -> "SetFolder":
    """A prepared set; raises `Error` for a folder that is none."""
    from countermark.share.overlap.set_folder import SetFolder

    return SetFolder(path)


def same_items(place: "SetFolder", identifiers: Path | None) -> "ItemSet | None":
    """The items of a file, which has as many of each kind as the set; None without a file."""
    if identifiers is None:
        return None
    prepared = place.prepared
    items = read_items(identifiers, prepared.kinds, datetime.now(UTC))
    if dict(items.counts) != prepared.counts:
        raise Error(
            f"{identifiers} holds other identifiers than the set was prepared from",
            hint=", ".join(f"{kind} {count}" for kind, count in prepared.counts.items()),
            exit_code=ExitCode.NO_INPUT,
        )
    return items


@contextmanager
def client_of(
    place: "SetFolder", url: str, token_file: Path | None, ca_file: Path | None
) -> "Iterator[OverlapClient]":
    """The exchange, asked about the run of a set, while the block runs."""
    from countermark.share.client.credentials import read_credentials
    from countermark.share.client.overlap import BOUNDS, OverlapClient
    from countermark.share.client.transport import Transport, place_of

    where, _ = place_of(url)
    credentials = read_credentials(token_file)
    with Transport(
        where, credentials, ca_file=ca_file, bounds=BOUNDS, tell=lambda text: note(printable(text))
    ) as transport:
        yield OverlapClient(transport, place.prepared.peer, place.prepared.run)


def read_public_key(path: Path) -> "PublicKey":
    """A public key from a file: PEM, or base64."""
    from countermark.trust.signing import PublicKey

    try:
        with path.open("rb") as stream:
            text = stream.read(_MOST_KEY).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise Error(f"{path} holds no public key", exit_code=ExitCode.NO_INPUT) from None
    if "PRIVATE" in text:
        raise Error(
            f"{path} holds a private key", hint="give the .pub file beside it", exit_code=ExitCode.USAGE
        )
    try:
        return PublicKey.parse(text)
    except Error:
        raise Error(f"{path} holds no Ed25519 public key", exit_code=ExitCode.NO_INPUT) from None
