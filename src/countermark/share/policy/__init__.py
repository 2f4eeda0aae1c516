"""The sharing policy: what may leave, who has to approve it, and what the exchange checks.

`evaluate` looks at every field, `make_release` makes the statement that two people sign (`approvals`),
`approved` gives what a publisher may send, `verify_release` is the exchange's side. docs/sharing.md
explains the rules.
"""

from countermark.share.policy.approvals import approved
from countermark.share.policy.context import Context, Ground, resolve
from countermark.share.policy.document import Policy, default_policy, read_policy
from countermark.share.policy.evaluate import evaluate
from countermark.share.policy.kinds import check_classes
from countermark.share.policy.release import Release, make_release, read_release, write_release
from countermark.share.policy.review import Review
from countermark.share.policy.verify import MemberKey, verify_release

__all__ = [
    "Context",
    "Ground",
    "MemberKey",
    "Policy",
    "Release",
    "Review",
    "approved",
    "check_classes",
    "default_policy",
    "evaluate",
    "make_release",
    "read_policy",
    "read_release",
    "resolve",
    "verify_release",
    "write_release",
]
