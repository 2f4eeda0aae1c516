"""`countermark case redact`: take personal data or what is privileged out of a package."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.prove.redacting.redact import Redacted
    from countermark.prove.redacting.takes import Take

REDACT_SCHEMA_ID = "countermark/case-redact/v1"
_GROUNDS = "personal-data, privilege, trade-secret, third-party or court-order"


def redact(
    package: Annotated[Path, typer.Argument(metavar="PACKAGE", help="A zip or a folder. It is not changed.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The new package: a zip if it ends in .zip, else a folder.")
    ] = None,
    key: Annotated[
        list[Path] | None, typer.Option("--key", help="Private key of who redacts; may be given again.")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="One sentence for who reads the package.")] = "",
    take: Annotated[
        list[str] | None,
        typer.Option(
            "--take",
            metavar="GROUND:NAME[#POINTER]",
            help=f"A file, or fields of it: * is one part of a pointer, ** all below. Ground: {_GROUNDS}.",
        ),
    ] = None,
    accounts: Annotated[
        Path | None, typer.Option("--accounts", help="File of account ids, one a line: all lines of theirs.")
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option("--rows", metavar="NAME:LINES", help="Lines of a table, as requests.jsonl:1-5,9."),
    ] = None,
    ground: Annotated[str, typer.Option("--ground", help="Ground of --accounts and --rows.")] = "",
    plan: Annotated[
        Path | None, typer.Option("--plan", help="YAML file with all of this: a list `take`, and `why`.")
    ] = None,
    trust: Annotated[
        Path | None, typer.Option("--trust", help="Trust file to verify the package and the rest with.")
    ] = None,
    keep_attachments: Annotated[
        bool, typer.Option("--keep-attachments", help="Leave in Parquet files, reports and pictures.")
    ] = False,
    allow_elsewhere: Annotated[
        bool, typer.Option("--allow-elsewhere", help="Go on where taken-out texts still stand elsewhere.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; write nothing.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take fields, rows or files out of a package on a ground; what remains still verifies, and shows it."""
    from countermark.prove.package.trustfile import read_trust
    from countermark.prove.redacting.redact import RedactOptions, redact
    from countermark.trust.signing import SigningKey

    if not dry_run and (out is None or not key):
        raise Error("--out and --key are needed", hint="or --dry-run", exit_code=ExitCode.USAGE)
    what, planned_why = _takes(take or [], rows or [], accounts, ground, plan)
    options = RedactOptions(
        package=package,
        out=out or package,
        keys=[] if dry_run else [SigningKey.load(path) for path in key or []],
        what=what,
        why=why or planned_why or ("dry run" if dry_run else ""),
        keep_attachments=keep_attachments,
        allow_elsewhere=allow_elsewhere,
        overwrite=overwrite,
        dry_run=dry_run,
        trust=read_trust(trust) if trust else None,
    )
    redacted = redact(options)
    if as_json:
        emit_json(REDACT_SCHEMA_ID, _fields(redacted, None if dry_run else str(out)))
    else:
        _show(redacted, None if dry_run else out)
    _warn(redacted)


def _takes(
    take: list[str], rows: list[str], accounts: Path | None, ground: str, plan: Path | None
) -> tuple[list["Take"], str]:
    from countermark.prove.redacting.takes import parse_rows, parse_take, read_accounts, read_plan

    if bool(rows or accounts) != bool(ground):
        message = "--ground goes with --accounts and --rows, and they need it"
        raise Error(message, hint=f"one of {_GROUNDS}", exit_code=ExitCode.USAGE)
    planned, why = read_plan(plan) if plan else ([], "")
    what = [*planned, *map(parse_take, take), *(parse_rows(one, ground) for one in rows)]
    if accounts:
        what.append(read_accounts(accounts, ground))
    return what, why


def _fields(redacted: "Redacted", out: str | None) -> dict[str, Any]:
    import msgspec

    return {
        "case_id": redacted.case_id,
        "package": out,
        "taken_out": [msgspec.to_builtins(entry) for entry in redacted.taken_out],
        "attachments": list(redacted.attachments),
        "stayed": redacted.stayed,
        "elsewhere": dict(redacted.elsewhere),
        "unsearched": list(redacted.unsearched),
    }


def _show(redacted: "Redacted", out: Path | None) -> None:
    emit(f"{'redacted' if out else 'would redact'} case {redacted.case_id}{f' in {out}' if out else ''}")
    for entry in redacted.taken_out:
        noun = entry.form.removesuffix("s") if entry.count == 1 else entry.form
        what = "whole" if entry.form == "file" else f"{entry.count:,} {noun}"
        emit(f"  {entry.ground:<14} {what:<14} {entry.name}")


def _warn(redacted: "Redacted") -> None:
    if redacted.attachments:
        names = ", ".join(redacted.attachments)
        note(f"these go with it, since they may hold the same (--keep-attachments leaves them): {names}")
    if redacted.stayed:
        note(f"fields that stay, since the verification hangs on them: {redacted.stayed:,}")
    for name, count in redacted.elsewhere.items():
        note(f"{count:,} of the texts that are taken out still stand in {name}")
    if redacted.unsearched:
        note(f"not searched for these texts, since compressed: {', '.join(redacted.unsearched)}")
    if redacted.changed:
        note(
            "the digest that each of these files had when it was sealed stays in the package, so that who can"
            f" try every possible value may find a short one: {', '.join(redacted.changed)}"
        )
