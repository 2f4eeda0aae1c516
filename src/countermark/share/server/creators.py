"""In whose name an object speaks: no member's but the caller's own."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from countermark.records.exchange import Caller
from countermark.share.server.parts import Checked
from countermark.store.exchange.members import Members

NOT_YOURS = "its created_by_ref, or the identity that it is, is another member of this exchange"


class _Names(msgspec.Struct):
    created_by_ref: Any = None


def in_names_of_others(members: Members, caller: Caller, checked: Sequence[Checked]) -> Iterator[str]:
    """Digests of the objects, valid ones, that another member of the exchange seems to have made or to be."""
    named: dict[str, set[str]] = {}
    for one in checked:
        found = msgspec.json.decode(one.data, type=_Names)
        names = {one.stix_id} if one.type == "identity" else set()
        if isinstance(found.created_by_ref, str):
            names.add(found.created_by_ref)
        if names - {caller.member.member_id}:
            named[one.sha256] = names - {caller.member.member_id}
    if named:
        others = {member.member_id for member in members.all()}
        yield from (digest for digest, names in named.items() if names & others)
