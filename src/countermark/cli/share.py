"""`countermark share`: one file per verb."""

import typer

app = typer.Typer(
    name="share",
    help="Exchange findings with other providers: STIX over TAXII, under a policy and two people's release.",
    no_args_is_help=True,
)
