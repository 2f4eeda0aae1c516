"""The command line: one file per verb; this one joins them and turns errors into exit codes.

Verbs import what they need inside the command, so that help stays fast.
"""

import os
import sys
from typing import Annotated, Any, NoReturn

import typer

from countermark import __version__
from countermark.cli import (
    attribute,
    capture,
    case,
    demo,
    detect,
    log,
    power,
    purge,
    share,
    terms,
    verify,
    watermark,
)
from countermark.cli.output import note, print_error
from countermark.cli.settings import read_settings
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
app.add_typer(log.app, name="log")
app.command("verify")(verify.verify)
app.add_typer(watermark.app, name="watermark")
app.add_typer(attribute.app, name="attribute")
app.add_typer(share.app, name="share")
app.add_typer(terms.app, name="terms")
app.command("power")(power.power)
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


NO_SETTINGS = {"verify", "case", "purge", "keygen", "commit", "probe", "review", "approve", "dispute"}
NO_SETTINGS |= {"check", "keys", "log", "terms"}
"""Verbs that take nothing from a file in the working directory: whom to trust, what to sign, what leaves,
what to destroy and where a key and money go is said on the command line."""


def _options(command: Any) -> Any:
    """The long options of a command with their parameters' names, or those of its commands by name."""
    if hasattr(command, "commands"):
        return {name: _options(inner) for name, inner in command.commands.items() if name not in NO_SETTINGS}
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    return {
        name[2:]: parameter.name for parameter in options for name in parameter.opts if name.startswith("--")
    }


def _defaults(options: Any) -> dict[str, Any]:
    """The settings; help is there also when their file is what one needs help with."""
    try:
        return read_settings(options)
    except Error as error:
        if len(sys.argv) > 1 and not {"-h", "--help", "--version"} & set(sys.argv[1:]):
            raise
        note(f"not read: {error.message}")
        return {}


def main() -> NoReturn:
    """Entry point: every expected failure is one line and a hint, never a traceback."""
    try:
        command = typer.main.get_command(app)
        code = command.main(
            standalone_mode=False, prog_name="countermark", default_map=_defaults(_options(command))
        )
        sys.stdout.flush()
    except Error as error:
        print_error(error.message, error.hint)
        sys.exit(error.exit_code)
    except typer.TyperException as error:
        message = error.format_message() or "no command given"
        context = getattr(error, "ctx", None)
        verb = context.command_path if context else "countermark"
        print_error(message, f"{verb} --help lists what there is")
        sys.exit(ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has gone; Python would complain once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.ERROR)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print_error(
            f"{where}{error.strerror or error}", "is the path right, writable, and the disk not full?"
        )
        sys.exit(ExitCode.ERROR)
    if code == ExitCode.INTERRUPTED:
        print_error("interrupted", "")
    sys.exit(code or ExitCode.DONE)
