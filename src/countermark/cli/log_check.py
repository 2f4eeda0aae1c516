"""`countermark log compare` and `check`: was everybody shown one log, and does it hold what it should?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.log_options import (
    AllianceVkey,
    Json,
    LogVkey,
    Out,
    WitnessVkey,
    known,
    read_note,
    show,
)
from countermark.cli.output import note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.trust.examination import PrivatePart, PublicPart

COMPARE_SCHEMA = "countermark/log-compare/v1"
CHECK_SCHEMA = "countermark/log-check/v1"


def compare(
    notes: Annotated[list[Path], typer.Argument(metavar="NOTE…", help="Signed checkpoints of one log.")],
    log_vkey: LogVkey,
    public: Annotated[
        Path | None, typer.Option("--public", metavar="DIR", help="A copy of the public log.")
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Compare checkpoints that different people were shown: exit 0 one log, 20 a fork, 11 not to be told.

    Two signed notes that contradict each other are the proof, and are named.
    Notes of different sizes need the entries in between, --public.
    """
    from countermark.trust.forks import compare as compared
    from countermark.trust.notes import VerifierKey

    if len(notes) + (public is not None) < 2:
        raise Error("one note alone is compared with nothing", hint="--public DIR", exit_code=ExitCode.USAGE)
    texts = {str(path): read_note(path) for path in notes}
    found, opened = compared(texts, VerifierKey.parse(log_vkey), public)
    sizes = {name: one.size for name, one in opened.items()}
    fields: dict[str, Any] = {"fork": list(found.fork or ()), "open": list(found.open), "sizes": sizes}
    if found.fork is not None:
        lines = [f"FORK: {found.fork[0]} and {found.fork[1]} are of no one log; together they prove it"]
    elif found.open:
        lines = [f"not to be told from these files: {', '.join(found.open)}"]
        if public is None:
            note("notes of two sizes need the entries in between: --public DIR")
    else:
        lines = [f"one log: {len(opened)} checkpoints, the largest of size {max(sizes.values()):,}"]
    show(COMPARE_SCHEMA, fields, lines, as_json, out)
    if found.fork is not None:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)
    if found.open:
        raise typer.Exit(ExitCode.INCONCLUSIVE)


def check(
    public: Annotated[Path, typer.Argument(metavar="PUBLIC", help="The public log's folder.")],
    log_vkey: LogVkey,
    witness_vkey: WitnessVkey = None,
    alliance_vkey: AllianceVkey = None,
    kept: Annotated[
        list[Path] | None, typer.Option("--note", help="A signed checkpoint kept elsewhere; repeatable.")
    ] = None,
    private: Annotated[
        Path | None, typer.Option("--private", metavar="LOG", help="Under order: the private log.")
    ] = None,
    salts: Annotated[
        Path | None, typer.Option("--salts", help="Under order: its salt secret (0600); default: LOG.salts.")
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Check a whole public log; with the private one, that every entry was committed once and in order."""
    import msgspec

    from countermark.trust.examination import examine_private, examine_public
    from countermark.trust.notes import VerifierKey

    if salts is not None and private is None:
        raise Error("--salts opens a --private log", exit_code=ExitCode.USAGE)
    outside = examine_public(
        public,
        VerifierKey.parse(log_vkey),
        witnesses=known(witness_vkey, alliance_vkey),
        kept=[read_note(path) for path in kept or []],
    )
    inside = examine_private(private, public, salts) if private is not None else None
    fields = {
        "verified": True,
        "public": msgspec.to_builtins(outside),
        "private": msgspec.to_builtins(inside),
    }
    lines = _public_lines(outside) + ([] if inside is None else _private_lines(inside))
    show(CHECK_SCHEMA, fields, lines, as_json, out)
    if inside is not None and inside.late:
        shown = ", ".join(map(str, inside.late[:20]))
        note(printable(f"older by their own clock than a batch that had room for them: entries {shown}"))


def _public_lines(found: "PublicPart") -> list[str]:
    by_others = [one for one in found.cosigned if one.witnessed is not None]
    state = f"witnessed up to size {by_others[-1].size:,}" if by_others else "NOT WITNESSED"
    lines = [
        f"verifies: {found.batches:,} batches of {found.width} every {found.every_seconds:,} s, {state}",
        f"{len(found.cosigned):,} cosigned checkpoints, {found.kept} kept elsewhere; "
        f"{found.missed:,} ticks without a batch",
    ]
    if found.out_of_cadence:
        shown = ", ".join(map(str, found.out_of_cadence[:20]))
        lines.append(f"{len(found.out_of_cadence)} batches out of cadence: {shown}")
    return lines


def _private_lines(found: "PrivatePart") -> list[str]:
    return [
        f"every entry committed once, in order: {found.committed:,} of {found.entries:,}, "
        f"{found.waiting:,} wait",
        f"{found.runs:,} runs, {found.privileged:,} of them privileged, {len(found.unfinished):,} without an "
        "outcome",
    ]
