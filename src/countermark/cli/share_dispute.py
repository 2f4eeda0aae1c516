"""`countermark share dispute`: an accused asks to be cleared; withdraw the object, see who knows of it."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.cli.share_client import CaFile, TokenFile
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

if TYPE_CHECKING:
    from countermark.trust.keyfiles import Secret

DISPUTE_SCHEMA_ID = "countermark/share-dispute/v1"
LIST_SCHEMA_ID = "countermark/share-dispute-list/v1"
STATUS_SCHEMA_ID = "countermark/share-dispute-status/v1"

app = typer.Typer(help="Record a dispute, withdraw an object, see who has read it.", no_args_is_help=True)
ObjectId = Annotated[str, typer.Argument(metavar="OBJECT", help="STIX id of the object that is disputed.")]
Exchange = Annotated[str, typer.Option("--to", metavar="URL", help="The exchange.")]


@app.callback()
def _dispute() -> None:
    """An accused asks to be cleared: record it, withdraw the object, see who has read that."""


@app.command("record")
def record(
    object_id: ObjectId,
    statement: Annotated[
        Path | None, typer.Option("--statement", help="What the accused says; its digest goes into the log.")
    ] = None,
    to: Exchange = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    policy: PolicyFile = None,
    home: HomeFolder = None,
    proof: ProofFile = None,
    as_json: Json = False,
) -> None:
    """Put a dispute into your log, with the hour by which it is due; file it at the exchange with --to."""
    from countermark.records.strict_yaml import read_bytes
    from countermark.share.policy.disputes import record_dispute
    from countermark.share.policy.document import read_policy
    from countermark.share.policy.forms import is_stix_id
    from countermark.share.policy.home import Home

    if not is_stix_id(object_id):
        raise Error("that is no STIX id", hint="indicator--… as it was published", exit_code=ExitCode.USAGE)
    place = Home(home)
    said = read_bytes(statement) if statement else b""
    hours = read_policy(policy).limits.dispute_hours
    entry, due = record_dispute(place, object_id, said, hours, datetime.now(UTC))
    when = due.strftime("%Y-%m-%dT%H:%M:%SZ")
    dispute_id = None
    if to:
        from countermark.records.canonical import sha256_hex
        from countermark.share.client.disputes import file_dispute

        digest = sha256_hex(said) if said else None
        dispute_id = file_dispute(to, _token(token_file), object_id, digest, ca_file=ca_file).dispute_id
    if as_json:
        fields = {"object_id": object_id, "due": when, "entry": entry.index}
        emit_json(DISPUTE_SCHEMA_ID, {**fields, "dispute_id": dispute_id})
    else:
        emit(f"{object_id}: disputed, due {when}; entry {entry.index} of the log")
        if dispute_id is not None:
            emit(printable(f"at the exchange: {dispute_id}"))
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
    dispute: Annotated[
        str,
        typer.Argument(
            metavar="DISPUTE|ANSWER",
            help="Id of the dispute, with --to; or a file with the exchange's answer.",
        ),
    ],
    to: Exchange = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Show who has read the object, and who confirmed its withdrawal; exits with 11 while some have not."""
    from countermark.records.strict_yaml import read_bytes
    from countermark.share.policy.disputes import MAX_ANSWER, parse_answer

    if to:
        from countermark.share.client.disputes import ask_dispute

        found = ask_dispute(to, _token(token_file), dispute, ca_file=ca_file)
    elif dispute == "-":
        found = parse_answer(sys.stdin.buffer.read(MAX_ANSWER + 1))
    else:
        found = parse_answer(read_bytes(Path(dispute), MAX_ANSWER))
    now = datetime.now(UTC)
    missing = found.missing()
    due = found.due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if as_json:
        readers = {"readers": [one.member for one in found.readers], "missing": missing}
        readers["overdue"] = [one.member for one in found.overdue]
        fields = {"dispute_id": found.dispute_id, "object_id": found.object_id, "due": due}
        emit_json(STATUS_SCHEMA_ID, {**fields, **readers, "late": found.late(now)})
    else:
        confirmed = {one.member: one.at for one in found.receipts}
        overdue = {one.member: one.noticed for one in found.overdue}
        for one in found.readers:
            state = f"confirmed {confirmed[one.member]}" if one.member in confirmed else "not confirmed"
            state += f", overdue, noticed {overdue[one.member]}" if one.member in overdue else ""
            emit(printable(f"{one.member}  read {one.at}  {state}"))
        note(f"due {due}{'; late' if found.late(now) else ''}; {len(missing)} not confirmed")
    if missing:
        raise typer.Exit(ExitCode.INCONCLUSIVE)


@app.command("list")
def list_(
    to: Exchange,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """List your disputes at the exchange (an operator: all) with who is overdue; exits with 11 for any."""
    import msgspec

    from countermark.share.client.disputes import ask_disputes

    found = ask_disputes(to, _token(token_file), ca_file=ca_file)
    if as_json:
        names = ("dispute_id", "object_id", "member", "due", "overdue")
        plain = [msgspec.to_builtins(one) for one in found]
        disputes = [{name: one[name] for name in names} for one in plain]
        emit_json(LIST_SCHEMA_ID, {"disputes": disputes})
    for one in () if as_json else found:
        due = one.due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        emit(printable(f"{one.dispute_id}  {one.object_id}  due {due}  {len(one.overdue)} overdue"))
        for reader in one.overdue:
            emit(printable(f"    {reader.member}  overdue, noticed {reader.noticed}"))
    if any(one.overdue for one in found):
        raise typer.Exit(ExitCode.INCONCLUSIVE)


def _token(path: Path | None) -> "Secret":
    from countermark.trust.keyfiles import read_secret

    if path is None:
        raise Error("--to needs --token-file FILE", exit_code=ExitCode.USAGE)
    return read_secret(path, what="token file")
