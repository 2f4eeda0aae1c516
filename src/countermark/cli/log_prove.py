"""`countermark log prove` and `verify-entry`: one entry for a third party, who sees nothing else."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.log_options import (
    AllianceVkey,
    Json,
    LogVkey,
    Out,
    PrivateLog,
    Public,
    WitnessVkey,
    known,
    show,
)
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.trust.entry_proofs import ShownEntry

PROVE_SCHEMA = "countermark/log-prove/v1"
VERIFY_SCHEMA = "countermark/log-verify-entry/v1"
_MAX_FILE = 4 << 20


def prove(
    log: PrivateLog,
    entry: Annotated[int, typer.Option("--entry", min=0, metavar="N", help="Entry of the private log.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for proof and opening.")],
    public: Public = None,
    as_json: Json = False,
) -> None:
    """Write the proof (.tlog-proof) of the batch of an entry, and the opening that shows the entry alone.

    The proof is under the earliest cosigned checkpoint that covers the batch, else under the log's own.
    """
    from countermark.records.files import write_atomic
    from countermark.trust.checkpoints import write_proof
    from countermark.trust.entry_proofs import prove_entry, write_shown
    from countermark.trust.publication import Publication

    shown, proof = prove_entry(Publication.open(log, public), entry)
    out.mkdir(parents=True, exist_ok=True)
    first, second = out / f"entry-{entry}.tlog-proof", out / f"entry-{entry}.opening.json"
    write_atomic(first, write_proof(proof).encode())
    write_atomic(second, write_shown(shown))
    fields = {"entry": entry, "batch": shown.batch, "proof": str(first), "opening": str(second)}
    lines = [f"entry {entry} is in batch {shown.batch}", f"proof: {first}", f"opening: {second}"]
    show(PROVE_SCHEMA, fields, lines, as_json)


def verify_entry(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="The .tlog-proof.")],
    opening: Annotated[Path, typer.Argument(metavar="OPENING", help="The opening.")],
    log_vkey: LogVkey,
    witness_vkey: WitnessVkey = None,
    alliance_vkey: AllianceVkey = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Check that an entry was committed to in a public log, and by when; exit 20 where it was not."""
    from countermark.trust.checkpoints import read_proof
    from countermark.trust.entry_proofs import check_entry, read_shown
    from countermark.trust.notes import VerifierKey

    witnesses = known(witness_vkey, alliance_vkey)
    given = read_shown(_bytes(opening))
    found = check_entry(
        given, read_proof(_bytes(proof).decode(errors="replace")), VerifierKey.parse(log_vkey), witnesses
    )
    show(VERIFY_SCHEMA, _fields(found), _lines(found), as_json, out)


def _fields(found: "ShownEntry") -> dict[str, Any]:
    entry = found.entry
    return {
        "verified": True,
        "origin": found.checkpoint.origin,
        "batch": found.batch,
        "index": entry.index,
        "kind": entry.kind,
        "time": entry.time.isoformat(),
        "payload": entry.payload,
        "witnessed": None if found.witnessed is None else _time(found.witnessed),
    }


def _lines(found: "ShownEntry") -> list[str]:
    import json

    entry = found.entry
    by = "not witnessed: only the log itself says when"
    if found.witnessed is not None:
        by = f"cosigned by {_time(found.witnessed)}"
    return [
        f"entry {entry.index}, {entry.kind}, in batch {found.batch} of {found.checkpoint.origin}",
        by,
        json.dumps(entry.payload, ensure_ascii=False),
    ]


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(min(seconds, 1 << 37), UTC).isoformat()


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_FILE + 1)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
