"""Two people in different roles decide on a release, a standing approval or the opening of an overlap; each
signs what they saw.

An approval is a DSSE envelope of its own (role, name, time), and holds the person's signature over the
statement itself. When all that are asked for are there, these make one envelope over the statement, which the
exchange checks against the keys that it knows (`verify.py`). A refusal is signed too, and ends the matter.
"""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, cast, get_args

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, content_id, sha256_hex
from countermark.records.files import write_atomic
from countermark.records.strict_yaml import read_bytes
from countermark.share.overlap.messages import OPENING_TYPE
from countermark.share.overlap.opening_form import check_in_force, parse_opening
from countermark.share.policy.odd_files import refuse_odd_files
from countermark.share.policy.release import (
    OBJECTS,
    RELEASE,
    RELEASE_TYPE,
    REVIEW,
    check_times,
    failed,
    read_release,
)
from countermark.share.policy.standing import STANDING, STANDING_TYPE, check_standing, parse_standing
from countermark.trust.dsse import open_envelope, pae, seal_envelope
from countermark.trust.keyfiles import locked
from countermark.trust.signing import PublicKey, SigningKey, decode_base64, encode_base64

APPROVAL_TYPE = "application/vnd.countermark.approval+json"
APPROVALS = "approvals"
MAX_APPROVAL = 1 << 16
Role = Literal["security", "counsel", "member"]
REVIEWERS: tuple[Role, Role] = ("security", "counsel")
OPENING = "opening.json"
_LOCK = ".approvals"
_ENVELOPES = ("release.dsse.json", "standing.dsse.json", "opening.dsse.json")
_FILES = (STANDING, OPENING, RELEASE, OBJECTS, REVIEW, f"{_LOCK}.lock", *_ENVELOPES)


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one person decided."""

    schema: Literal["countermark/approval/v1"] = "countermark/approval/v1"
    decision: Literal["approve", "refuse"]
    reason: str = ""
    subject_id: str
    sha256: str
    """Of the statement."""
    role: Role
    name: str
    public_key: str
    at: datetime
    signature: str = ""
    """Over the statement (DSSE's pre-authentication encoding); empty for a refusal."""


class Subject(msgspec.Struct, frozen=True):
    """What is decided on: a folder with a release, a standing approval or the opening of an overlap."""

    folder: Path
    kind: Literal["release", "standing", "opening"]
    id: str
    payload: bytes
    payload_type: str
    roles: Sequence[Role]
    """Whose signatures it takes."""

    @property
    def envelope_file(self) -> Path:
        """Where the whole envelope is written."""
        return self.folder / f"{self.kind}.dsse.json"


def as_role(text: str) -> Role:
    """A role by its name; raises `Error(USAGE)` for another word."""
    for role in get_args(Role):
        if role == text:
            return cast(Role, role)
    raise Error(f"{text[:40]} is no role", hint="security, counsel or member", exit_code=ExitCode.USAGE)


def read_subject(folder: Path, now: datetime) -> Subject:
    """What a folder holds, checked: its objects are those of the statement, and it is in force.

    Raises `Error` for anything else, and for a link, pipe or device where a file of such a folder belongs.
    """
    refuse_odd_files(folder, _FILES, (APPROVALS,))
    if (folder / STANDING).exists():
        payload = read_bytes(folder / STANDING, MAX_APPROVAL).removesuffix(b"\n")
        standing = parse_standing(payload)
        check_standing(standing, now)
        return Subject(folder, "standing", standing.standing_id, payload, STANDING_TYPE, REVIEWERS)
    if (folder / OPENING).exists():
        payload = read_bytes(folder / OPENING, MAX_APPROVAL).removesuffix(b"\n")
        opening = parse_opening(payload)
        check_in_force(opening, now)
        opening_id = content_id("opening", msgspec.to_builtins(opening))
        return Subject(folder, "opening", opening_id, payload, OPENING_TYPE, REVIEWERS)
    if not (folder / RELEASE).exists():
        raise Error(f"{folder} holds no release", hint="share review writes one", exit_code=ExitCode.NO_INPUT)
    release, _ = read_release(folder)
    check_times(release, now)
    roles: Sequence[Role] = ("member",) if release.standing else REVIEWERS
    return Subject(folder, "release", release.release_id, release.payload, RELEASE_TYPE, roles)


def decide(
    subject: Subject,
    role: Role,
    name: str,
    key: SigningKey,
    now: datetime,
    *,
    record: Callable[[Approval, bool], None],
    refuse: str = "",
) -> tuple[Approval, bytes | None]:
    """Write one person's decision; gives it, and the whole envelope once every signature is there.

    `record(approval, complete)` puts it into the log before it is written: what is not logged does not count.
    Raises `Error` for a role that the subject does not take, a role, person or key that has decided before.
    """
    name = " ".join(name.split())
    if role not in subject.roles:
        raise Error(
            f"this {subject.kind} takes {' and '.join(subject.roles)}, not {role}", exit_code=ExitCode.USAGE
        )
    if not name or len(name) > 200:
        raise Error("who approves has a name of at most 200 characters", exit_code=ExitCode.USAGE)
    with locked(subject.folder / _LOCK):
        given = read_approvals(subject)
        _check_new(given, role, name, key.public)
        signature = "" if refuse else encode_base64(key.sign(pae(subject.payload_type, subject.payload)))
        approval = Approval(
            decision="refuse" if refuse else "approve",
            reason=refuse,
            subject_id=subject.id,
            sha256=sha256_hex(subject.payload),
            role=role,
            name=name,
            public_key=key.public.to_base64(),
            at=now.replace(microsecond=0),
            signature=signature,
        )
        sealed = seal_envelope(APPROVAL_TYPE, canonical_json(approval), [key])
        envelope = _assembled(subject, [*given, approval])
        record(approval, envelope is not None)
        (subject.folder / APPROVALS).mkdir(exist_ok=True)
        write_atomic(subject.folder / APPROVALS / f"{role}.dsse.json", sealed)
        if envelope is not None:
            write_atomic(subject.envelope_file, envelope)
    return approval, envelope


def read_approvals(subject: Subject) -> list[Approval]:
    """The decisions in the folder, each checked against the statement as it stands now."""
    folder = subject.folder / APPROVALS
    found = []
    for role in subject.roles:
        path = folder / f"{role}.dsse.json"
        if path.exists():
            found.append(_approval(read_bytes(path, MAX_APPROVAL), subject, role))
    return found


def approved(folder: Path, now: datetime) -> tuple[bytes, list[bytes]]:
    """Envelope and objects of a release that may leave; raises `Error` for one that may not.

    Whoever publishes calls this: what was approved is exactly what it gives.
    """
    subject = read_subject(folder, now)
    envelope = _assembled(subject, read_approvals(subject))
    if subject.kind != "release" or envelope is None:
        missing = set(subject.roles) - {one.role for one in read_approvals(subject)}
        raise failed(f"not approved: {' and '.join(sorted(missing)) or 'a release'} missing", "share approve")
    _, objects = read_release(folder)
    return envelope, objects


def standing_envelope(folder: Path, now: datetime) -> bytes:
    """The whole envelope of a standing approval that both roles signed."""
    return _whole(folder, now, "standing", "standing approval")


def opening_envelope(folder: Path, now: datetime) -> bytes:
    """The whole envelope of an opening that both roles signed."""
    return _whole(folder, now, "opening", "opening")


def _whole(folder: Path, now: datetime, kind: str, what: str) -> bytes:
    subject = read_subject(folder, now)
    envelope = _assembled(subject, read_approvals(subject))
    if subject.kind != kind or envelope is None:
        raise failed(f"{folder} holds no {what} that both roles signed", "share approve")
    return envelope


def same_name(one: str, other: str) -> bool:
    """Whether two names are one person's, however they are spelled."""
    first, second = (
        " ".join(unicodedata.normalize("NFKC", name).casefold().split()) for name in (one, other)
    )
    return first == second


def _approval(data: bytes, subject: Subject, role: Role) -> Approval:
    envelope = open_envelope(data, APPROVAL_TYPE)
    try:
        approval = msgspec.json.decode(envelope.body, type=Approval)
        key = PublicKey.parse(approval.public_key)
    except msgspec.DecodeError as error:
        raise failed(f"the approval of {role} is not as expected: {error}") from error
    signed = envelope.signatures == ((key.keyid, envelope.signatures[0][1]),) and key.verifies(
        envelope.signatures[0][1], pae(APPROVAL_TYPE, envelope.body)
    )
    if not signed or approval.role != role:
        raise failed(f"the approval of {role} is not signed by the key that it names, or of another role")
    if approval.sha256 != sha256_hex(subject.payload) or approval.subject_id != subject.id:
        raise failed(f"the {subject.kind} was changed since {role} decided on it", "review it again")
    if approval.decision == "approve":
        signature = decode_base64(approval.signature)
        if not key.verifies(signature, pae(subject.payload_type, subject.payload)):
            raise failed(f"the approval of {role} holds a signature that is not over this {subject.kind}")
    return approval


def _check_new(given: Sequence[Approval], role: Role, name: str, key: PublicKey) -> None:
    for one in given:
        if one.decision == "refuse":
            raise Error(f"{one.role} refused it", hint="change it, and review it again")
        if one.role == role:
            raise Error(f"{role} approved it already")
        if same_name(one.name, name):
            raise Error(
                "one person cannot approve in two roles", hint="it takes two people", exit_code=ExitCode.USAGE
            )
        if one.public_key == key.to_base64():
            raise Error(
                "one key cannot approve in two roles", hint="each has a key", exit_code=ExitCode.USAGE
            )


def _assembled(subject: Subject, approvals: Sequence[Approval]) -> bytes | None:
    """One envelope over the statement with every signature; None while one is missing or somebody refused."""
    if {one.role for one in approvals if one.decision == "approve"} != set(subject.roles):
        return None
    keys = {PublicKey.parse(one.public_key).keyid: one.signature for one in approvals}
    if len(keys) != len(approvals) or (len(approvals) == 2 and same_name(*(one.name for one in approvals))):
        raise failed("one person or key stands in two roles")
    signatures = [{"keyid": keyid, "sig": keys[keyid]} for keyid in sorted(keys)]
    document = {
        "payload": encode_base64(subject.payload),
        "payloadType": subject.payload_type,
        "signatures": signatures,
    }
    return canonical_json(document)
