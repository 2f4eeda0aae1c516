"""`countermark watermark keygen`: a key, a master, or keys derived from a master and a beacon round."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note
from countermark.cli.watermark_options import (
    Bits,
    ChainFile,
    Depth,
    Epoch,
    Json,
    Name,
    Profile,
    Purpose,
    RoundFile,
    at_most_one,
    beacon_value,
    cut,
    needed,
    refuse_keys,
    terms_of,
)

if TYPE_CHECKING:
    from countermark.trust.derivation import Terms
    from countermark.trust.keyfiles import Secret

KEYGEN_SCHEMA_ID = "countermark/watermark-keygen/v1"


def keygen(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="File for the key (mode 0600).")],
    master: Annotated[bool, typer.Option("--master", help="Make a master of 256 bits.")] = False,
    derive: Annotated[
        Path | None, typer.Option("--derive", help="Derive from this master file or keyring.")
    ] = None,
    profile: Profile = None,
    epoch: Epoch = "",
    purpose: Purpose = "watermark",
    beacon: RoundFile = None,
    chain: ChainFile = None,
    name: Name = None,
    engine_bits: Bits = None,
    synthid_depth: Depth = None,
    account: Annotated[str | None, typer.Option("--account", help="Key of one account.")] = None,
    accounts: Annotated[Path | None, typer.Option("--accounts", help="Account ids, one a line.")] = None,
    as_json: Json = False,
) -> None:
    """Make a watermark key: a new one, a master, or one derived from a master and a beacon round."""
    from countermark.trust.derivation import FileMaster
    from countermark.trust.keyfiles import Secret, write_secret
    from countermark.trust.keyring import add_master

    refuse_keys(context, out, derive, profile, beacon, chain, accounts)
    at_most_one(engine_bits, synthid_depth, account, accounts, what="one form of key at a time")
    fields: dict[str, Any] = {"out": str(out)}
    if master:
        at_most_one(True, derive, engine_bits, synthid_depth, account, accounts, what="--master stands alone")
        made = FileMaster.generate()
        if name is not None:
            add_master(out, name, epoch, made)
        else:
            write_secret(out, made.to_hex().reveal() + b"\n")
        fields |= {"form": "master"}
    elif derive is not None:
        working, terms = _working_secret(derive, name, profile, epoch, purpose, beacon, chain)
        text, described = cut(working, engine_bits, synthid_depth, account, accounts)
        write_secret(out, text.reveal())
        fields |= described | {"terms": terms.fields()}
    else:
        at_most_one(True, account, accounts, what="account keys are derived: --derive MASTER")
        working = Secret(secrets.token_bytes(32))
        text, described = cut(working, engine_bits, synthid_depth, None, None)
        write_secret(out, text.reveal())
        fields |= described
    if as_json:
        emit_json(KEYGEN_SCHEMA_ID, fields)
        return
    emit(
        f"key id: {fields['key_id']}" if "key_id" in fields else f"{fields['form']}: {fields.get('keys', 1)}"
    )
    note(f"{fields['form']} in {out}, readable by you alone: keep it, and keep it out of the profile")


def _working_secret(
    master: Path,
    name: str | None,
    profile: Path | None,
    epoch: str,
    purpose: str,
    beacon: Path | None,
    chain: Path | None,
) -> "tuple[Secret, Terms]":
    from countermark.trust.beacon import read_chain
    from countermark.trust.derivation import epoch_secret, working_secret
    from countermark.trust.keyring import read_master

    terms = terms_of(profile, epoch, purpose)
    source = read_master(master, name, epoch if name is not None else None)
    value = beacon_value(read_chain(needed(chain, "--chain")), needed(beacon, "--beacon"))
    return working_secret(epoch_secret(source, terms), terms, value), terms
