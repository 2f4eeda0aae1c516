"""`countermark capture`: logs become EVENTS, and `probe` stands in a file of its own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.capture_probe import probe
from countermark.cli.output import emit_json, note, printable, progress
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.records.capture import Capture

app = typer.Typer(help="Turn logs into EVENTS, an endpoint's answers into transcripts.", no_args_is_help=True)
app.command("probe")(probe)


@app.callback()
def _capture() -> None:
    """Turn logs into EVENTS, an endpoint's answers into transcripts."""


@app.command("logs")
def logs(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE…", help="Log files, folders, globs, or - for stdin.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="EVENTS", help="Folder to write.")],
    format: Annotated[
        str,
        typer.Option("--format", "-f", help="litellm, envoy, otel, openai, langfuse, table, or a plug-in's."),
    ] = "auto",
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Take a field from this column.")
    ] = None,
    accounts: Annotated[
        Path | None,
        typer.Option("--accounts", metavar="FILE", help="Your account table: CSV, JSON lines, Parquet."),
    ] = None,
    account_mapping: Annotated[
        list[str] | None,
        typer.Option("--map-account", metavar="FIELD=COLUMN", help="The same for --accounts."),
    ] = None,
    time_unit: Annotated[
        str | None, typer.Option("--time-unit", help="s, ms, us or ns: numeric times of the log.")
    ] = None,
    hash_key: Annotated[
        Path | None, typer.Option("--hash-key", metavar="FILE", help="Hash keys; made on first use.")
    ] = None,
    key_id: Annotated[
        str | None, typer.Option("--key-id", help="A key in that file that is still valid.")
    ] = None,
    hash_accounts: Annotated[bool, typer.Option("--hash-accounts", help="Key account ids as well.")] = False,
    append: Annotated[bool, typer.Option("--append", help="Add to the EVENTS that are there.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the EVENTS that are there.")
    ] = False,
    threads: Annotated[int, typer.Option("--threads", min=0, max=1024, help="0 takes all cores.")] = 0,
    memory: Annotated[str, typer.Option("--memory", help="For the last pass; the rest spills.")] = "512MB",
    as_json: Annotated[bool, typer.Option("--json", help="Print capture.json.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
) -> None:
    """Read gateway logs into an EVENTS folder: hashed, without prompt text or raw identifiers."""
    if append and overwrite:
        raise Error("--append and --overwrite exclude each other", exit_code=ExitCode.USAGE)
    import msgspec

    from countermark.capture.run import CaptureOptions, capture_logs

    options = CaptureOptions(
        sources=sources,
        out=out,
        format=format,
        mapping=_pairs(mapping, "--map"),
        accounts=accounts,
        account_mapping=_pairs(account_mapping, "--map-account"),
        time_unit=time_unit,
        hash_key=hash_key,
        key_id=key_id,
        hash_accounts=hash_accounts,
        append=append,
        overwrite=overwrite,
        threads=threads,
        memory=memory,
    )
    with progress("capture") as bar:
        manifest = capture_logs(options, say=lambda text: note(printable(text)), progress=bar)
    _summary(manifest, out, verbose)
    if as_json:
        content = msgspec.to_builtins(manifest)
        emit_json(content.pop("schema"), content)


def _pairs(arguments: list[str] | None, option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for argument in arguments or []:
        field, equals, column = argument.partition("=")
        if not (field and equals and column):
            raise Error(f"{option} {argument!r} is not FIELD=COLUMN", exit_code=ExitCode.USAGE)
        if field in pairs:
            raise Error(f"{option} names {field} twice", exit_code=ExitCode.USAGE)
        pairs[field] = column
    return pairs


def _summary(manifest: "Capture", out: Path, verbose: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    console.width = min(console.width, 80)
    counts = manifest.counts
    events = sum(file.rows for file in manifest.files if file.name.startswith("events-"))
    figures = [
        ("requests kept", events, True),
        ("exact duplicates dropped", counts.duplicates_dropped, True),
        ("records quarantined", counts.quarantined, True),
        ("request ids with differing content", counts.conflicting_request_ids, False),
        ("distinct prompts", counts.prompts, True),
        ("accounts in the account table", counts.accounts, True),
        ("values that are no address", counts.bad_addresses, False),
        ("names hashed (e-mail, address, phone)", counts.hashed_names, False),
        ("prompts fingerprinted on 64 KiB only", counts.cut_prompts, False),
    ]
    table = Table(box=None, show_header=False, pad_edge=False)
    for label, value, always in figures:
        if value or always or verbose:
            table.add_row(label, f"{value:,}")
    table.add_row("from", manifest.first_ts or "-")
    table.add_row("to", manifest.last_ts or "-")
    console.print(Text(printable(f"EVENTS {out}, hash key {manifest.key_id}")))
    console.print(table)
    if counts.quarantined:
        console.print(Text(printable(f"Why records were quarantined: {out / 'quarantine.jsonl'}")))
    for cost in manifest.costs:
        console.print(Text(f"- {cost}"))
    possible = [name for name in manifest.empty_columns if name not in manifest.impossible_columns]
    if manifest.impossible_columns:
        console.print(Text("Not in this format: " + ", ".join(manifest.impossible_columns)))
    if possible:
        console.print(Text("Empty here: " + ", ".join(possible)))
