"""`countermark watermark`: profiles, keys, scores, scans; each verb has a file of its own."""

import typer

from countermark.cli import watermark_score

app = typer.Typer(help="Read the marks of serving engines, and one made for court.", no_args_is_help=True)


@app.callback()
def _watermark() -> None:
    """Read the marks of serving engines, and one made for court."""


app.command("score")(watermark_score.score)
