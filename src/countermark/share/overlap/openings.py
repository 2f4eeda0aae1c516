"""An opening in its envelope, checked as a release is: two people of one member, in two roles, for a run."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from countermark.share.overlap.commitments import MAX_ENVELOPE, failed
from countermark.share.overlap.messages import OPENING_TYPE, Opening
from countermark.share.overlap.opening_form import check_in_force, parse_opening
from countermark.share.policy.document import default_policy
from countermark.share.policy.verify import MemberKey, check_two
from countermark.trust.dsse import open_envelope


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
    opening = parse_opening(opened.body)
    # 2. of this run, as both committed to it and as it was counted
    if any(getattr(opening, name) != getattr(opens, name) for name in Opens.__struct_fields__):
        raise failed("the opening is of another run, of other commitments, or of another size")
    # 3. in force
    check_in_force(opening, now)
    # 4. under a policy that is known
    if opening.policy_sha256 not in ({default_policy().sha256} if policies is None else policies):
        raise failed("the opening was made under a policy that the exchange does not know")
    # 5. signed by two people
    check_two(opened, member_keys, "opening")
    return opening
