"""`countermark share`: one file per verb."""

import typer

from countermark.cli import share_approve, share_dispute, share_review

app = typer.Typer(
    name="share",
    help="Exchange findings with other providers: STIX over TAXII, under a policy and two people's release.",
    no_args_is_help=True,
)
app.command("review")(share_review.review)
app.command("approve")(share_approve.approve)
app.add_typer(share_dispute.app, name="dispute")
