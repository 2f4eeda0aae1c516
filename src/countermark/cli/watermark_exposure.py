"""`countermark watermark exposure`: how far a key and its outputs are out, by the day, in the one log."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, printable
from countermark.cli.watermark_case import LogKey, as_day
from countermark.errors import Error, ExitCode

EXPOSURE_SCHEMA_ID = "countermark/watermark-exposure/v1"


def exposure(
    log: Annotated[Path, typer.Option("--log", help="The log's folder.")],
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="The key, for its owner alone (0600).")
    ] = None,
    key_id: Annotated[str, typer.Option("--key-id", help="Or its id: 16 hex digits, as keygen says.")] = "",
    day: Annotated[
        str, typer.Option("--day", metavar="DATE", help="Of what is recorded; default: today.")
    ] = "",
    tokens: Annotated[int | None, typer.Option("--tokens", min=0, help="Tokens served that day.")] = None,
    accounts: Annotated[int, typer.Option("--accounts", min=0, help="Accounts served that day.")] = 0,
    published: Annotated[str, typer.Option("--published", help="Where outputs became public.")] = "",
    leaked: Annotated[
        bool, typer.Option("--leaked", help="From that day on the key may be in others' hands.")
    ] = False,
    log_key: LogKey = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Record what a key has served, where it was published, that it leaked; then show its ledger.

    Text that was acquired on the day of a leak or an opening, or later, is refused by `score --acquired`.
    """
    if bool(key_id) is (key_file is not None):
        raise Error("give one of --key-file and --key-id", exit_code=ExitCode.USAGE)
    from countermark.trust import exposure as ledger
    from countermark.trust.keyfiles import read_secret
    from countermark.trust.log import Log, open_or_create
    from countermark.watermark.key_names import name_of_key

    name = name_of_key(read_secret(key_file)) if key_file else key_id
    when = as_day(day, "--day") or datetime.now(UTC).date()
    if tokens is None and not published and not leaked:
        book = Log.open(log)
    else:
        book = open_or_create(log, log_key)
        if tokens is not None:
            ledger.record_day(book, name, when, tokens=tokens, accounts=accounts)
        if published:
            ledger.record_publication(book, name, when, published)
        if leaked:
            ledger.record_leak(book, name, when)
    known = ledger.exposure(book, name)
    if as_json:
        emit_json(EXPOSURE_SCHEMA_ID, {"key_id": name, **_fields(known)})
        return
    emit(
        f"key {name}: {known.tokens:,} tokens on {known.days} days, {known.most_accounts:,} accounts at most"
    )
    for place in known.publications:
        emit(f"published: {printable(place)}")
    emit(
        f"text is refused from {known.refused_from}" if known.refused_from else "no opening or leak recorded"
    )


def _fields(known: Any) -> dict[str, Any]:
    refused: date | None = known.refused_from
    return {
        "tokens": known.tokens,
        "days": known.days,
        "most_accounts": known.most_accounts,
        "publications": list(known.publications),
        "refused_from": str(refused) if refused else None,
    }
