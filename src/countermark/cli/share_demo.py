"""`countermark share demo`: three members and an operator exchange a campaign, with the real commands."""

import contextlib
import io
import shlex
import signal
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.flow.share_demo_outcome import Outcome
    from countermark.flow.share_demo_servers import Beside
    from countermark.flow.together_demo_outcome import Together

WIDTH, INDENT = 80, 13


def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder to write; an earlier demo is replaced.")
    ] = Path("share-demo"),
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 4, help="Seed of the generated worlds.")] = 0,
    together: Annotated[
        bool, typer.Option("--together", help="Instead: private overlap and joint watermark check.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Three members and an operator: from detection to publication, a sighting back, and a dispute.

    With --together: how many suspended identifiers have two in common, and whose mark is in a text?
    """
    from countermark.flow.share_demo_place import Place

    place, started = Place(out, seed), time.monotonic()
    outcome: Outcome | Together
    with stopped_by_sigterm():
        if together:
            from countermark.cli.share_demo_together import show
            from countermark.flow.together_demo import run_together_demo

            outcome = run_together_demo(place, Narrator())
            show(outcome, out, as_json)
        else:
            from countermark.flow.share_demo import run_share_demo

            outcome = run_share_demo(place, Narrator())
            _show(outcome, out, as_json)
    note(f"done in {time.monotonic() - started:.0f} s")
    if not outcome.good:
        raise Error("not everything came where it should", exit_code=ExitCode.VERIFICATION_FAILED)


class Narrator:
    """Runs each command in this process, and prints it as a user would type it."""

    def __init__(self) -> None:
        from countermark.cli import app

        self._command = typer.main.get_command(app)
        self._number = 0

    def step(self, name: str, about: str) -> None:
        """The next numbered step."""
        self._number += 1
        note(f"{self._number:>2} {name:<9} {about}")

    def say(self, text: str) -> None:
        """What came of it."""
        for line in textwrap.wrap(text, WIDTH - INDENT):
            note(" " * INDENT + line)

    def show(self, *words: str | Path, into: Path | None = None) -> None:
        """Print a command in lines that fit a terminal, as a shell reads them."""
        parts = [str(one) if str(one) == "&" else shlex.quote(str(one)) for one in words]
        parts += [f"> {shlex.quote(str(into))}"] if into else []
        for line in folded(parts):
            note(" " * INDENT + line)

    def run(self, *words: str | Path, into: Path | None = None, shown: bool = True) -> None:
        """Run a command; what it gives goes to a file of mode 0600, or nowhere."""
        from countermark.trust.keyfiles import write_secret

        if shown:
            self.show(*words, into=into)
        given = self._run([str(one) for one in words])
        if into is not None:
            write_secret(into, given.encode())

    def ask(self, *words: str | Path, shown: bool = True, unsure: bool = False) -> Any:
        """Run a command, and read what it gives; with `unsure` it may end as inconclusive."""
        import json

        if shown:
            self.show(*words)
        return json.loads(self._run([*(str(one) for one in words), "--json"], unsure=unsure))

    def refused(self, *words: str | Path, shown: bool = True) -> Error:
        """Run a command that has to be refused; what it says."""
        if shown:
            self.show(*words)
        parts = [str(one) for one in words]
        try:
            self._invoke(parts)
        except Error as error:
            return error
        raise Error(f"countermark {' '.join(parts[:3])} was not refused, and had to be")

    @contextlib.contextmanager
    def beside(self, *words: str | Path, shown: bool = True) -> "Iterator[Beside]":
        """Run a command in a process of its own while the block runs."""
        from countermark.flow.share_demo_servers import beside

        if shown:
            self.show(*words, "&")
        with beside([str(one) for one in words]) as found:
            yield found

    def _run(self, words: list[str], unsure: bool = False) -> str:
        code, given, said = self._invoke(words)
        good = (None, ExitCode.DONE, ExitCode.FOUND, *([ExitCode.INCONCLUSIVE] if unsure else []))
        if code not in good:
            raise Error(f"countermark {' '.join(words[:3])} ended with {code}", hint=said[-300:])
        return given

    def _invoke(self, words: list[str]) -> tuple[int | None, str, str]:
        """Exit code and both streams of a command; raises what it raises."""
        given, said = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(given), contextlib.redirect_stderr(said):
            code = self._command.main(args=words, prog_name="countermark", standalone_mode=False)
        if code == ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        return code, given.getvalue(), said.getvalue()


def folded(words: list[str]) -> list[str]:
    """`$ countermark …` in lines of at most 80 columns behind the indent, broken where an option begins."""
    groups: list[str] = []
    for word in words:
        if groups and not word.startswith(("-", ">", "&")) and groups[-1].startswith("--"):
            groups[-1] += f" {word}"
        else:
            groups.append(word)
    lines = ["$ countermark"]
    for group in groups:
        if len(lines[-1]) + len(group) > WIDTH - INDENT - 3:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {group}"
    return lines


@contextlib.contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that the exchange is stopped too."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGINT)  # which asyncio, where it runs, knows to end in order

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread, where no signal arrives either
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(outcome: "Outcome", out: Path, as_json: bool) -> None:
    from countermark.flow.share_demo_place import SHARE_DEMO_SCHEMA_ID

    here, told = outcome.compared
    if as_json:
        import msgspec

        members = [msgspec.to_builtins(one) for one in outcome.members]
        compared = {"found": here, "told": told}
        rest = {"compared": compared, "dispute": dict(outcome.dispute), "audit": dict(outcome.audit)}
        emit_json(SHARE_DEMO_SCHEMA_ID, {"good": outcome.good, "members": members, **rest})
        return
    emit(f"{'member':<8} {'published':>9} {'received':>9} {'withdrawn':>10} {'sightings':>10}  {'complete'}")
    for one in outcome.members:
        numbers = f"{one.published:>9,} {one.received:>9,} {one.withdrawn:>10,} {one.sightings:>10,}"
        emit(f"{one.name:<8} {numbers}  {'yes' if one.complete else 'NO'}")
    readers, missing = len(outcome.dispute["readers"]), len(outcome.dispute["missing"])
    state = "verifies" if outcome.audit["verified"] else "DOES NOT VERIFY"
    emit("")
    emit(f"dispute   {readers - missing} of {readers} readers have the withdrawal")
    emit(f"log       {outcome.audit['size']:,} entries: {state}")
    emit(f"folder    {out}; nothing runs any more")
