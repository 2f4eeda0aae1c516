"""`countermark watermark commit`: commit to an epoch's key before its beacon round; open it; check it."""

from datetime import UTC, datetime
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
    read_text,
    refuse_keys,
    terms_of,
)
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.trust.derivation import Terms

COMMIT_SCHEMA_ID = "countermark/watermark-commit/v1"


def commit(
    context: typer.Context,
    master: Annotated[Path | None, typer.Argument(help="Master file or keyring.")] = None,
    profile: Profile = None,
    epoch: Epoch = "",
    purpose: Purpose = "watermark",
    number: Annotated[int | None, typer.Option("--round", help="A beacon round not yet out.")] = None,
    chain: ChainFile = None,
    log: Annotated[Path | None, typer.Option("--log", help="The log's folder, made when missing.")] = None,
    log_key: Annotated[
        Path | None, typer.Option("--log-key", help="Signing key of the log; default: FOLDER.key beside it.")
    ] = None,
    origin: Annotated[str, typer.Option("--origin", help="Name of a new log, as a URL without scheme.")] = "",
    name: Name = None,
    open_: Annotated[Path | None, typer.Option("--open", help="Open this commitment.")] = None,
    check: Annotated[Path | None, typer.Option("--check", help="Check this commitment.")] = None,
    opening: Annotated[Path | None, typer.Option("--opening", help="With --check: its opening.")] = None,
    proof: Annotated[
        Path | None, typer.Option("--proof", help="With --check: its .tlog-proof; default: beside it.")
    ] = None,
    log_vkey: Annotated[str, typer.Option("--log-vkey", help="With --check: the log's verifier key.")] = "",
    witness: Annotated[
        list[str] | None, typer.Option("--witness", help="With --check: verifier key of a witness.")
    ] = None,
    beacon: RoundFile = None,
    key_id: Annotated[str, typer.Option("--key-id", help="With --check: the key id it has to give.")] = "",
    engine_bits: Bits = None,
    synthid_depth: Depth = None,
    out: Annotated[Path | None, typer.Option("--out", help="File for the result.")] = None,
    as_json: Json = False,
) -> None:
    """Commit to an epoch's key before its beacon round; --open the commitment later; --check it."""
    refuse_keys(context, master, profile, chain, log, log_key, open_, check, opening, proof, beacon, out)
    at_most_one(open_, check, what="either --open or --check")
    at_most_one(engine_bits, synthid_depth, what="one form of key at a time")
    if check is not None:
        path = proof or check.with_suffix(".tlog-proof")
        trusted = [log_vkey, *(witness or [])]
        expected = terms_of(profile, epoch, purpose) if profile or epoch else None
        fields = _check(
            check, opening, path, trusted, chain, beacon, key_id, engine_bits, synthid_depth, expected
        )
        if out is not None:
            _write_json(out, {"schema": COMMIT_SCHEMA_ID, **fields})
        lines = [f"{key}: {value}" for key, value in fields.items()]
    elif open_ is not None:
        fields = _open(needed(master, "MASTER"), name, open_, needed(log, "--log"), log_key, out)
        lines = [f"opened: {out}"]
        if (purpose_opened := fields["terms"]["purpose"]) == "watermark":
            note("whoever has the opening can verify, and forge, this epoch's mark")
            note("text acquired from today on is refused as evidence for it")
        else:
            note(f"whoever has the opening can work out this epoch's key of purpose {purpose_opened}")
    else:
        fields = _commit(master, name, profile, epoch, purpose, number, chain, log, log_key, origin, out)
        lines = [f"commitment: {fields['commitment']}", f"verifier key of the log: {fields['log_vkey']}"]
        note("hand the commitment, its proof and the log's checkpoint out before the round")
    if as_json:
        emit_json(COMMIT_SCHEMA_ID, fields)
        return
    for line in lines:
        emit(line)


def _commit(
    master: Path | None,
    name: str | None,
    profile: Path | None,
    epoch: str,
    purpose: str,
    number: int | None,
    chain: Path | None,
    log: Path | None,
    log_key: Path | None,
    origin: str,
    out: Path | None,
) -> dict[str, Any]:
    from countermark.records.files import write_atomic
    from countermark.trust.beacon import read_chain
    from countermark.trust.checkpoints import write_proof
    from countermark.trust.commitments import commit, publish, write_document
    from countermark.trust.keyring import read_master
    from countermark.trust.log import open_or_create

    if number is None:
        raise Error("--round is missing", hint="a round that is not yet out", exit_code=ExitCode.USAGE)
    target, terms = needed(out, "--out"), terms_of(profile, epoch, purpose)
    if target.exists():
        raise Error(f"{target} exists already", hint="choose another path")
    source = read_master(needed(master, "MASTER"), name, epoch if name is not None else None)
    document = commit(source, terms, read_chain(needed(chain, "--chain")), number)
    book = open_or_create(needed(log, "--log"), log_key, origin)
    entry = publish(book, document)
    write_atomic(target, write_document(document))
    proof = target.with_suffix(".tlog-proof")
    write_atomic(proof, write_proof(book.prove(entry.index)).encode())
    return {
        "commitment": document.commitment,
        "out": str(target),
        "proof": str(proof),
        "log_index": entry.index,
        "log_vkey": str(book.verifier),
        "terms": terms.fields(),
        "beacon": {"chain_hash": document.beacon.chain_hash, "round": document.beacon.round},
    }


def _open(
    master: Path, name: str | None, commitment: Path, log: Path, log_key: Path | None, out: Path | None
) -> dict[str, Any]:
    import msgspec

    from countermark.trust.commitments import KIND, open_commitment, read_commitment, write_document
    from countermark.trust.exposure import record_opening
    from countermark.trust.keyfiles import write_secret
    from countermark.trust.keyring import read_master
    from countermark.trust.log import open_or_create

    document = read_commitment(commitment)
    source = read_master(master, name, document.epoch if name is not None else None)
    opening = open_commitment(source, document)
    target = needed(out, "--out")
    if target.exists():
        raise Error(f"{target} exists already", hint="choose another path")
    book = open_or_create(log, log_key, create=False)
    if all(one.payload != msgspec.to_builtins(document) for one in book.entries(KIND)):
        raise Error(
            f"the log in {log} does not hold this commitment", hint="open it in the log it was made in"
        )
    # the ledger first: an opening that is out but not recorded would let later text count
    day = datetime.now(UTC).date()
    entry = record_opening(book, document.terms, day)
    write_secret(target, write_document(opening))
    return {
        "commitment": document.commitment,
        "out": str(target),
        "log_index": entry.index,
        "day": str(day),
        "terms": document.terms.fields(),
    }


def _check(
    commitment: Path,
    opening: Path | None,
    proof: Path,
    trusted: list[str],
    chain: Path | None,
    beacon: Path | None,
    key_id: str,
    engine_bits: int | None,
    synthid_depth: int | None,
    expected: "Terms | None",
) -> dict[str, Any]:
    from countermark.trust import commitments
    from countermark.trust.beacon import PUBLIC_CHAINS, read_chain
    from countermark.trust.checkpoints import read_proof
    from countermark.trust.derivation import working_secret
    from countermark.trust.notes import VerifierKey

    if not trusted[0]:
        raise Error("--log-vkey is missing", hint="the log's owner gives it", exit_code=ExitCode.USAGE)
    document = commitments.read_commitment(commitment)
    known = read_chain(needed(chain, "--chain"))
    log, *witnesses = map(VerifierKey.parse, trusted)
    if expected is not None and expected != document.terms:
        raise Error(
            f"the commitment is for {document.terms.fields()}, not for the profile and epoch that were named",
            exit_code=ExitCode.VERIFICATION_FAILED,
        )
    shown = commitments.check_published(document, known, read_proof(read_text(proof)), log, witnesses)
    if witnesses and not shown.witnessed:
        raise Error("no named witness has signed the checkpoint", exit_code=ExitCode.VERIFICATION_FAILED)
    fields: dict[str, Any] = {
        "commitment": document.commitment,
        "terms": document.terms.fields(),
        "chain": PUBLIC_CHAINS.get(known.hash, "no public chain that is known here"),
        "round_out": known.time_of(document.beacon.round).isoformat(),
        "in_log_by": shown.time.isoformat(),
        "time_by": "a witness" if shown.witnessed else "the publisher alone",
        "opened": opening is not None,
    }
    if opening is None:
        return fields
    secret = commitments.check_opening(document, commitments.read_opening(opening))
    value = beacon_value(known, needed(beacon, "--beacon"), document.beacon.round)
    working = working_secret(secret, document.terms, value)
    found = cut(working, engine_bits, synthid_depth, None, None)[1]["key_id"]
    if key_id and key_id != found:
        raise Error(
            "the opened key is another than the one of that key id", exit_code=ExitCode.VERIFICATION_FAILED
        )
    return fields | {"key_id": found}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    from countermark.records.canonical import canonical_json
    from countermark.records.files import write_atomic

    write_atomic(path, canonical_json(value) + b"\n")
