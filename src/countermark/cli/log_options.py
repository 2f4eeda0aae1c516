"""What the verbs of `log` share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.trust.notes import VerifierKey

PrivateLog = Annotated[Path, typer.Argument(metavar="LOG", help="The private log's folder.")]
Public = Annotated[
    Path | None, typer.Option("--public", metavar="DIR", help="The public log; default: LOG.public.")
]
LogVkey = Annotated[
    str, typer.Option("--log-vkey", help="The public log's verifier key, from elsewhere than its folder.")
]
WitnessVkey = Annotated[
    list[str] | None,
    typer.Option("--witness-vkey", help="Verifier key of a witness outside the alliance; repeatable."),
]
AllianceVkey = Annotated[
    list[str] | None,
    typer.Option("--alliance-vkey", help="Verifier key of a witness of the alliance; repeatable."),
]
CaFile = Annotated[
    Path | None, typer.Option("--ca-file", metavar="PEM", help="Authority of the witnesses' certificates.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Out = Annotated[Path | None, typer.Option("--out", help="Also write the result here, as JSON.")]


@dataclass(frozen=True)
class Known:
    """A witness that a caller names."""

    key: "VerifierKey"
    alliance: bool


def known(outside: Sequence[str] | None, alliance: Sequence[str] | None) -> list[Known]:
    """The witnesses of the options; raises `Error(USAGE)` for a key that is none of a witness."""
    from countermark.trust.notes import COSIGNATURE, VerifierKey

    pairs = [(text, False) for text in outside or ()] + [(text, True) for text in alliance or ()]
    found = [Known(VerifierKey.parse(text), of_alliance) for text, of_alliance in pairs]
    for one in found:
        if one.key.kind != COSIGNATURE:
            raise Error(f"{one.key.name} is a log's key, not a witness's", exit_code=ExitCode.USAGE)
    return found


def read_note(path: Path) -> str:
    """A signed note, or a reply, from a file."""
    from countermark.trust.notes import MAX_NOTE_BYTES

    try:
        with path.open("rb") as stream:
            return stream.read(MAX_NOTE_BYTES + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise Error(f"{path} cannot be read: {reason}", exit_code=ExitCode.NO_INPUT) from None


def show(
    schema: str, fields: Mapping[str, Any], lines: Sequence[str], as_json: bool, out: Path | None = None
) -> None:
    """The result, as lines or as JSON, and into a file where one is named."""
    if out is not None:
        from countermark.records.canonical import canonical_json
        from countermark.records.files import write_atomic

        write_atomic(out, canonical_json({"schema": schema, **fields}) + b"\n")
    if as_json:
        emit_json(schema, fields)
        return
    for line in lines:
        emit(printable(line))
