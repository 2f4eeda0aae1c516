"""Releases and who signs them, for the tests of approvals and of what the exchange checks."""

from datetime import datetime
from pathlib import Path
from typing import Any

from policy_samples import MEMBER, NOW, campaign, ground, indicator, relationship

from countermark.share.policy import MemberKey, evaluate, make_release, write_release
from countermark.share.policy.approvals import Role, decide, read_subject, standing_envelope
from countermark.share.policy.document import Policy, default_policy
from countermark.share.policy.standing import STANDING, STANDING_TYPE, Class, make_standing, parse_standing
from countermark.trust.dsse import open_envelope
from countermark.trust.signing import SigningKey

SECURITY, COUNSEL, OWN, STRANGER = (SigningKey.generate() for _ in range(4))
KEYS = [
    MemberKey("reviewer-security", "S. Ecure", SECURITY.public),
    MemberKey("reviewer-counsel", "C. Ounsel", COUNSEL.public),
    MemberKey("member", "Alpha", OWN.public),
]


def no_record(*_: object) -> None:
    """Where the log is not what a test is about."""


def objects() -> list[dict[str, Any]]:
    """A campaign, an indicator, and how they belong together."""
    return [campaign(), indicator(), relationship(indicator(), campaign())]


def release(folder: Path, *, standing: Path | None = None, now: datetime = NOW, **more: Any) -> Path:
    """A RELEASE folder."""
    given = ground(now=now, **more)
    review = evaluate(given, objects())
    under = None
    if standing is not None:
        envelope = standing_envelope(standing, now)
        under = (envelope.decode(), parse_standing(open_envelope(envelope, STANDING_TYPE).body).kinds)
    write_release(folder, make_release(given, review, standing=under), review)
    return folder


def standing(folder: Path, now: datetime = NOW, policy: Policy | None = None, **more: Any) -> Path:
    """A standing approval that nobody has signed yet."""
    wanted = {"member_id": MEMBER, "grounds": ["fabricated-accounts"], "kinds": {"address": 3}, "days": 30}
    document = make_standing(policy or default_policy(), Class(**{**wanted, **more}), now)
    folder.mkdir()
    (folder / STANDING).write_bytes(document.payload + b"\n")
    return folder


def sign(
    folder: Path, role: Role, name: str, key: SigningKey, now: datetime = NOW, **more: Any
) -> bytes | None:
    """One person's decision; the whole envelope where it was the last."""
    _, envelope = decide(read_subject(folder, now), role, name, key, now, record=no_record, **more)
    return envelope


def sign_both(folder: Path, now: datetime = NOW) -> bytes:
    """The envelope that both reviewers signed."""
    sign(folder, "security", "S. Ecure", SECURITY, now)
    envelope = sign(folder, "counsel", "C. Ounsel", COUNSEL, now)
    assert envelope is not None
    return envelope
