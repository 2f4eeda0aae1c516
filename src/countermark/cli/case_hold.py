"""`countermark case hold`: freeze raw lines of accounts, suspend retention for them, and end that again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.capture.hold import Held

HOLD_SCHEMA_ID = "countermark/case-hold/v1"

_ALL = "EVENTS SOURCE… --accounts FILE --from DATE --by NAME --recipient AGE1… --out HELD"


def hold(
    events: Annotated[Path, typer.Argument(metavar="EVENTS", help="Folder that `capture logs` wrote.")],
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="SOURCE…", help="The raw logs it was captured from.")
    ] = None,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who orders or releases the hold.")] = "",
    accounts: Annotated[
        Path | None, typer.Option("--accounts", metavar="FILE", help="Ids, a line each.")
    ] = None,
    findings: Annotated[
        Path | None, typer.Option("--findings", metavar="FOLDER", help="Take the members of its campaigns.")
    ] = None,
    anticipated: Annotated[
        str, typer.Option("--from", metavar="DATE", help="Day on which litigation was anticipated.")
    ] = "",
    recipient: Annotated[
        list[str] | None,
        typer.Option("--recipient", metavar="AGE1…", help="Who can decrypt; again for more."),
    ] = None,
    recipients: Annotated[
        Path | None, typer.Option("--recipients", metavar="FILE", help="The same, one a line.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="HELD", help="Folder to write.")] = None,
    control: Annotated[
        int | None,
        typer.Option("--control", min=0, help="Accounts drawn at random beside; default: as many as named."),
    ] = None,
    seed_file: Annotated[
        Path | None, typer.Option("--seed-file", metavar="FILE", help="Draw them with a committed seed.")
    ] = None,
    hash_key: Annotated[
        Path | None, typer.Option("--hash-key", metavar="FILE", help="The hash-key file of EVENTS.")
    ] = None,
    case: Annotated[Path | None, typer.Option("--case", metavar="DIR", help="Case folder to tell.")] = None,
    missing_ok: Annotated[
        bool, typer.Option("--missing-ok", help="Go on where a raw log is gone; the manifest names it.")
    ] = False,
    release: Annotated[
        str | None, typer.Option("--release", metavar="HOLD", help="End this hold instead of making one.")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="Why it is released.")] = "",
    memory: Annotated[str, typer.Option("--memory", help="For the database; the rest spills.")] = "512MB",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Freeze and encrypt raw lines of accounts and of a random control sample; `purge` keeps their rows."""
    if release is not None:
        _release(events, release, by, why, hash_key, as_json)
        return
    if not sources or out is None or not anticipated:
        raise Error("a hold needs raw logs, --from and --out", hint=_ALL, exit_code=ExitCode.USAGE)
    from countermark.capture.hold import HoldOptions
    from countermark.flow.holds import HoldRequest, make_hold

    options = HoldOptions(
        events=events,
        sources=sources,
        accounts=(),
        recipients=recipient or [],
        anticipated=anticipated,
        by=by,
        out=out,
        hash_key=hash_key,
        control=control,
        missing_ok=missing_ok,
        memory=memory,
    )
    more = {"accounts": accounts, "findings": findings, "recipients": recipients, "case": case}
    request = HoldRequest(options=options, seed_file=seed_file, **more)
    with progress("freezing") as bar:
        _say(make_hold(request, say=lambda text: note(printable(text)), progress=bar), out, as_json)


def _say(held: "Held", out: Path, as_json: bool) -> None:
    manifest = held.manifest
    lines, rows = (sum(getattr(one, name) for one in manifest.sources) for name in ("lines", "rows"))
    figures = {
        "accounts": len(manifest.accounts),
        "without_rows": manifest.without_rows,
        "control_accounts": len(manifest.control.accounts),
        "lines": lines,
        "rows": rows,
        "raw_logs": len(manifest.sources),
        "missing": [one.name for one in manifest.missing],
    }
    if as_json:
        what = {"hold_id": manifest.hold_id, "held": str(out), "manifest_sha256": held.manifest_sha256}
        emit_json(HOLD_SCHEMA_ID, what | figures)
    else:
        emit(f"{manifest.hold_id}: {lines:,} lines of {figures['raw_logs']:,} logs in {printable(str(out))}")
        emit(f"manifest SHA-256 {held.manifest_sha256}")
    control = manifest.control
    note(
        f"{len(manifest.accounts):,} named accounts with {manifest.without_rows:,} more that have no row yet"
    )
    note(
        f"{len(control.accounts):,} control accounts drawn from {control.drawn_from:,} others; "
        f"seed from {printable(control.seed_source)}, in the manifest"
    )
    for one in manifest.missing:
        note(printable(f"not there: {one.name} ({one.lines:,} lines)"))
    note("retention is suspended for these accounts; --release ends that")


def _release(events: Path, hold_id: str, by: str, why: str, hash_key: Path | None, as_json: bool) -> None:
    from countermark.capture.hold import release

    entry = release(events, hold_id, by, why, hash_key=hash_key)
    if as_json:
        fields = {"hold_id": hold_id, "released": entry.released, "by": entry.released_by, "why": entry.why}
        emit_json(HOLD_SCHEMA_ID, fields)
        return
    emit(f"{hold_id} released by {printable(entry.released_by)} at {entry.released}")
    note("purge may destroy the rows of its accounts again; the folder of held lines stays as it is")
