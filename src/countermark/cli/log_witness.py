"""`countermark log witness`: cosign the logs of others, over HTTP or by files; ask a witness by files."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.log_options import Json, Out, PrivateLog, Public, read_note, show
from countermark.cli.output import emit, note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.trust.log import Log
    from countermark.trust.witness import Witness

SERVE_SCHEMA = "countermark/log-witness-serve/v1"
COSIGN_SCHEMA = "countermark/log-witness-cosign/v1"
SHOW_SCHEMA = "countermark/log-witness-show/v1"
REQUEST_SCHEMA = "countermark/log-witness-request/v1"
TAKE_SCHEMA = "countermark/log-witness-take/v1"
app = typer.Typer(
    name="witness", help="Cosign logs of others; have a log cosigned by files.", no_args_is_help=True
)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The witness's folder, with its key.")]
Name = Annotated[str, typer.Option("--name", help="Name in cosignatures; makes a witness that is missing.")]
Logs = Annotated[
    list[str] | None, typer.Option("--log-vkey", help="Verifier key of a log to cosign; repeatable.")
]


@app.callback()
def _witness() -> None:
    """Cosign logs of others; have a log cosigned by files."""


@app.command("serve")
def serve(
    folder: Folder,
    name: Name = "",
    log_vkey: Logs = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8453,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="PEM", help="Certificate, with its chain.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="PEM", help="Its private key, of mode 0600.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve `POST /add-checkpoint` (C2SP tlog-witness) for the logs that are known; needs extra exchange."""
    witness = _open(folder, name, log_vkey)
    try:
        from countermark.share.server.serve import listen
        from countermark.share.server.tls import tls_context
        from countermark.share.server.witness import serve_alone
    except ImportError:
        raise Error(
            "a witness on the network needs the exchange", hint="pip install 'countermark[exchange]'"
        ) from None
    if (tls_cert is None) != (tls_key is None):
        raise Error("--tls-cert and --tls-key belong together", exit_code=ExitCode.USAGE)
    context = tls_context(tls_cert, tls_key) if tls_cert and tls_key else None
    with listen(host, port) as listener:
        shown = f"[{host}]" if ":" in host else host
        url = f"{'https' if context else 'http'}://{shown}:{listener.getsockname()[1]}"
        stopped_by = serve_alone(witness, host, listener, context, lambda: _ready(url, witness, as_json))
    if stopped_by == signal.SIGINT:
        raise typer.Exit(ExitCode.INTERRUPTED)


@app.command("cosign")
def cosign(
    folder: Folder,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="As `witness request` writes it.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The reply, for `witness take`.")],
    name: Name = "",
    log_vkey: Logs = None,
    as_json: Json = False,
) -> None:
    """Cosign a checkpoint that came in a file, without a network; exit 20 where it is refused."""
    from countermark.records.files import write_atomic
    from countermark.trust.witness import MAX_REQUEST

    witness = _open(folder, name, log_vkey)
    try:
        with request.open("rb") as stream:
            body = stream.read(MAX_REQUEST + 1)
    except OSError as error:
        raise Error(f"{request} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    line = witness.answer(body)
    write_atomic(out, line.encode())
    fields = {"reply": str(out), "witness_vkey": str(witness.verifier)}
    show(COSIGN_SCHEMA, fields, [f"cosigned: {out}"], as_json)


@app.command("show")
def show_witness(folder: Folder, name: Name = "", log_vkey: Logs = None, as_json: Json = False) -> None:
    """Tell a witness's verifier key, the logs that it cosigns, and what it refused."""
    from countermark.trust.checkpoints import read_body
    from countermark.trust.notes import split_note

    witness = _open(folder, name, log_vkey)
    logs: list[dict[str, Any]] = []
    for origin, verifier in witness.logs().items():
        last = witness.last(origin)
        size = read_body(split_note(last)[0]).size if last else 0
        refused = witness.refused(origin)
        logs.append({"log_vkey": str(verifier), "size": size, "last": last or "", "refused": refused})
    lines = [f"verifier key of the witness: {witness.verifier}"]
    for one in logs:
        bad = f", REFUSED {len(one['refused'])} checkpoints" if one["refused"] else ""
        lines.append(f"size {one['size']:>8,}  {one['log_vkey']}{bad}")
    show(SHOW_SCHEMA, {"witness_vkey": str(witness.verifier), "logs": logs}, lines, as_json)


@app.command("request")
def request(
    log: PrivateLog,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="For `witness cosign`.")],
    witness_vkey: Annotated[str, typer.Option("--witness-vkey", help="Verifier key of the witness.")],
    old: Annotated[
        int | None,
        typer.Option("--old", min=0, help="Size that it cosigned last; default: as kept beside the log."),
    ] = None,
    public: Public = None,
    as_json: Json = False,
) -> None:
    """Write what a witness without a network is asked: the log's checkpoint, with a proof."""
    from countermark.records.files import write_atomic
    from countermark.share.client.witness import request_for
    from countermark.trust.cosigned import last_cosigned
    from countermark.trust.notes import VerifierKey
    from countermark.trust.witness import write_request

    book = _public(log, public)
    known = last_cosigned(book.folder, VerifierKey.parse(witness_vkey)) if old is None else old
    write_atomic(out, write_request(request_for(book, known)))
    fields = {"request": str(out), "old": known, "size": len(book), "log_vkey": str(book.verifier)}
    show(REQUEST_SCHEMA, fields, [f"from size {known:,} to {len(book):,}: {out}"], as_json)
    note(printable(f"verifier key of the public log: {book.verifier}"))


@app.command("take")
def take(
    log: PrivateLog,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="What was asked.")],
    reply: Annotated[Path, typer.Argument(metavar="REPLY", help="As `witness cosign` writes it.")],
    witness_vkey: Annotated[str, typer.Option("--witness-vkey", help="Verifier key of the witness.")],
    public: Public = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Keep the cosignature that a witness without a network gave."""
    from countermark.trust.cosigned import add_cosignatures, note_file
    from countermark.trust.notes import VerifierKey
    from countermark.trust.witness import read_request

    book = _public(log, public)
    asked = read_request(read_note(request).encode())
    book.covers(asked.note)
    key = VerifierKey.parse(witness_vkey)
    found = add_cosignatures(book.folder, book.verifier, asked.note, read_note(reply), key)
    path = note_file(book.folder, found.size)
    fields = {"size": found.size, "note": str(path), "witness": key.name}
    show(TAKE_SCHEMA, fields, [f"size {found.size:,} cosigned by {key.name}: {path}"], as_json, out)


def _public(log: Path, public: Path | None) -> "Log":
    from countermark.trust.batches import PublicLog
    from countermark.trust.publication import public_folder

    return PublicLog.open(public or public_folder(log))


def _open(folder: Path, name: str, log_vkeys: list[str] | None) -> "Witness":
    from countermark.trust.notes import VerifierKey
    from countermark.trust.witness import Witness

    witness = Witness.open_or_create(folder, name)
    for one in log_vkeys or []:
        witness.add_log(VerifierKey.parse(one))
    return witness


def _ready(url: str, witness: "Witness", as_json: bool) -> None:
    """Tell address and key, as one line: whoever started this reads it."""
    if as_json:
        import msgspec

        fields = {"schema": SERVE_SCHEMA, "url": url, "witness_vkey": str(witness.verifier)}
        emit(msgspec.json.encode(fields).decode())
    else:
        emit(url)
        note(printable(f"verifier key of the witness: {witness.verifier}"))
    sys.stdout.flush()
