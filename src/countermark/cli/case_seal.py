"""`countermark case seal`: findings, or a whole case folder, into a signed evidence package."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.prove.sealing.seal_options import SealOptions

RESULTS = "data/results.json"
SEAL_SCHEMA_ID = "countermark/case-seal/v1"
FEW_TSA = (
    "fewer than two --tsa: one authority alone, or the sealer's own clock, would say since when this stands"
)


def seal(
    source: Annotated[
        Path, typer.Argument(metavar="CASE|FINDINGS", help="A case folder, or a FINDINGS folder of detect.")
    ],
    key: Annotated[list[Path], typer.Option("--key", help="Private key of a signer; may be given again.")],
    out: Annotated[Path, typer.Option("--out", help="The package: a zip if it ends in .zip, else a folder.")],
    events: Annotated[
        Path | None, typer.Option("--events", help="The EVENTS folder that the FINDINGS were made of.")
    ] = None,
    case: Annotated[
        str, typer.Option("--case", help="Case id: letters, digits, dot, underscore, hyphen.")
    ] = "",
    tsa: Annotated[
        list[str] | None,
        typer.Option("--tsa", help="URL of an RFC 3161 timestamp authority; may be given again."),
    ] = None,
    scan: Annotated[
        Path | None, typer.Option("--scan", help="A SCAN folder, as watermark scan writes it.")
    ] = None,
    attribution: Annotated[
        list[Path] | None, typer.Option("--attribution", help="A folder of attribute; may be given again.")
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option("--run", help="What came out of a run that is no result; may be given again."),
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Who seals, for custody; default: the keys' ids.")] = "",
    public_log: Annotated[
        Path | None,
        typer.Option("--public-log", help="Public log of the case's log; default: LOG.public beside it."),
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option("--trust", help="Log, witness and TSA keys by which results are classed."),
    ] = None,
    include_events: Annotated[bool, typer.Option("--include-events", help="Put the events in, too.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Seal a case folder, or findings and what made them, into a signed evidence package.

    No result is refused for its class: without a plan that was fixed before the data it is exploratory.
    """
    from countermark.prove.case_folder.workspace_state import STATE_FILE
    from countermark.prove.package.trustfile import read_trust
    from countermark.prove.sealing.seal import seal
    from countermark.prove.sealing.seal_folder import options_of
    from countermark.prove.sealing.seal_options import with_sealed
    from countermark.trust.signing import SigningKey

    keys = [SigningKey.load(path) for path in key]
    _check_there(source)
    if (source / STATE_FILE).is_file():
        _only_findings(bool(events), bool(case), bool(scan), bool(attribution))
        options = with_sealed(options_of(source, out, keys, run or []), by)
    else:
        _only_folder(bool(run), bool(by))
        options = replace(_of_findings(source, out, events, case), scan=scan, attributions=attribution or [])
    options = replace(
        options,
        keys=keys,
        tsa_urls=tsa or [],
        public_log=public_log,
        trust=read_trust(trust) if trust else None,
        include_events=include_events,
        overwrite=overwrite,
        say=note,
    )
    _warn(options)
    _say(seal(options), options, as_json)


def _warn(options: "SealOptions") -> None:
    """Before anything is signed: one timestamp authority is few."""
    if len(set(options.tsa_urls)) < 2:
        note(FEW_TSA)


def _say(package: Path, options: "SealOptions", as_json: bool) -> None:
    """What was sealed, by whom, and the class of each result."""
    results = _results(package, options.case_id)
    if as_json:
        keyids = sorted(one.public.keyid for one in options.keys)
        fields = {"package": str(package), "case_id": options.case_id, "signers": keyids}
        emit_json(SEAL_SCHEMA_ID, {**fields, "results": results})
        return
    emit(f"sealed case {options.case_id} in {package}")
    for one in results:
        note(printable(one["heading"]))
        for reason in one["reasons"]:
            note(printable(f"  - {reason}"))
    note(f"check it: countermark verify {package} --trust FILE")


def _results(package: Path, case_id: str) -> list[dict[str, Any]]:
    """`results` of the package that was written: the class of each, and what is missing."""
    if package.is_dir():
        data = (package / RESULTS).read_bytes()
    else:
        with zipfile.ZipFile(package) as archive:
            data = archive.read(f"{case_id}/{RESULTS}")
    results: list[dict[str, Any]] = json.loads(data)["results"]
    return results


def _only_findings(*given: bool) -> None:
    if any(given):
        message = "a case folder has its events, case id, scan and attributions already"
        raise Error(
            message, hint="leave --events, --case, --scan and --attribution out", exit_code=ExitCode.USAGE
        )


def _check_there(source: Path) -> None:
    if not source.is_dir():
        hint = "a case folder (countermark case open makes one), or a FINDINGS folder"
        raise Error(f"there is no folder {source}", hint=hint, exit_code=ExitCode.NO_INPUT)


def _only_folder(*given: bool) -> None:
    if any(given):
        hint = "countermark case open makes one, with --matter and --log"
        raise Error("--run and --by go with a case folder", hint=hint, exit_code=ExitCode.USAGE)


def _of_findings(findings: Path, out: Path, events: Path | None, case: str) -> "SealOptions":
    """Findings and their events, without a case folder; the keys come later."""
    from countermark.prove.sealing.seal_options import SealOptions

    if events is None or not case:
        hint = "--events FOLDER and --case ID, or a case folder of case open"
        raise Error("findings are sealed with --events and --case", hint=hint, exit_code=ExitCode.USAGE)
    return SealOptions(findings=findings, events=events, case_id=case, out=out, keys=())
