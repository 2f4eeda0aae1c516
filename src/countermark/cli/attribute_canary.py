"""`countermark attribute canary`: draw canaries, note servings, score a suspect."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.attribute_canary_score import score
from countermark.cli.output import emit, emit_json, note, printable

if TYPE_CHECKING:
    from countermark.attribute.canary.items import FreeChoices

DRAW_SCHEMA_ID = "countermark/canary-draw/v1"
SERVE_SCHEMA_ID = "countermark/canary-serve/v1"

app = typer.Typer(
    help="Harmless free choices, drawn at random: does a suspect know them?", no_args_is_help=True
)


@app.callback()
def _canary() -> None:
    """Harmless free choices, drawn at random and committed to: does a suspect know them?"""


@app.command("draw")
def draw(
    secret_file: Annotated[
        Path, typer.Option("--secret-file", help="32 or more hex digits (0600): a key of purpose canary.")
    ],
    count: Annotated[int, typer.Option("--count", min=1, help="How many canaries to draw.")],
    out: Annotated[Path, typer.Option("--out", help="File for the canaries (0600); never overwritten.")],
    choices: Annotated[
        Path | None,
        typer.Option("--list", help="List of free choices (YAML or JSON); else the built-in one."),
    ] = None,
    commitment: Annotated[
        Path | None, typer.Option("--commitment", help="File for what may be published before any serving.")
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option("--prompts", help="File of the questions for capture probe; shows no choice."),
    ] = None,
    log: Annotated[Path | None, typer.Option("--log", help="Log folder that gets the commitment.")] = None,
    log_key: Annotated[
        Path | None, typer.Option("--log-key", help="Signing key of the log; default: FOLDER.key beside it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the public part as JSON.")] = False,
) -> None:
    """Draw choices uniformly at random under a secret, and commit to them.

    Publish the commitment before the first serving. The secret file tells which choices to serve.
    """
    from countermark.attribute.canary import draw as drawing
    from countermark.attribute.canary.items import BUILT_IN, read_choices
    from countermark.records.canonical import canonical_json
    from countermark.records.files import write_atomic
    from countermark.trust.keyfiles import read_secret
    from countermark.trust.log import open_or_create

    known = read_choices(choices or BUILT_IN)
    canaries = drawing.draw(known, read_secret(secret_file, what="secret file"), count)
    drawing.write_canaries(out, canaries)
    public = canaries.public()
    if log is not None:
        try:
            public["log_index"] = drawing.publish(open_or_create(log, log_key), canaries).index
        except BaseException:
            out.unlink()  # choices that were not committed to are not to be served
            raise
    if commitment is not None:
        write_atomic(commitment, canonical_json(canaries.public()) + b"\n")
    if prompts is not None:
        lines = [json.dumps({"id": one.id, "prompt": one.prompt}) for one in canaries.canaries]
        write_atomic(prompts, "".join(line + "\n" for line in lines).encode())
    public.pop("schema")
    if as_json:
        counts = {"items": len(known.items), "unreviewed": known.unreviewed, "automated": known.automated}
        emit_json(DRAW_SCHEMA_ID, {**public, "list_review": counts})
    else:
        emit(f"commitment: {canaries.commitment}")
        emit(f"key id: {canaries.key_id}")
    note(f"{count:,} canaries in {out}, readable by you alone; publish the commitment before serving any")
    if said := _review(known):
        note(said)


def _review(known: "FreeChoices") -> str:
    """What is still to be read of a list before it is served, in words; empty where named persons have."""
    of = f"of {len(known.items):,} items"
    parts = []
    if known.automated:
        parts.append(
            f"{known.automated:,} {of} were read by an automated second reader only, by no named person"
        )
    if known.unreviewed:
        parts.append(f"{known.unreviewed:,} {of} were read by no person at all")
    return f"{'; '.join(parts)}: have one read them before serving" if parts else ""


@app.command("serve")
def serve(
    canaries: Annotated[Path, typer.Option("--canaries", help="File of the canaries (0600).")],
    canary: Annotated[str, typer.Option("--canary", help="Id of the canary that is served.")],
    log: Annotated[Path, typer.Option("--served", help="Append-only log of servings, JSON lines (0600).")],
    account: Annotated[str, typer.Option("--account", help="Account that it is served to.")] = "",
    request: Annotated[str, typer.Option("--request", help="Request that it is served in.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Note one serving, and print the choice to serve."""
    from countermark.attribute.canary.draw import read_canaries
    from countermark.attribute.canary.serving import log_serving

    choice = log_serving(log, read_canaries(canaries), canary, account=account, request=request)
    if as_json:
        emit_json(SERVE_SCHEMA_ID, {"canary": canary, "choice": choice})
    else:
        emit(printable(choice))


app.command("score")(score)
