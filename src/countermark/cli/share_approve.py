"""`countermark share approve`: two people in different roles sign what leaves, a class of it, an opening."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note
from countermark.cli.share_review import (
    HomeFolder,
    Json,
    Name,
    PolicyFile,
    ProofFile,
    check_remark,
    login_name,
)
from countermark.cli.share_statement import check_review, tell
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.share.policy.approvals import Approval, Subject
    from countermark.share.policy.home import Home
    from countermark.trust.entries import Entry

APPROVE_SCHEMA_ID = "countermark/share-approval-run/v1"


def approve(
    role: Annotated[
        str, typer.Option("--as", metavar="security|counsel|member", help="The role in which you decide.")
    ],
    key: Annotated[Path, typer.Option("--key", help="Your signing key (case keygen makes one).")],
    target: Annotated[
        Path | None,
        typer.Argument(metavar="RELEASE|STANDING|OPENING", help="Folder of what is decided."),
    ] = None,
    standing: Annotated[
        Path | None,
        typer.Option("--standing", help="Class in YAML: begin a standing approval for it in --out."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for a new standing approval.")] = None,
    policy: PolicyFile = None,
    refuse: Annotated[str, typer.Option("--refuse", metavar="REASON", help="Refuse it, and say why.")] = "",
    name: Name = "",
    home: HomeFolder = None,
    proof: ProofFile = None,
    as_json: Json = False,
) -> None:
    """Approve or refuse what leaves: security and counsel, two people with a key each. It is logged."""
    from countermark.share.policy.approvals import as_role, decide, read_subject
    from countermark.share.policy.home import Home
    from countermark.trust.signing import SigningKey

    check_remark(refuse, "a reason")
    now = datetime.now(UTC)
    signing = SigningKey.load(key)
    place = Home(home)
    folder = _begin(place, standing, out, policy, now) if standing else target
    if folder is None or (standing and target):
        raise Error("name a RELEASE, or --standing with --out", exit_code=ExitCode.USAGE)
    subject = read_subject(folder, now)
    tell(place, subject)
    check_review(place, subject)
    if not refuse:
        _check_in_force(place, subject, now)
    entries: list[Entry] = []

    def record(approval: "Approval", complete: bool) -> None:
        entries.extend(_record(place, subject, approval, complete, now))

    approval, envelope = decide(
        subject,
        as_role(role),
        login_name(name),
        signing,
        now,
        record=record,
        refuse=refuse,
    )
    missing = sorted(set(subject.roles) - {approval.role}) if envelope is None and not refuse else []
    if as_json:
        indices = {"entries": [one.index for one in entries]}
        state = {"decision": approval.decision, "role": role, "complete": envelope is not None}
        emit_json(APPROVE_SCHEMA_ID, {"subject": subject.id, **state, **indices})
    else:
        for one in entries:
            emit(f"{one.kind} of {subject.id}: entry {one.index} of the log")
    if envelope is not None:
        note(f"complete: {subject.envelope_file}")
        _tell_drawn(entries)
    elif missing:
        note(f"not complete yet: it takes {' and '.join(subject.roles)}")
    if proof is not None:
        place.write_proof(entries[-1].index, proof)
        note(f"proof of entry {entries[-1].index} in {proof}")


def _tell_drawn(entries: "list[Entry]") -> None:
    """Say it where the release was drawn for review afterwards."""
    due = entries[-1].payload.get("sample_due")
    if due:
        note(f"drawn for review: security and counsel report on it by {due} (share review --samples)")


def _begin(place: "Home", standing: Path, out: Path | None, policy: Path | None, now: datetime) -> Path:
    """Write a new standing approval for a class."""
    from countermark.records.files import write_atomic
    from countermark.share.policy.document import read_policy
    from countermark.share.policy.samples import check_looked_at
    from countermark.share.policy.standing import STANDING, make_standing, read_class

    if out is None or out.exists():
        raise Error("--standing needs a new folder as --out", exit_code=ExitCode.USAGE)
    check_looked_at(place)
    document = make_standing(read_policy(policy), read_class(standing), now)
    out.mkdir(parents=True)
    write_atomic(out / STANDING, document.payload + b"\n")
    return out


def _check_in_force(place: "Home", subject: "Subject", now: datetime) -> None:
    """Raise for a release under a standing approval that is suspended."""
    from countermark.share.policy.release import parse_release
    from countermark.share.policy.samples import check_in_force, standing_of

    if subject.kind == "release":
        check_in_force(place, standing_of(parse_release(subject.payload)), now)


def _record(
    place: "Home", subject: "Subject", approval: "Approval", complete: bool, now: datetime
) -> "list[Entry]":
    """The entries of one decision: the decision, and the release where it is the last that was missing."""
    from countermark.records.canonical import sha256_hex
    from countermark.share.policy.home import APPROVED, OPENED, REFUSED
    from countermark.share.policy.samples import check_looked_at, release_entry
    from countermark.trust.signing import PublicKey

    for entry in place.log.entries(REFUSED):
        if entry.payload.get("id") == subject.id:
            said = f"{entry.payload.get('role')} refused it, entry {entry.index} of the log"
            raise Error(said, hint="change it, and review it again")
    payload: dict[str, Any] = {
        "subject": subject.kind,
        "id": subject.id,
        "sha256": approval.sha256,
        "role": approval.role,
        "name": approval.name,
        "keyid": PublicKey.parse(approval.public_key).keyid,
    }
    if approval.decision == "refuse":
        return [place.record(REFUSED, {**payload, "reason": approval.reason})]
    if subject.kind == "standing":
        check_looked_at(place)
    entries = [place.record(APPROVED, payload)]
    if not complete or subject.kind == "standing":
        return entries
    if subject.kind == "opening":
        return [*entries, place.record(OPENED, {"opening_id": subject.id, "sha256": approval.sha256})]
    from countermark.share.policy.release import read_release

    release, objects = read_release(subject.folder)
    place.keep(release.release_id, objects)
    standing = release.standing
    content = {
        "release_id": release.release_id,
        "sha256": approval.sha256,
        "objects": len(release.objects),
        "classes": release.classes,
        "standing": sha256_hex(standing.encode()) if standing else None,
    }
    return [*entries, release_entry(place, release, content, now)]
