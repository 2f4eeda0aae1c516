"""`next` (3.5): the position of the last object that was given, bound to the query that it continues.

    next = base64url(position, 8 bytes, big-endian | BLAKE2b-128 over position and query)

It gives no right: rights and query are read anew with every page, so that whoever makes one up is given
nothing that `added_after` would not give (Appendix B; docs/adr/0013). The digest is there so that a `next` of
another query, collection, endpoint or member, or a damaged one, is refused instead of leaving objects out.
It names no state of the server: it works again after a restart, and as often as one asks.
"""

import base64
import hashlib
import json
import re
from functools import lru_cache

from countermark.records.exchange import Caller, Collection
from countermark.share.server.errors import TaxiiError
from countermark.share.server.filters import Query
from countermark.share.server.times import position_in_range

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)


class Pages:
    """The pages of one query."""

    def __init__(self, caller: Caller, collection: Collection, endpoint: str, of: str, query: Query) -> None:
        """`endpoint` and `of` (the object id, or nothing) tell the endpoints of a collection apart."""
        whose = _text(caller.member.member_id, collection.collection_id, endpoint, of)
        self._query = f"{whose}, {query.canonical}]".encode()

    def next_after(self, position: int) -> str:
        """The `next` that continues after a position."""
        return base64.urlsafe_b64encode(self._bytes(position)).decode()

    def position(self, token: str) -> int:
        """The position that a `next` names; `TaxiiError` 400 when it is none of this query's."""
        if _TOKEN.fullmatch(token):
            found = base64.urlsafe_b64decode(token)
            position = int.from_bytes(found[:8], "big")
            if position_in_range(position) and found == self._bytes(position):
                return position
        raise TaxiiError(400, "the parameter next does not belong to this query", "begin again without it")

    def _bytes(self, position: int) -> bytes:
        at = position.to_bytes(8, "big")
        return at + hashlib.blake2b(at + self._query, digest_size=16).digest()


@lru_cache(maxsize=1024)
def _text(member_id: str, collection_id: str, endpoint: str, of: str) -> str:
    """What a `next` is bound to besides the query: a list in JSON, without its end."""
    return json.dumps((member_id, collection_id, endpoint, of))[:-1]
