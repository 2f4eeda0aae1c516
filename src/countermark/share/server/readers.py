"""Who was given an object, and who was given its revocation, by the entries of the log."""

from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate

import msgspec

from countermark.share.server.audit import READ
from countermark.store.exchange import ExchangeStore, Version
from countermark.trust.log import Log

CONTENT = ("objects", "object")
"""Reads that give the object itself; a manifest or a list of versions tells no more than that it is there."""
_PAGE = 100


class Copies(msgspec.Struct):
    """Where versions of an object of a member stand, and stood: what is deleted was read too."""

    said: dict[str, set[int]]
    """Positions of what it said, by collection."""
    revoked: dict[str, set[int]]
    """Positions of the revocations after which nothing was said, by collection."""

    @property
    def everywhere_revoked(self) -> bool:
        """Whether in each collection that has, or had, the object, a revocation is the last word."""
        return bool(self.said or self.revoked) and set(self.said) <= set(self.revoked)


class _Revoked(msgspec.Struct):
    revoked: bool = False


class Read(msgspec.Struct):
    """An entry of a read."""

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
    for collection in store.collections.all():
        name = collection.collection_id
        if within is not None and name not in within:
            continue
        versions = [one for one in store.scan.versions(name, stix_id) if one.owner == owner]
        versions.sort(key=lambda one: one.version_at, reverse=True)
        last = _last_word(store, name, versions)
        said = {one.position for one in versions} - last
        found.said |= {name: said} if said else {}
        found.revoked |= {name: last} if last else {}
    return found


def _last_word(store: ExchangeStore, name: str, versions: Sequence[Version]) -> set[int]:
    """Positions of the revocations that are later than all else; `versions` from the latest on.

    What a deleted version said is not known any more, and is taken for no revocation.
    """
    last: set[int] = set()
    for start in range(0, len(versions), _PAGE):
        some = versions[start : start + _PAGE]
        rows = {row.date_added: row for row in store.objects.at(name, [one.position for one in some])}
        for one in some:
            data = rows[one.position].data if one.position in rows else b""
            if one.gone or not data or not msgspec.json.decode(data, type=_Revoked).revoked:
                return last
            last.add(one.position)
    return last


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
                if not wanted.get(read.collection, set()).isdisjoint(accumulate(read.positions)):
                    self.first.setdefault(read.member, when)
        return self.first


def reads_in(log: Log, start: int, names: Collection[str]) -> Iterator[Read | None]:
    """For every entry from `start` on, the content that somebody was given of one of these collections."""
    for _, entry in _reads(log, start, names):
        yield None if entry is None else entry[1]


def _reads(
    log: Log, start: int, collections: Collection[str]
) -> Iterator[tuple[int, tuple[str, Read] | None]]:
    """Every index from `start` on, with what it says of content that was given, where it does."""
    names = [one.encode() for one in collections]
    kind = f'"kind":"{READ}"'.encode()
    for index, data in log.lines(start):
        entry = None
        if kind in data and any(name in data for name in names):
            line = msgspec.json.decode(data, type=_Line)
            read = msgspec.json.decode(line.payload, type=Read) if line.kind == READ else None
            if read is not None and read.what in CONTENT:
                entry = (line.time, read)
        yield index, entry
