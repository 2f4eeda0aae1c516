"""`countermark watermark`: profiles, keys, scores, scans; each verb has a file of its own."""

import typer

from countermark.cli import (
    watermark_commit,
    watermark_exposure,
    watermark_keys,
    watermark_locate,
    watermark_profile,
    watermark_runs,
    watermark_scan,
    watermark_score,
)
from countermark.cli.watermark_options import EXTRA_ARGUMENTS

app = typer.Typer(help="Read the marks of serving engines, and one made for court.", no_args_is_help=True)


@app.callback()
def _watermark() -> None:
    """Read the marks of serving engines, and one made for court."""


app.command("keygen", context_settings=EXTRA_ARGUMENTS)(watermark_keys.keygen)
app.command("commit", context_settings=EXTRA_ARGUMENTS)(watermark_commit.commit)
app.command("profile")(watermark_profile.profile)
app.command("score")(watermark_score.score)
app.command("scan")(watermark_scan.scan)
app.command("locate")(watermark_locate.locate)
app.command("exposure")(watermark_exposure.exposure)
app.command("runs")(watermark_runs.runs)
