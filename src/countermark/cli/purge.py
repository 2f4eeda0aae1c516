"""`countermark purge`: destroy rows and keys, leaving tombstones."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from countermark.cli.output import emit_json, note, printable
from countermark.errors import Error, ExitCode

SCHEMA = "countermark/purge/v1"


def purge(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="EVENTS…", help="EVENTS folders.")] = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="DATE", help="Rows older than this (ISO 8601, UTC).")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="ID", help="All rows of one account.")
    ] = None,
    hash_key: Annotated[
        Path | None, typer.Option("--hash-key", metavar="FILE", help="The hash-key file.")
    ] = None,
    expired_keys: Annotated[
        bool, typer.Option("--expired-keys", help="Destroy the keys of past epochs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the tombstones.")] = False,
) -> None:
    """Destroy rows by age or account, and hash keys of past epochs; a tombstone says what went."""
    if before is not None and account is not None:
        raise Error("--before and --account exclude each other", exit_code=ExitCode.USAGE)
    if before is None and account is None and not expired_keys:
        raise Error(
            "nothing to purge", hint="--before DATE, --account ID, --expired-keys", exit_code=ExitCode.USAGE
        )
    if not folders and (before is not None or account is not None):
        raise Error("no EVENTS folder given", exit_code=ExitCode.USAGE)
    done = [_purge_rows(folder, before, account, hash_key) for folder in folders or []]
    keys: list[str] = []
    if expired_keys:
        keys, noted = _purge_keys(folders or [], hash_key)
        done += noted
    tombstones = [entry for entry in done if entry]
    if as_json:
        emit_json(SCHEMA, {"tombstones": tombstones, "destroyed_keys": keys})


def _purge_rows(
    folder: Path, before: str | None, account: str | None, hash_key: Path | None
) -> dict[str, Any]:
    from countermark.capture.purge import purge_account, purge_before

    def say(text: str) -> None:
        note(printable(f"{folder}: {text}"))

    if before is not None:
        tombstone = purge_before(folder, _moment(before), say=say)
    elif account is not None:
        tombstone = purge_account(folder, account, hash_key=hash_key, say=say)
    else:
        return {}
    if tombstone is None:
        note(printable(f"{folder}: nothing to purge"))
        return {}
    gone = f"{tombstone.rows:,} rows, {tombstone.accounts:,} accounts, {tombstone.sketches:,} sketches"
    note(printable(f"{folder}: {gone} destroyed"))
    return _plain(folder, tombstone)


def _purge_keys(folders: list[Path], hash_key: Path | None) -> tuple[list[str], list[dict[str, Any]]]:
    from countermark.capture.hashkeys import default_path, destroy_keys, held_keys
    from countermark.capture.purge import note_destroyed_keys

    keys = destroy_keys(hash_key or default_path())
    note(f"{len(keys)} expired hash keys destroyed" + (": " + ", ".join(keys) if keys else ""))
    for key_id, holds in held_keys(hash_key or default_path()).items():
        note(f"hash key {key_id} stays: legal hold {', '.join(holds)} needs it")
    noted = [(folder, note_destroyed_keys(folder, keys)) for folder in folders if keys]
    return keys, [_plain(folder, tombstone) for folder, tombstone in noted if tombstone]


def _plain(folder: Path, tombstone: Any) -> dict[str, Any]:
    import msgspec

    return {"events": str(folder), **msgspec.to_builtins(tombstone)}


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Error(f"--before {text!r} is no date", hint="2026-01-31", exit_code=ExitCode.USAGE) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
