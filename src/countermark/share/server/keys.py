"""Keys by which a member and its reviewers sign, as the register of members has them."""

from countermark.share.policy.verify import MemberKey
from countermark.store.exchange import ExchangeStore


def member_keys(store: ExchangeStore, member_id: str) -> list[MemberKey]:
    """Registered keys of a member and of its reviewers; those of who is disabled do not count."""
    found = []
    for one in store.members.all():
        if one.disabled or member_id not in (one.member_id, one.of):
            continue
        if one.role != "operator" and one.role != "public":
            found += [MemberKey(one.role, one.name, key) for key in store.members.keys(one.member_id)]
    return found
