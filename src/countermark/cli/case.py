"""`countermark case`: make signing keys, seal a case."""

from pathlib import Path
from typing import Annotated

import typer

from countermark.cli import case_add, case_export, case_hold, case_open, case_show
from countermark.cli.output import emit, emit_json, note

app = typer.Typer(
    help="Gather a case, keep its chain of custody, and seal it into an evidence package.",
    no_args_is_help=True,
)
app.command("open")(case_open.open_)
app.add_typer(case_add.app, name="add")
app.command("hold")(case_hold.hold)
app.command("show")(case_show.show)
app.command("export")(case_export.export)

KEYGEN_SCHEMA_ID = "countermark/case-keygen/v1"
SEAL_SCHEMA_ID = "countermark/case-seal/v1"


@app.callback()
def _case() -> None:
    """Gather a case, keep its chain of custody, and seal it into an evidence package."""


@app.command("keygen")
def keygen(
    out: Annotated[
        Path, typer.Option("--out", help="File for the private key (mode 0600); .pub stands beside it.")
    ],
    name: Annotated[str, typer.Option("--name", help="Who signs with it, for the trust file.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make an Ed25519 signing key, and print its line for a trust file."""
    import msgspec

    from countermark.prove.trustfile import SignerEntry
    from countermark.trust.signing import SigningKey

    key = SigningKey.generate()
    public = key.save(out)
    signer = SignerEntry(name or out.stem, key.public.to_base64())
    if as_json:
        signer_fields = msgspec.to_builtins(signer)
        paths = {"private_key": str(out), "public_key": str(public)}
        emit_json(KEYGEN_SCHEMA_ID, {"keyid": key.public.keyid, **paths, "signer": signer_fields})
        return
    emit(f"key id: {key.public.keyid}")
    emit(f"signer: {msgspec.json.encode(signer).decode()}")
    note(f"private key in {out}: keep it; public key in {public}; the signer goes into a trust file")


@app.command("seal")
def seal(
    findings: Annotated[Path, typer.Argument(help="A FINDINGS folder, as detect writes it.")],
    events: Annotated[
        Path, typer.Option("--events", help="The EVENTS folder that the findings were made of.")
    ],
    key: Annotated[list[Path], typer.Option("--key", help="Private key of a signer; may be given again.")],
    case: Annotated[str, typer.Option("--case", help="Case id: letters, digits, dot, underscore, hyphen.")],
    out: Annotated[Path, typer.Option("--out", help="The package: a zip if it ends in .zip, else a folder.")],
    tsa: Annotated[
        list[str] | None, typer.Option("--tsa", help="URL of an RFC 3161 timestamp authority.")
    ] = None,
    scan: Annotated[
        Path | None, typer.Option("--scan", help="A SCAN folder, as watermark scan writes it.")
    ] = None,
    attribution: Annotated[
        list[Path] | None, typer.Option("--attribution", help="A folder of attribute; may be given again.")
    ] = None,
    include_events: Annotated[bool, typer.Option("--include-events", help="Put the events in, too.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Seal findings, and what made them, into a signed evidence package."""
    from countermark.prove.seal import SealOptions, seal
    from countermark.trust.signing import SigningKey

    keys = [SigningKey.load(path) for path in key]
    options = SealOptions(
        findings=findings,
        events=events,
        case_id=case,
        out=out,
        keys=keys,
        tsa_urls=tsa or [],
        scan=scan,
        attributions=attribution or [],
        include_events=include_events,
        overwrite=overwrite,
    )
    package = seal(options)
    keyids = sorted(one.public.keyid for one in keys)
    if as_json:
        emit_json(SEAL_SCHEMA_ID, {"package": str(package), "case_id": case, "signers": keyids})
        return
    emit(f"sealed case {case} in {package}")
    note(f"check it: countermark verify {package} --trust FILE")
