"""`countermark share conformance`: does a server keep to TAXII 2.1?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.share.conformance.http import Credentials

_MOST_TOKEN = 16 << 10


def conformance(
    url: Annotated[str, typer.Argument(metavar="URL", help="https://HOST[:PORT]/, or one API root of it.")],
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="Bearer token, of mode 0600.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="For HTTP Basic.")] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", metavar="FILE", help="Its password, of mode 0600.")
    ] = None,
    second_token_file: Annotated[
        Path | None,
        typer.Option("--second-token-file", metavar="FILE", help="Token of a caller with other rights."),
    ] = None,
    collection: Annotated[
        str | None,
        typer.Option("--collection", metavar="ID", help="Where test objects may be added and deleted."),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option("--ca", metavar="PEM", help="Who signs the server's certificate.")
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Leave out the checks that add objects.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="REPORT", help="Write the report here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check a TAXII 2.1 server from outside, one check for each MUST; exit code 10 where one fails.

    Test objects, named as such, are added to the collection and deleted at the end.
    """
    import msgspec

    from countermark.records.files import write_atomic
    from countermark.share.conformance import Options, run_kit
    from countermark.share.conformance.report import SCHEMA, as_lines, as_report
    from countermark.share.conformance.runner import exit_code

    options = Options(
        url=url,
        first=_credentials(token_file, user, password_file),
        second=_credentials(second_token_file, None, None),
        collection=collection,
        ca=ca,
        read_only=read_only,
    )
    with progress("checks") as bar:
        run = run_kit(options, announce=lambda text: note(printable(text)), progress=bar)
    report = as_report(run)
    if out is not None:
        data = msgspec.json.format(msgspec.json.encode({"schema": SCHEMA, **report}), indent=2)
        write_atomic(out, data + b"\n")
        note(printable(f"the report is in {out}"))
    if as_json:
        emit_json(SCHEMA, report)
    else:
        for line in as_lines(run):
            emit(printable(line))
    if run.left_behind:
        note(printable(f"not deleted by the server: {', '.join(run.left_behind[:20])}"))
    if code := exit_code(run):
        raise typer.Exit(code)


def _credentials(token: Path | None, user: str | None, password: Path | None) -> "Credentials | None":
    from countermark.share.conformance.http import Credentials
    from countermark.trust.keyfiles import Secret, read_secret

    def secret(path: Path, what: str) -> Secret:
        text = read_secret(path, what=what, most_bytes=_MOST_TOKEN).reveal().strip()
        if not text or not text.isascii() or not text.decode().isprintable():
            raise Error(f"the {what} {path} holds no text that can be sent", exit_code=ExitCode.USAGE)
        return Secret(text)

    if (user is None) != (password is None) or (token is not None and user is not None):
        raise Error(
            "give --token-file, or --user with --password-file",
            hint="neither where the server asks for no credentials",
            exit_code=ExitCode.USAGE,
        )
    if token is not None:
        return Credentials(token=secret(token, "token file"))
    if user is not None and password is not None:
        if ":" in user or not user.isprintable():
            raise Error("a user of HTTP Basic has no colon in its name", exit_code=ExitCode.USAGE)
        return Credentials(user=user, password=secret(password, "password file"))
    return None
