"""`countermark attribute monitor`: watch a suspect batch by batch, and look whenever one likes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.cli.watermark_case import NoExitCodes, TokenizerFile, check_alpha
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from countermark.attribute.monitor.announce import Announcement
    from countermark.attribute.monitor.process import Monitored
    from countermark.attribute.monitor.state import State

MONITOR_SCHEMA_ID = "countermark/monitor/v1"
COMMIT_SCHEMA_ID = "countermark/monitor-commit/v1"

Name = Annotated[str, typer.Option("--name", help="Name of the monitoring, as announced.")]
Book = Annotated[Path, typer.Option("--log", help="Log folder with the announcement.")]
BookKey = Annotated[
    Path | None, typer.Option("--log-key", help="Signing key of the log; default: FOLDER.key beside it.")
]
Alpha = Annotated[
    float,
    typer.Option("--alpha", help="Chance of ever being shown under the null; an announcement fixes it."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

app = typer.Typer(help="Watch a suspect over time: valid whenever one looks.", no_args_is_help=True)


@app.callback()
def _monitor() -> None:
    """Watch a suspect over time, with bets against each key's null: valid whenever one looks."""


@app.command("commit")
def commit(
    name: Name,
    member: Annotated[list[str], typer.Option("--member", help="NAME=KEYID, repeatable: who watches.")],
    log: Book,
    independent_keys: Annotated[
        bool, typer.Option("--independent-keys", help="The keys were drawn independently: values multiply.")
    ] = False,
    alpha: Alpha = 0.01,
    log_key: BookKey = None,
    as_json: Json = False,
) -> None:
    """Announce who watches with which keys, before any data. The same command gives the same id in every
    log."""
    check_alpha(alpha)
    from countermark.attribute.monitor.announce import Announcement, announce, members_of
    from countermark.trust.log import open_or_create

    announcement = Announcement(
        name=name,
        members=members_of(member),
        combination="product" if independent_keys else "lookback-average",
        alpha=alpha,
    )
    entry = announce(open_or_create(log, log_key), announcement)
    if as_json:
        fields = {"announcement": announcement.announcement_id, "log_index": entry.index}
        emit_json(COMMIT_SCHEMA_ID, {**fields, "combination": announcement.combination})
    else:
        emit(f"announcement: {announcement.announcement_id}")
    note(f"{len(announcement.members)} members; entry {entry.index} of the log")


@app.command("add")
def add(
    state: Annotated[
        Path, typer.Option("--state", help="State of this key (0600), made at the first batch.")
    ],
    profile: Annotated[Path, typer.Option("--profile", help="How the deployment marks.")],
    key_file: Annotated[Path, typer.Option("--key-file", help="File with the key (0600).")],
    batch: Annotated[Path, typer.Option("--batch", help="New transcripts (JSON lines).")],
    name: Annotated[str, typer.Option("--name", help="Name of the monitoring, with --log.")] = "",
    log: Annotated[Path | None, typer.Option("--log", help="Log folder with the announcement.")] = None,
    log_key: BookKey = None,
    contribution: Annotated[
        Path | None, typer.Option("--contribution", help="File for what this member contributes (0600).")
    ] = None,
    tokenizer: TokenizerFile = None,
    alpha: Alpha = 0.01,
    out: Annotated[Path | None, typer.Option("--out", help="File for the JSON of this key.")] = None,
    no_exit_codes: NoExitCodes = False,
    as_json: Json = False,
) -> int:
    """Bet on a new batch of transcripts under one key. Each pair of context and token counts once over all
    batches.

    Null: the suspect's answers are independent of this key. Exit codes: 0 not shown, 10 shown.
    """
    check_alpha(alpha)
    from countermark.attribute.monitor.joint import contribution as contributed
    from countermark.attribute.monitor.joint import write_contribution
    from countermark.attribute.monitor.process import Monitored, add_batch, result
    from countermark.records.canonical import canonical_json
    from countermark.records.files import write_atomic
    from countermark.trust.keyfiles import read_secret
    from countermark.watermark.profile import read_profile

    if (log is None) is bool(name) or (contribution is not None and log is None):
        raise Error("an announced monitoring has --log and --name", exit_code=ExitCode.USAGE)
    monitored = Monitored(read_profile(profile).profile, read_secret(key_file), tokenizer)
    announcement, logged = None, None
    if log is not None:
        announcement, logged = _announced(log, log_key, name, monitored, batch)
        alpha = announcement.alpha
    after = add_batch(state, monitored, batch, name=name, note=logged)
    fields = result(after, alpha, announced=announcement is not None)
    if contribution is not None and announcement is not None:
        write_contribution(contribution, contributed(after, announcement))
    if out is not None:
        write_atomic(out, canonical_json({"schema": MONITOR_SCHEMA_ID, **fields}) + b"\n")
    if as_json:
        emit_json(MONITOR_SCHEMA_ID, fields)
    else:
        emit(f"{printable(fields['decision'])}: log10 e = {fields['log10_e']:.3f} now")
        emit(f"  p <= {fields['p_value']:.2g}, whenever one looks; {fields['pairs']:,} pairs")
        emit(f"  null: {fields['null']}")
    if fields["without_prompt"]:
        note(f"{fields['without_prompt']:,} answers have no known prompt: an echo of one would count")
    if announcement is None:
        note("not announced: a member or a batch could have been left out")
    return ExitCode.FOUND if fields["decision"] != "not shown" and not no_exit_codes else ExitCode.DONE


@app.command("join")
def join(
    name: Name,
    log: Book,
    contribution: Annotated[
        list[Path], typer.Option("--contribution", help="A member's contribution; one of each, repeatable.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The joint record, which is continued.")],
    show_members: Annotated[
        bool, typer.Option("--show-members", help="Put each key's own value into the record.")
    ] = False,
    no_exit_codes: NoExitCodes = False,
    as_json: Json = False,
) -> int:
    """Join the values of all members into one, for the null of all keys together; it names nobody.

    Exit codes: 0 not shown, 10 shown.
    """
    import msgspec

    from countermark.attribute.monitor.announce import announced
    from countermark.attribute.monitor.joint import join as joined
    from countermark.trust.log import Log

    announcement, _ = announced(Log.open(log), name)
    record = joined(out, announcement, contribution, show_members=show_members)
    if as_json:
        fields = msgspec.to_builtins(record)
        fields.pop("schema")
        emit_json(MONITOR_SCHEMA_ID, fields)
    else:
        emit(f"{printable(record.decision)}: log10 e = {record.log10_e:.3f} now, by {record.combination}")
        emit(f"  p <= {record.p_value:.2g}, whenever one looks")
        emit(f"  null: {record.null}")
    found = record.decision != "not shown" and not no_exit_codes
    return ExitCode.FOUND if found else ExitCode.DONE


def _announced(
    log: Path, log_key: Path | None, name: str, monitored: "Monitored", batch: Path
) -> "tuple[Announcement, Callable[[str, State], None]]":
    """The announcement, and what logs a batch before anything of it is bet on."""
    from countermark.attribute.monitor.announce import announced, check_later, note_batch
    from countermark.trust.log import open_or_create
    from countermark.watermark.key_names import name_of_key

    book = open_or_create(log, log_key, create=False)
    announcement, when = announced(book, name)
    key_id = name_of_key(monitored.key)
    if key_id not in {one.key_id for one in announcement.members}:
        raise Error("this key is not among those announced", exit_code=ExitCode.USAGE)
    check_later(batch, when)
    return announcement, lambda sha256, state: note_batch(book, name, key_id, sha256, state)
