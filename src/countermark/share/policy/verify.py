"""What the exchange checks before it takes a release: who signed, in which role, which policy, how long.

Numbered steps, each of which raises `Error` with the reason. The exchange knows the keys from its register of
members, never from what is sent.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from countermark.share.policy.approvals import same_name
from countermark.share.policy.document import default_policy
from countermark.share.policy.release import (
    MAX_STATEMENT,
    RELEASE_TYPE,
    Release,
    check_times,
    failed,
    parse_release,
)
from countermark.share.policy.review import REVOCATION, SCRUBBED
from countermark.share.policy.standing import STANDING_TYPE, Standing, check_standing, parse_standing
from countermark.trust.dsse import Envelope, open_envelope, pae
from countermark.trust.signing import PublicKey

MAX_ENVELOPE = 2 * MAX_STATEMENT
KeyRole = Literal["member", "reviewer-security", "reviewer-counsel"]


class MemberKey(msgspec.Struct, frozen=True):
    """A key of the member itself or of one of its reviewers, as the exchange has it in its register."""

    role: KeyRole
    name: str
    key: PublicKey


def verify_release(
    envelope: bytes,
    member_keys: Sequence[MemberKey],
    now: datetime,
    *,
    member_id: str | None = None,
    policies: Collection[str] | None = None,
) -> Release:
    """The release in an envelope (DSSE, canonical); raises `Error(VERIFICATION_FAILED)` with the reason.

    `member_keys`: all keys of the member that sends it. `member_id`: who sends it. `policies`: SHA-256 of the
    policies that the exchange accepts, by default the one that is shipped.
    """
    now = now.astimezone(UTC)
    # 1. one envelope over one statement, in their only spelling
    if len(envelope) > MAX_ENVELOPE:
        raise failed("the envelope is too large")
    opened = open_envelope(envelope, RELEASE_TYPE)
    release = parse_release(opened.body)
    # 2. the sender's own, and in force
    if member_id is not None and release.member_id != member_id:
        raise failed("the release is another member's")
    check_times(release, now)
    # 3. under a policy that the exchange knows
    if release.policy_sha256 not in ({default_policy().sha256} if policies is None else policies):
        raise failed("the release was made under a policy that the exchange does not know")
    _check_limits(release)
    # 4. signed by two people, or under a standing approval that two people signed
    if release.standing is None:
        check_two(opened, member_keys, "release")
    else:
        _check_signer(opened, member_keys)
        _check_under(release, _standing(release.standing, member_keys, now))
    return release


def _check_limits(release: Release) -> None:
    """Days and floors of a release, by its own word, are those of the shipped policy or stricter.

    The counts stay with the member; that it holds itself to the policy's floors is seen here.
    """
    policy = default_policy()
    if release.policy_sha256 != policy.sha256:
        return
    if release.expires - release.created > timedelta(days=policy.limits.release_days):
        raise failed(f"the release holds for over the {policy.limits.release_days} days of its policy")
    floors = {one.id: one.floor for one in policy.kinds if one.floor and not one.refused}
    floors |= {REVOCATION: 0, SCRUBBED: 0}
    for kind, floor in release.classes.items():
        if kind not in floors:
            raise failed(f"the release declares {kind[:40]}, which is no class of its policy")
        if floor < floors[kind]:
            raise failed(f"the release holds {kind} against {floor}, under the {floors[kind]} of its policy")


def _standing(text: str, member_keys: Sequence[MemberKey], now: datetime) -> Standing:
    opened = open_envelope(text.encode(), STANDING_TYPE)
    standing = parse_standing(opened.body)
    check_standing(standing, now)
    check_two(opened, member_keys, "standing approval")
    return standing


def _check_under(release: Release, standing: Standing) -> None:
    if standing.member_id != release.member_id or standing.policy_sha256 != release.policy_sha256:
        raise failed("the standing approval is another member's, or under another policy")
    if release.created < standing.created - timedelta(minutes=5) or release.created >= standing.expires:
        raise failed("the release was made outside the days of the standing approval")
    if release.ground not in standing.grounds and set(release.classes) != {"revocation"}:
        raise failed(f"the standing approval is not for ground {release.ground}")
    for kind, floor in release.classes.items():
        if kind not in standing.kinds:
            raise failed(f"the standing approval is not for {kind}")
        if floor < standing.kinds[kind]:
            raise failed(
                f"{kind} was held against a floor of {floor}, and the approval asks {standing.kinds[kind]}"
            )


def check_two(opened: Envelope, member_keys: Sequence[MemberKey], what: str) -> None:
    """Two signatures by two people's keys, one of each reviewing role."""
    signers = _signers(opened, member_keys, what)
    if len(signers) != 2 or {one.role for one in signers} != {"reviewer-security", "reviewer-counsel"}:
        raise failed(f"the {what} is not signed by one reviewer for security and one as counsel")
    if same_name(signers[0].name, signers[1].name):
        raise failed(f"one person signed the {what} in two roles")


def _check_signer(opened: Envelope, member_keys: Sequence[MemberKey]) -> None:
    signers = _signers(opened, member_keys, "release")
    if [one.role for one in signers] != ["member"]:
        raise failed("a release under a standing approval is signed by the member's own key, and by no other")


def _signers(opened: Envelope, member_keys: Sequence[MemberKey], what: str) -> list[MemberKey]:
    message = pae(opened.payload_type, opened.body)
    signers = []
    for keyid, signature in opened.signatures:
        named = [one for one in member_keys if one.key.keyid == keyid]
        if not named:
            raise failed(f"the {what} is signed by a key that is not the member's or its reviewers'")
        if len({(one.role, one.name) for one in named}) != 1:
            raise failed(f"a key that signed the {what} is registered in two roles or for two people")
        if not named[0].key.verifies(signature, message):
            raise failed(f"the {what} has a signature that is not valid")
        signers.append(named[0])
    return signers
