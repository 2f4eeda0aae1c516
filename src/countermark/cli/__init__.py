"""The command line: one file per verb; this one joins them and turns errors into exit codes.

Verbs import what they need inside the command, so that help stays fast.
"""

import sys
from typing import Annotated, NoReturn

import typer

from countermark import __version__
from countermark.cli import capture, case, demo, detect, purge, verify
from countermark.cli.output import print_error
from countermark.errors import Error, ExitCode

app = typer.Typer(
    name="countermark",
    help="Find unauthorised distillation in access logs and seal evidence that can be re-verified offline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.add_typer(capture.app, name="capture")
app.command("detect")(detect.detect)
app.add_typer(case.app, name="case")
app.command("verify")(verify.verify)
app.command("purge")(purge.purge)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"countermark {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find unauthorised distillation in access logs and seal evidence that can be re-verified offline."""


def main() -> NoReturn:
    """Entry point: every expected failure is one line and a hint, never a traceback."""
    try:
        code = app(standalone_mode=False, prog_name="countermark")
    except Error as error:
        print_error(error.message, error.hint)
        sys.exit(error.exit_code)
    except typer.TyperException as error:
        print_error(error.format_message(), "countermark --help lists what there is")
        sys.exit(ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        print_error("interrupted", "")
        sys.exit(ExitCode.INTERRUPTED)
    sys.exit(code or ExitCode.DONE)
