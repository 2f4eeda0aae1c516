"""`countermark attribute`: was this made independently of ours? Each verb has a file of its own."""

import typer

from countermark.cli import (
    attribute_canary,
    attribute_identity,
    attribute_lineage,
    attribute_monitor,
    attribute_radioactivity,
    attribute_text,
)

app = typer.Typer(help="Was this text or model made independently of ours?", no_args_is_help=True)


@app.callback()
def _attribute() -> None:
    """Was this text or model made independently of ours? Each answer has one null, in plain words."""


app.command("text")(attribute_text.text)
app.command("radioactivity")(attribute_radioactivity.radioactivity)
app.command("identity")(attribute_identity.identity)
app.add_typer(attribute_canary.app, name="canary")
app.command("lineage")(attribute_lineage.lineage)
app.add_typer(attribute_monitor.app, name="monitor")
