"""`countermark share check`: whose mark is in a text? Asked at a node of the alliance."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, note, printable
from countermark.cli.share_client import CaFile, TokenFile
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from countermark.share.check.messages import Check, Row
    from countermark.share.client.checks import Found

MOST_BYTES = 4 * 400_000
MOST_ROWS = 10
"""Keys that are shown beside those that pass."""
_HEAD = (
    f"{'member':<12} {'profile':<12} {'epoch':<8} {'key':<16} {'tokens':>6} {'log10 p':>8} {'adjusted':>8}"
)


def check(
    text: Annotated[str, typer.Argument(metavar="FILE", help="The text, UTF-8; `-` reads standard input.")],
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The node: the operator's, or a member's.")],
    matter: Annotated[
        str | None,
        typer.Option("--matter", metavar="ID", help="Whose checks are corrected together; not the public's."),
    ] = None,
    consent: Annotated[
        bool,
        typer.Option(
            "--consent", help="Let the node send the text to every member's detector; logged there."
        ),
    ] = False,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    salt_file: Annotated[
        Path | None,
        typer.Option("--salt-file", metavar="FILE", help="64 hex digits of the digest's salt; mode 0600."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the node's answer there.")
    ] = None,
    proof: Annotated[
        Path | None,
        typer.Option("--proof", metavar="FILE", help="Write the proof of the outcome's log entry there."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the node's answer.")] = False,
    no_exit_codes: Annotated[
        bool, typer.Option("--no-exit-codes", help="Exit with 0 whatever is found.")
    ] = False,
) -> None:
    """Ask whose mark a text is not independent of: 10 marked, 0 not shown, 11 too short or incomplete."""
    import secrets

    from countermark.share.client.checks import Later, Node
    from countermark.share.client.credentials import read_credentials

    content = _text(text)
    salt = _salt(salt_file) if salt_file is not None else secrets.token_hex(32)
    asked = _asked(content, matter, consent, salt)
    _say(to, consent)
    credentials = read_credentials(token_file)
    with Node(to, credentials, ca_file=ca_file, tell=lambda one: note(printable(one))) as node:
        try:
            found, answer = node.check(asked)
        except Later as later:
            note(printable(f"{later.message}; {later.hint}"))
            if matter is not None:  # it has its place, and its digest is in the log
                _say_salt(salt)
            raise typer.Exit(0 if no_exit_codes else ExitCode.INCONCLUSIVE) from None
        if out is not None:
            from countermark.records.files import write_atomic

            write_atomic(out, answer + b"\n", 0o600)  # it has the salt
        if as_json:
            emit(printable(answer.decode()))
        else:
            _show(found)
        if found.check_id:
            _say_salt(salt)
        if proof is not None:  # last: an answer that was paid for is not lost with it
            _write_proof(node.proof, found, proof)
    if not no_exit_codes:
        raise typer.Exit(_code(found))


def _say_salt(salt: str) -> None:
    note(f"salt of the digest in the log, to show later which text was meant: {salt}")


def _say(to: str, consent: bool) -> None:
    if consent:
        note(
            printable(f"The text goes to {to}, and from there to the detector of every member that it asks.")
        )
        note("Your consent is in its log, with a salted digest in place of the text. None keeps the text.")
        return
    note(printable(f"The text goes to {to} and no further: only keys that it holds itself are asked."))
    note("It is not kept. --consent asks the other members' detectors too.")


def _show(found: "Found") -> None:
    emit(found.word + (f": {printable(', '.join(found.marks))}" if found.marks else ""))
    if found.rows and found.word == "too short":
        most = max(one.scored_tokens for one in found.rows)
        note(f"no key was scored on enough distinct pairs of context and token; {most} is the most")
    elif found.rows:
        _table(found.rows)
    for member, reason in found.missing.items():
        note(printable(f"{member} gave no answer that counts: it {reason}"))
    for member in found.contradicted:
        note(
            printable(
                f"{member} said something else of a key than its copy at the node, which is what counts"
            )
        )
    if found.ordinal:
        of = f"check {found.ordinal} of matter {found.matter}: {found.hypotheses} keys"
        note(printable(f"{of}, {found.asked_so_far} so far, at {found.alpha:g} for the matter"))
    if found.marks:
        note(
            "Not independent of a key is not the same as written by its owner's model (docs/attribution.md)."
        )
    if found.entries:
        note(f"entries {', '.join(str(one) for one in found.entries)} of the node's log")


def _table(rows: "list[Row]") -> None:
    """The keys that pass, and of the others the first: of a hundred keys most say nothing."""
    rows = sorted(rows, key=lambda one: (one.log10_adjusted, one.log10_p))
    passing = sum(one.passes for one in rows)
    emit(_HEAD)
    for row in rows[: passing + MOST_ROWS]:
        names = f"{row.member[:12]:<12} {row.profile_id[-12:]:<12} {row.epoch[:8]:<8} {row.key[:16]:<16}"
        figures = f"{row.scored_tokens:>6} {row.log10_p:>8.2f} {row.log10_adjusted:>8.2f}"
        emit(printable(f"{names} {figures}{' *' if row.passes else ''}"))
    if len(rows) > passing + MOST_ROWS:
        note(f"{len(rows) - passing - MOST_ROWS} keys more, none of which passes: --json has them")
    weak = {f"{one.member[:12]} {one.profile_id[-12:]}": one.weak for one in rows if one.weak}
    for whose, why in weak.items():
        note(printable(f"weak keys of {whose}: {why}"))


def _code(found: "Found") -> ExitCode:
    if found.word == "marked":
        return ExitCode.FOUND
    return ExitCode.DONE if found.word == "not shown" and found.complete else ExitCode.INCONCLUSIVE


def _asked(text: str, matter: str | None, consent: bool, salt: str) -> "Check":
    import msgspec

    from countermark.share.check.messages import Check

    try:
        return msgspec.convert({"text": text, "matter": matter, "consent": consent, "salt": salt}, Check)
    except msgspec.ValidationError as error:
        where = "the matter" if "$.matter" in str(error) else "the salt" if "$.salt" in str(error) else ""
        message = (
            f"{where} is not as it has to be" if where else "the text is empty, or over 400,000 characters"
        )
        raise Error(message, hint="an id has letters, digits, . _ -", exit_code=ExitCode.USAGE) from None


def _text(name: str) -> str:
    try:
        if name == "-":
            data = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as stream:
                data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Error(f"{name} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    if len(data) > MOST_BYTES:
        raise Error(f"{name} is over {MOST_BYTES:,} bytes", exit_code=ExitCode.NO_INPUT)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Error(f"{name} is not UTF-8", exit_code=ExitCode.NO_INPUT) from None


def _salt(path: Path) -> str:
    from countermark.trust.keyfiles import read_secret

    return read_secret(path, what="salt file").reveal().decode("ascii", "replace").strip()


def _write_proof(ask: "Callable[[int], bytes]", found: "Found", path: Path) -> None:
    from countermark.records.files import write_atomic

    if not found.entries:
        raise Error("the node told no entries of its log", hint="the public is told a word alone")
    write_atomic(path, ask(found.entries[-1]))
    note(printable(f"the proof of entry {found.entries[-1]} is in {path}"))
