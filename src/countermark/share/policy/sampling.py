"""Which releases under a standing approval are looked at afterwards, and what the reviewers say of them.

Drawn are the first release of each approval, every tenth at random, and one of every ten in a row whatever
chance says. The draw is the Ed25519 signature (RFC 8032: the same for the same message) of the drawer's log
key over the release's id. The key was fixed before, in every checkpoint; who has it not cannot foresee the
draw, and who has the public half checks it at once. A member draws with the key of its own log, and could
foresee that; the exchange draws with its own besides, which no member can (spec/sharing-policy.md).
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

import msgspec

from countermark.records.canonical import canonical_json
from countermark.share.policy.approvals import same_name
from countermark.share.policy.release import failed
from countermark.share.policy.verify import MemberKey
from countermark.trust.dsse import Envelope, open_envelope, pae, seal_envelope
from countermark.trust.signing import PublicKey, SigningKey, decode_base64, encode_base64

ONE_IN = 10
"""Of the releases of an approval."""
DUE = timedelta(days=3)
"""From a release that is drawn to the reports on it: less than the week for which a release holds."""
REPORT_TYPE = "application/vnd.countermark.sample-report+json"
MAX_REPORT = 1 << 13
_DOMAIN = b"countermark/sample-draw/v1\n"
Reviewer = Literal["security", "counsel"]
Outcome = Literal["clean", "problem"]


def draw(key: SigningKey, release_id: str) -> str:
    """The draw of a release by the holder of a log's key: a signature, in base64."""
    return encode_base64(key.sign(_DOMAIN + release_id.encode()))


def is_the_draw(key: PublicKey, release_id: str, signature: str) -> bool:
    """Whether a draw is that of this release, by the public half of the log's key."""
    return key.verifies(decode_base64(signature), _DOMAIN + release_id.encode())


def is_drawn(signature: str, place: int, since: int) -> bool:
    """Whether a release is drawn: `place` among those of its approval (from 0), `since` after the last drawn.

    Neither is the member's to choose without making releases, and each that is drawn has to be looked at.
    """
    chance = int.from_bytes(hashlib.sha256(decode_base64(signature)).digest()[:8])
    return place == 0 or since >= ONE_IN - 1 or chance % ONE_IN == 0


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one reviewer found in a drawn release; signed with the reviewer's own key."""

    schema: Literal["countermark/sample-report/v1"] = "countermark/sample-report/v1"
    release_id: str
    role: Reviewer
    outcome: Outcome
    at: datetime


def make_report(key: SigningKey, release_id: str, role: Reviewer, outcome: Outcome, now: datetime) -> bytes:
    """The envelope (DSSE) of a report."""
    at = now.astimezone(UTC).replace(microsecond=0)
    report = Report(release_id=release_id, role=role, outcome=outcome, at=at)
    return seal_envelope(REPORT_TYPE, canonical_json(report), [key])


def open_report(envelope: bytes) -> tuple[Report, Envelope]:
    """A report in its only spelling, whose signature is not checked; raises `Error(VERIFICATION_FAILED)`."""
    opened = open_envelope(envelope, REPORT_TYPE) if len(envelope) <= MAX_REPORT else None
    try:
        report = None if opened is None else msgspec.json.decode(opened.body, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise failed(f"the sample report is not as expected: {error}") from error
    if report is None or opened is None or canonical_json(report) != opened.body or report.at.tzinfo is None:
        raise failed("the sample report is too large, or not in canonical form")
    return report, opened


def verify_report(envelope: bytes, member_keys: Sequence[MemberKey], now: datetime) -> Report:
    """A report that the reviewer of its role signed, by the keys that the exchange has in its register.

    Raises `Error(VERIFICATION_FAILED)` with the reason.
    """
    report, opened = open_report(envelope)
    if len(opened.signatures) != 1:
        raise failed("a sample report is signed by one reviewer")
    keyid, signature = opened.signatures[0]
    named = [one for one in member_keys if one.key.keyid == keyid]
    if {one.role for one in named} != {f"reviewer-{report.role}"}:
        raise failed(f"the sample report is not signed by the member's reviewer for {report.role}")
    names = {one.name for one in member_keys if one.role not in ("member", named[0].role)}
    if any(same_name(named[0].name, other) for other in names):
        raise failed("one person is registered in two reviewing roles")
    if not named[0].key.verifies(signature, pae(REPORT_TYPE, opened.body)):
        raise failed("the sample report has a signature that is not valid")
    if report.at > now + timedelta(minutes=5):
        raise failed("the sample report was made in the future")
    return report


def as_reviewer(text: str) -> Reviewer | None:
    """A reviewing role by its name; None for another word."""
    return cast(Reviewer, text) if text in ("security", "counsel") else None


def as_outcome(text: str) -> Outcome | None:
    """An outcome by its name; None for another word."""
    return cast(Outcome, text) if text in ("clean", "problem") else None
