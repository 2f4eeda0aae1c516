"""`countermark share serve`: the exchange's server."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, note, printable
from countermark.cli.share_data import DEFAULT, Data
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.share.server.folder import DataFolder

SCHEMA = "countermark/share-serve/v1"


def serve(
    data: Data = DEFAULT,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="postgresql+psycopg://… in place of SQLite."),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8443,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="PEM", help="Certificate, with its chain.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="PEM", help="Its private key, of mode 0600.")
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as JSON when ready.")] = False,
) -> None:
    """Serve an exchange: TAXII 2.1, releases, disputes and the log. A missing folder is made."""
    from countermark.share.server.folder import opened
    from countermark.share.server.logs import configure_logs
    from countermark.share.server.serve import check_transport, listen
    from countermark.share.server.serve import serve as run
    from countermark.share.server.tls import tls_context
    from countermark.share.stix.schemas import check_objects

    if (tls_cert is None) != (tls_key is None):
        raise Error("--tls-cert and --tls-key belong together", exit_code=ExitCode.USAGE)
    context = tls_context(tls_cert, tls_key) if tls_cert and tls_key else None
    with opened(data, database, create=True) as folder:
        check_transport(folder.settings, host, context is not None)
        with listen(host, port) as listener:
            shown = f"[{host}]" if ":" in host else host
            url = f"{'https' if context else 'http'}://{shown}:{listener.getsockname()[1]}"
            if folder.new:
                _explain(folder)
            configure_logs(verbose)
            stopped_by = run(folder, check_objects, listener, context, lambda: _ready(url, data, as_json))
    if stopped_by == signal.SIGINT:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _ready(url: str, data: Path, as_json: bool) -> None:
    """Tell the address, as one line: whoever started this reads it."""
    if as_json:
        import msgspec

        fields = {"schema": SCHEMA, "url": url, "port": int(url.rpartition(":")[2]), "data": str(data)}
        emit(msgspec.json.encode(fields).decode())
    else:
        emit(url)
    sys.stdout.flush()


def _explain(folder: "DataFolder") -> None:
    from countermark.share.server.folder import TOKEN

    path = folder.path
    note(printable(f"A new exchange in {path}. Its operator's token is in {path / TOKEN}. Next:"))
    note(printable(f"  countermark share collection add TITLE --data {path}"))
    note(printable(f"  countermark share member add NAME --role member --collection TITLE --data {path}"))
