"""What `share review` says and does about releases that were drawn for review afterwards."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from countermark.cli.output import emit, emit_json, note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.share.policy.home import Home

SAMPLES_SCHEMA_ID = "countermark/share-samples/v1"


class Reporting(NamedTuple):
    """What one reviewer says: the options of `share review --outcome`."""

    what: str
    """ID=clean or ID=problem."""
    role: str
    key: Path | None
    name: str
    remark: str


def report(place: "Home", said: Reporting) -> int:
    """Sign and log what a reviewer found; the index of its entry."""
    from countermark.share.policy.samples import record_report
    from countermark.share.policy.sampling import as_outcome, as_reviewer
    from countermark.trust.signing import SigningKey

    release_id, _, word = said.what.partition("=")
    outcome, role = as_outcome(word), as_reviewer(said.role)
    if outcome is None:
        raise Error("an outcome is clean or problem", hint="ID=clean", exit_code=ExitCode.USAGE)
    if role is None or said.key is None:
        raise Error("--outcome needs --as security|counsel and --key KEY", exit_code=ExitCode.USAGE)
    key, now = SigningKey.load(said.key), datetime.now(UTC)
    entry = record_report(place, release_id, role, outcome, said.name, key, said.remark, now)
    note(printable(f"{release_id}: {outcome}, says {role}; entry {entry.index} of the log"))
    return entry.index


def synchronise(place: "Home", to: str, token_file: Path | None, ca_file: Path | None) -> None:
    """Note what the exchange drew, and send it the reports that it has not."""
    from countermark.share.client.credentials import read_credentials
    from countermark.share.client.samples import synchronise as ask
    from countermark.share.client.transport import Transport, place_of

    where, _ = place_of(to)
    credentials = read_credentials(token_file, "")
    with Transport(where, credentials, ca_file=ca_file, tell=lambda text: note(printable(text))) as transport:
        done = ask(place, transport)
    if done is None:
        note("the exchange draws no releases: it has no such endpoint")
    else:
        note(f"the exchange drew {done.drawn} more; {done.sent} reports sent")


def show_samples(place: "Home", as_json: bool) -> None:
    """Print what was drawn, with what is due; exits with 11 where something is overdue or a problem."""
    import msgspec
    import typer

    from countermark.share.policy.samples import samples

    now, found = datetime.now(UTC), samples(place.log)
    states = [one.state(now) for one in found]
    rows = []
    for one, state in zip(found, states, strict=True):
        objects = str(place.folder / "released" / f"{one.release_id}.jsonl")
        fields = msgspec.to_builtins(one) | {"state": state, "missing": one.missing}
        rows.append({**fields, "objects": objects})
        if not as_json:
            said = ", ".join(f"{role}: {what}" for role, what in one.reports.items()) or "no report"
            emit(printable(f"{one.release_id}  {state}  due {one.due:%Y-%m-%dT%H:%M:%SZ}  {said}"))
            if one.missing:
                emit(printable(f"    look at {objects}"))
    if as_json:
        emit_json(SAMPLES_SCHEMA_ID, {"samples": rows})
    note(f"{len(rows)} drawn, {states.count('due')} due, {states.count('overdue')} overdue")
    if "overdue" in states or "problem" in states:
        raise typer.Exit(ExitCode.INCONCLUSIVE)
