"""`countermark share dispute`: an accused asks to be cleared; withdraw the object, see who knows of it."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.cli.share_review import (
    ContextFile,
    HomeFolder,
    Json,
    LegalFile,
    PolicyFile,
    ProofFile,
    StandingFolder,
    show,
)
from countermark.errors import Error, ExitCode

DISPUTE_SCHEMA_ID = "countermark/share-dispute/v1"
STATUS_SCHEMA_ID = "countermark/share-dispute-status/v1"

app = typer.Typer(help="Record a dispute, withdraw an object, see who has read it.", no_args_is_help=True)
ObjectId = Annotated[str, typer.Argument(metavar="OBJECT", help="STIX id of the object that is disputed.")]


@app.callback()
def _dispute() -> None:
    """An accused asks to be cleared: record it, withdraw the object, see who has read that."""


@app.command("record")
def record(
    object_id: ObjectId,
    statement: Annotated[
        Path | None, typer.Option("--statement", help="What the accused says; its digest goes into the log.")
    ] = None,
    policy: PolicyFile = None,
    home: HomeFolder = None,
    proof: ProofFile = None,
    as_json: Json = False,
) -> None:
    """Put a dispute into your log, with the hour by which it is due."""
    from countermark.share.policy.disputes import record_dispute
    from countermark.share.policy.document import read_policy
    from countermark.share.policy.forms import is_stix_id
    from countermark.share.policy.home import Home
    from countermark.share.policy.strict_yaml import read_bytes

    if not is_stix_id(object_id):
        raise Error("that is no STIX id", hint="indicator--… as it was published", exit_code=ExitCode.USAGE)
    place = Home(home)
    said = read_bytes(statement) if statement else b""
    hours = read_policy(policy).limits.dispute_hours
    entry, due = record_dispute(place, object_id, said, hours, datetime.now(UTC))
    when = due.strftime("%Y-%m-%dT%H:%M:%SZ")
    if as_json:
        emit_json(DISPUTE_SCHEMA_ID, {"object_id": object_id, "due": when, "entry": entry.index})
    else:
        emit(f"{object_id}: disputed, due {when}; entry {entry.index} of the log")
    if proof is not None:
        place.write_proof(entry.index, proof)


@app.command("revoke")
def revoke(
    object_id: ObjectId,
    out: Annotated[Path, typer.Option("--out", help="New RELEASE folder with the revocation.")],
    policy: PolicyFile = None,
    context: ContextFile = None,
    legal: LegalFile = None,
    standing: StandingFolder = None,
    home: HomeFolder = None,
    proof: ProofFile = None,
    as_json: Json = False,
) -> None:
    """Withdraw an object that left, and all that hangs on it, by a release to approve and publish."""
    from countermark.flow.releases import ReviewOptions, review_release
    from countermark.share.policy.home import Home

    place = Home(home)
    options = ReviewOptions(
        out=out,
        home=place,
        revoke=object_id,
        policy=policy,
        context=context,
        legal=legal or (),
        standing=standing,
        now=datetime.now(UTC),
    )
    done = review_release(options)
    show(done, out, place, proof, as_json)


@app.command("status")
def status(
    answer: Annotated[
        Path, typer.Argument(metavar="ANSWER", help="The exchange's answer about the dispute; - reads it.")
    ],
    as_json: Json = False,
) -> None:
    """Show who has read the object, and who confirmed its withdrawal; exits with 11 while some have not."""
    from countermark.share.policy.disputes import MAX_ANSWER, parse_answer
    from countermark.share.policy.strict_yaml import read_bytes

    standard = str(answer) == "-"
    data = sys.stdin.buffer.read(MAX_ANSWER + 1) if standard else read_bytes(answer, MAX_ANSWER)
    found, now = parse_answer(data), datetime.now(UTC)
    missing = found.missing()
    due = found.due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if as_json:
        readers = {"readers": [one.member for one in found.readers], "missing": missing}
        fields = {"dispute_id": found.dispute_id, "object_id": found.object_id, "due": due}
        emit_json(STATUS_SCHEMA_ID, {**fields, **readers, "late": found.late(now)})
    else:
        confirmed = {one.member: one.at for one in found.receipts}
        for one in found.readers:
            state = f"confirmed {confirmed[one.member]}" if one.member in confirmed else "not confirmed"
            emit(printable(f"{one.member}  read {one.at}  {state}"))
        note(f"due {due}{'; late' if found.late(now) else ''}; {len(missing)} not confirmed")
    if missing:
        raise typer.Exit(ExitCode.INCONCLUSIVE)
