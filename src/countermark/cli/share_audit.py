"""`countermark share audit`: is the log whole, does the database agree with it, does a proof from it hold?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.cli.share_data import DEFAULT, Data, Json, plain
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.trust.notes import VerifierKey

SCHEMA = "countermark/share-audit/v1"
_BARE_KEY = 44  # base64 of 32 bytes; a verifier key, name+hash+base64, is longer
CHECK_SCHEMA = "countermark/share-audit-check/v1"
app = typer.Typer(name="audit", help="The log of an exchange, and proofs from it.", no_args_is_help=True)


@app.callback()
def _audit() -> None:
    """The log of an exchange, and what was proved from one."""


@app.command("verify")
def verify(
    entry: Annotated[
        int | None, typer.Option("--entry", min=0, metavar="N", help="Also prove this entry.")
    ] = None,
    proof: Annotated[
        Path | None, typer.Option("--proof", metavar="OUT", help="Where its proof is written (tlog-proof).")
    ] = None,
    log_key: Annotated[
        Path | None,
        typer.Option("--log-key", metavar="PUBFILE", help="The log's public key, from outside the folder."),
    ] = None,
    earlier: Annotated[
        Path | None, typer.Option("--earlier", metavar="FILE", help="A checkpoint that was kept before.")
    ] = None,
    data: Data = DEFAULT,
    as_json: Json = False,
) -> None:
    """Verify the whole log; every object has its entry, and no entry lacks its object."""
    from countermark.share.server.folder import open_log, opened
    from countermark.share.server.verify import compare
    from countermark.share.stix.schemas import check_objects

    if (entry is None) != (proof is None):
        raise Error("--entry and --proof belong together", exit_code=ExitCode.USAGE)
    checkpoint = _verify_log(data, log_key, earlier)
    with opened(data) as folder:
        found = compare(folder.store, lambda: open_log(data, writing=False), check_objects)
    if entry is not None and proof is not None:
        _write_proof(data, entry, proof)
    result: dict[str, Any] = {"verified": not found.problems, **checkpoint, **plain(found)}
    if as_json:
        emit_json(SCHEMA, result)
    else:
        state = "verifies" if result["verified"] else "DOES NOT VERIFY"
        emit(
            f"{state}: {found.entries:,} entries, {found.added:,} objects added, {found.deleted:,} deleted, "
            f"{found.reads:,} reads, {found.waiting:,} entries waiting"
        )
    for problem in found.problems:
        note(printable(problem))
    if found.problems:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)


@app.command("check")
def check(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="Proof of one entry (tlog-proof).")],
    log_key: Annotated[
        Path,
        typer.Option("--log-key", metavar="FILE", help="Public key of the log, from whoever keeps it."),
    ],
    as_json: Json = False,
) -> None:
    """Check that an entry stands in a log: a proof from your own log, or from an exchange."""
    from countermark.trust.checkpoints import read_proof, verify_proof
    from countermark.trust.entries import read_entry
    from countermark.trust.notes import MAX_NOTE_BYTES

    # a byte that is no UTF-8 is a change like any other: the proof does not hold
    given = read_proof(_bytes(proof, 2 * MAX_NOTE_BYTES + 1).decode(errors="replace"))
    verifier = _verifier(_text(log_key).strip(), given.checkpoint)
    if not given.extra:
        raise Error("the proof holds no entry", exit_code=ExitCode.VERIFICATION_FAILED)
    entry = read_entry(given.extra)
    checkpoint = verify_proof(given, entry.leaf_hash, verifier)
    place = {"log": checkpoint.origin, "keyid": verifier.public.keyid, "size": checkpoint.size}
    content = {"kind": entry.kind, "time": entry.time.isoformat(), "payload": entry.payload}
    if as_json:
        root = {"root": checkpoint.root.hex()}
        emit_json(CHECK_SCHEMA, {"verified": True, **place, **root, "index": given.index, **content})
        return
    emit(printable(f"entry {given.index} of {checkpoint.size:,} in {checkpoint.origin}"))
    emit(printable(f"{entry.kind}, {entry.time.isoformat()}"))
    for line in json.dumps(entry.payload, indent=2, ensure_ascii=False).splitlines():
        emit(printable(line))


def _verifier(text: str, note: str) -> "VerifierKey":
    """The log's key: with a name of its own, or alone; then it speaks for the log that the note names."""
    from countermark.trust.notes import VerifierKey
    from countermark.trust.signing import PublicKey

    if "-----BEGIN" not in text and len(text) > _BARE_KEY:
        return VerifierKey.parse(text)
    return VerifierKey(note.partition("\n")[0], PublicKey.parse(text))


def _verify_log(data: Path, log_key: Path | None, earlier: Path | None) -> dict[str, Any]:
    from countermark.share.server.folder import LOG, open_log
    from countermark.trust.log import verify_log
    from countermark.trust.notes import VerifierKey
    from countermark.trust.signing import PublicKey

    log = open_log(data, writing=False)
    key = PublicKey.parse(_text(log_key or data / f"{LOG}.key.pub").strip())
    verifier = VerifierKey(log.verifier.name, key)
    before = _text(earlier) if earlier is not None else None
    checked = verify_log(data / LOG, verifier, earlier=before)
    return {"size": checked.checkpoint.size, "root": checked.checkpoint.root.hex(), "keyid": key.keyid}


def _write_proof(data: Path, entry: int, out: Path) -> None:
    from countermark.records.files import write_atomic
    from countermark.share.server.folder import open_log
    from countermark.trust.checkpoints import write_proof

    write_atomic(out, write_proof(open_log(data, writing=False).prove(entry)).encode())
    note(printable(f"the proof of entry {entry} is in {out}"))


def _text(path: Path) -> str:
    try:
        return _bytes(path, 1 << 20).decode()
    except UnicodeDecodeError:
        raise Error(f"{path} cannot be read: no text", exit_code=ExitCode.NO_INPUT) from None


def _bytes(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(most)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
