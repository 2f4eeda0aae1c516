"""`countermark share`: one file per verb."""

import typer

from countermark.cli import share_misp

app = typer.Typer(
    name="share",
    help="Exchange findings with other providers: STIX over TAXII, under a policy and two people's release.",
    no_args_is_help=True,
)
app.add_typer(share_misp.app)
