"""Who was given an object, and who was given its revocation, by the entries of the log."""

from collections.abc import Collection, Iterator
from itertools import accumulate

import msgspec

from countermark.share.server.audit import READ
from countermark.store.exchange import ALL, ExchangeStore, Filters
from countermark.trust.log import Log

CONTENT = ("objects", "object")
"""Reads that give the object itself; a manifest or a list of versions tells no more than that it is there."""
_PAGE = 1000


class Copies(msgspec.Struct):
    """Where the versions of one object of one member stand."""

    live: dict[str, set[int]]
    """Positions of what it said, by collection."""
    revoked: dict[str, set[int]]
    """Positions of its revocations."""

    @property
    def everywhere_revoked(self) -> bool:
        """Whether each collection that has the object has its revocation."""
        return bool(self.live or self.revoked) and set(self.live) <= set(self.revoked)


class _Revoked(msgspec.Struct):
    revoked: bool = False


class _Read(msgspec.Struct):
    member: str
    what: str
    collection: str
    positions: list[int]


class _Line(msgspec.Struct):
    kind: str
    time: str
    payload: msgspec.Raw


def copies(store: ExchangeStore, stix_id: str, owner: str, within: Collection[str] | None = None) -> Copies:
    """Versions of the object that this member put into any collection, or one of those `within`."""
    found = Copies({}, {})
    filters = Filters(ids=(stix_id,), versions=(ALL,), spec_versions=("2.0", "2.1"))
    for collection in store.collections.all():
        if within is not None and collection.collection_id not in within:
            continue
        after = None
        while True:
            page = store.objects.page(collection.collection_id, filters, after=after, limit=_PAGE)
            for row in page.rows:
                if row.owner == owner:
                    revoked = msgspec.json.decode(row.data, type=_Revoked).revoked
                    kind = found.revoked if revoked else found.live
                    kind.setdefault(collection.collection_id, set()).add(row.date_added)
            if not page.more:
                break
            after = page.rows[-1].date_added
    return found


class Reads:
    """Reads of some positions, found in the log and remembered; looks only at what was appended since."""

    def __init__(self) -> None:
        self._next = 0
        self._wanted: dict[str, set[int]] = {}
        self.first: dict[str, str] = {}
        """When each member was first given one of them (as the log writes times)."""

    def look(self, log: Log, wanted: dict[str, set[int]]) -> dict[str, str]:
        """Members that were given any of these positions (by collection), and when first."""
        if wanted != self._wanted:
            self._next, self._wanted, self.first = 0, wanted, {}
        for index, entry in _reads(log, self._next, wanted):
            self._next = index + 1
            if entry is not None:
                when, read = entry
                self.first.setdefault(read.member, when)
        return self.first


def _reads(
    log: Log, start: int, wanted: dict[str, set[int]]
) -> Iterator[tuple[int, tuple[str, _Read] | None]]:
    """Every index from `start` on, with the read of a wanted position where it is one."""
    names = [one.encode() for one in wanted]
    kind = f'"kind":"{READ}"'.encode()
    for index, data in log.lines(start):
        entry = None
        if kind in data and any(name in data for name in names):
            line = msgspec.json.decode(data, type=_Line)
            read = msgspec.json.decode(line.payload, type=_Read) if line.kind == READ else None
            if read is not None and read.what in CONTENT:
                positions = wanted.get(read.collection, set())
                if not positions.isdisjoint(accumulate(read.positions)):
                    entry = (line.time, read)
        yield index, entry
