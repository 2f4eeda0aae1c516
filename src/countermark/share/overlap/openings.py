"""An opening in its envelope, checked as a release is: two people of one member, in two roles, for a run."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from countermark.records.canonical import canonical_json
from countermark.share.overlap.commitments import AHEAD, MAX_ENVELOPE, failed
from countermark.share.overlap.messages import OPENING_TYPE, Opening
from countermark.share.policy.document import default_policy
from countermark.share.policy.verify import MemberKey, check_two
from countermark.trust.dsse import open_envelope

MAX_OPENING_DAYS = 30
MAX_TEXT = 200


class Opens(msgspec.Struct, frozen=True):
    """The run that is opened, as who checks knows it."""

    run: str
    member: str
    peer: str
    commitment_sha256: str
    peer_commitment_sha256: str
    size: int


def verify_opening(
    envelope: bytes,
    member_keys: Sequence[MemberKey],
    now: datetime,
    opens: Opens,
    *,
    policies: Collection[str] | None = None,
) -> Opening:
    """The opening; raises `Error(VERIFICATION_FAILED)` with the reason.

    `member_keys`: all keys of the member and its reviewers. `policies`: SHA-256 of the policies that are
    accepted, by default the one that is shipped.
    """
    # 1. one statement, in its only spelling
    if len(envelope) > MAX_ENVELOPE:
        raise failed("the envelope is too large")
    opened = open_envelope(envelope, OPENING_TYPE)
    opening = _parse(opened.body)
    # 2. of this run, as both committed to it and as it was counted
    if any(getattr(opening, name) != getattr(opens, name) for name in Opens.__struct_fields__):
        raise failed("the opening is of another run, of other commitments, or of another size")
    # 3. in force
    if opening.created > now + AHEAD:
        raise failed("the opening was made in the future")
    if opening.expires - opening.created > timedelta(days=MAX_OPENING_DAYS):
        raise failed(f"the opening holds for over {MAX_OPENING_DAYS} days")
    if now >= opening.expires:
        raise failed("the opening has expired")
    # 4. under a policy that is known
    if opening.policy_sha256 not in ({default_policy().sha256} if policies is None else policies):
        raise failed("the opening was made under a policy that the exchange does not know")
    # 5. signed by two people
    check_two(opened, member_keys, "opening")
    return opening


def _parse(payload: bytes) -> Opening:
    try:
        found = msgspec.json.decode(payload, type=Opening)
        canonical = canonical_json(found) == payload
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError):
        raise failed("the payload is no opening") from None
    if not canonical:
        raise failed("the opening is not in canonical form (RFC 8785)")
    if found.created.tzinfo != UTC or found.expires.tzinfo != UTC:
        raise failed("the opening names a time that is not in UTC")
    if not 0 < len(found.ground) <= MAX_TEXT or not 0 < len(found.legal_basis) <= MAX_TEXT:
        raise failed("the opening names no ground or no legal basis")
    return found
