"""`countermark case`: the verbs of a case, each in its own file, and signing keys."""

from pathlib import Path
from typing import Annotated

import typer

from countermark.cli import (
    case_add,
    case_claims,
    case_damages,
    case_draft,
    case_export,
    case_hold,
    case_open,
    case_plan,
    case_redact,
    case_report,
    case_seal,
    case_show,
    case_trust,
)
from countermark.cli.output import emit, emit_json, note

app = typer.Typer(
    help="Gather a case, keep its chain of custody, and seal it into an evidence package.",
    no_args_is_help=True,
)
app.command("open")(case_open.open_)
app.add_typer(case_add.app, name="add")
app.command("hold")(case_hold.hold)
app.command("show")(case_show.show)
app.command("plan")(case_plan.plan)
app.command("seal")(case_seal.seal)
app.command("redact")(case_redact.redact)
app.command("export")(case_export.export)
app.command("claims")(case_claims.claims)
app.command("report")(case_report.report)
app.command("draft")(case_draft.draft)
app.command("damages")(case_damages.damages)
app.command("trust")(case_trust.trust)

KEYGEN_SCHEMA_ID = "countermark/case-keygen/v1"


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

    from countermark.prove.package.trustfile import SignerEntry
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
