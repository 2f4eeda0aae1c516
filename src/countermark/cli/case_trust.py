"""`countermark case trust`: a trust file out of what came by other ways than the package."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.prove.package.trustfile import SignerEntry, Trust, WitnessEntry

TRUST_SCHEMA_ID = "countermark/case-trust/v1"
OUTSIDE, ALLIANCE = "=outside", "=alliance"
MAX_READ = 1 << 20


def trust(
    signer: Annotated[
        list[str],
        typer.Option("--signer", help="The line of case keygen, or a .pub file; may be given again."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The trust file.")],
    threshold: Annotated[int, typer.Option("--threshold", help="How many of them must have signed.")] = 1,
    case: Annotated[
        list[str] | None, typer.Option("--case", help="An accepted case id; may be given again.")
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option("--log", metavar="VKEY", help="Key of a public log; may be given again."),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(
            "--witness",
            metavar="VKEY[=outside|alliance]",
            help="Key of a witness; =outside where no member of the alliance runs it.",
        ),
    ] = None,
    tsa_root: Annotated[
        list[Path] | None,
        typer.Option("--tsa-root", metavar="PEM", help="Root of an authority, with what lies between."),
    ] = None,
    timestamp_authorities: Annotated[
        int, typer.Option("--timestamp-authorities", help="How many different ones are needed.")
    ] = 0,
    checkpoint: Annotated[
        list[Path] | None, typer.Option("--checkpoint", help="A signed note of a log that you kept.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the trust file of a verification, and check it.

    Everything in it has to reach you by another way than the package.
    """
    from countermark.prove.package.trustfile import read_trust, write_trust

    if out.exists() and not overwrite:
        raise Error(f"{out} exists already", hint="--overwrite replaces it", exit_code=ExitCode.USAGE)
    write_trust(
        out,
        [_signer(one) for one in signer],
        threshold=threshold,
        tsa_roots=[pem for path in tsa_root or () for pem in _certificates(path)],
        timestamp_authorities=timestamp_authorities,
        cases=case or [],
        logs=log or [],
        witnesses=[_witness(one) for one in witness or ()],
        checkpoints=[_text(path) for path in checkpoint or ()],
    )
    _say(out, read_trust(out), as_json)


def _say(out: Path, made: "Trust", as_json: bool) -> None:
    """Whom it accepts, and what it lacks."""
    outside = [str(one.key) for one in made.witnesses if not one.alliance]
    if as_json:
        logs = [str(one) for one in made.logs]
        fields = {"trust": str(out), "signers": made.signers, "threshold": made.threshold}
        emit_json(TRUST_SCHEMA_ID, {**fields, "logs": logs, "outside_witnesses": outside})
    else:
        for keyid, name in made.signers.items():
            emit(f"signer {printable(name)}: {keyid}")
    if made.witnesses and not outside:
        note("no witness is =outside the alliance: cosignatures show no time")
    if made.timestamp_authorities < 2:
        note("fewer than two --timestamp-authorities are asked for: the word of one would do, or of none")
    note(f"trust file in {out}: keep it where nobody who makes packages can change it")


def _signer(given: str) -> "SignerEntry":
    """From the JSON that `case keygen` prints (`signer: ` may stand before it), or from a file that holds
    that or a public key; such a key is called by the file's name up to its first dot."""
    import msgspec

    from countermark.prove.package.trustfile import SignerEntry
    from countermark.trust.signing import PublicKey

    text, name = given.removeprefix("signer:").strip(), ""
    if not text.startswith("{"):
        path = Path(given)
        text, name = _text(path).removeprefix("signer:").strip(), path.name.partition(".")[0]
    try:
        entry = (
            msgspec.json.decode(text, type=SignerEntry) if text.startswith("{") else SignerEntry(name, text)
        )
        # in base64, which both verifiers read
        return msgspec.structs.replace(entry, public_key=PublicKey.parse(entry.public_key).to_base64())
    except (msgspec.DecodeError, RecursionError, Error) as error:
        why = error.message if isinstance(error, Error) else str(error)
        hint = "the line that countermark case keygen prints, or a .pub file"
        raise Error(f"--signer: {why}", hint=hint, exit_code=ExitCode.USAGE) from error


def _witness(given: str) -> "WitnessEntry":
    """A verifier key may end in `=` itself, so only these two endings count; without one it is an ally."""
    from countermark.prove.package.trustfile import WitnessEntry

    vkey = given.removesuffix(OUTSIDE).removesuffix(ALLIANCE)
    return WitnessEntry(vkey, alliance=not given.endswith(OUTSIDE))


def _certificates(path: Path) -> list[str]:
    """Each certificate of a PEM file by itself, as a trust file has them."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        found = x509.load_pem_x509_certificates(_text(path).encode())
    except ValueError as error:
        raise Error(f"{path} holds no certificate in PEM", exit_code=ExitCode.NO_INPUT) from error
    return [one.public_bytes(Encoding.PEM).decode() for one in found]


def _text(path: Path) -> str:
    """A small text file."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_READ + 1)
        if len(data) > MAX_READ:
            raise Error(f"{path} is larger than 1 MiB", exit_code=ExitCode.NO_INPUT)
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Error(f"{path} cannot be read: {reason}", exit_code=ExitCode.NO_INPUT) from error
