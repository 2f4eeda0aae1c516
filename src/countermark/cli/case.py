"""`countermark case`."""

import typer

app = typer.Typer(help="case", no_args_is_help=True)


@app.command("x")
def x() -> None:
    """To come."""

@app.command("y")
def y() -> None:
    """To come."""
