"""`countermark share overlap`: how many accounts' identifiers two members have in common, and no more."""

import typer

from countermark.cli import share_overlap_prepare, share_overlap_review, share_overlap_run

app = typer.Typer(
    name="overlap",
    help="Find with another member how many identifiers of suspended accounts you have in common.",
    no_args_is_help=True,
)
app.command("prepare")(share_overlap_prepare.prepare)
app.command("run")(share_overlap_run.run)
app.command("review")(share_overlap_review.review)
