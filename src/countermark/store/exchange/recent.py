"""Pages that were read of late: members poll the same ones, the newest above all.

A page is kept with the collection's change counter, which every change of it raises in its own transaction.
Only while the counter stands where it stood is the kept page the page that would be read. What this process
adds or deletes counts at once; what another process does, after `SOON` at the latest: so long a counter that
was read serves the requests that come together.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from countermark.store.exchange.shapes import Filters

MOST_BYTES = 64 << 20
SOON = 0.005
"""Seconds."""
_MOST_OF_ONE = MOST_BYTES // 8
_BESIDE = 1024
"""What an entry takes besides its objects, positions and key, generously."""


class Joined(msgspec.Struct, frozen=True):
    """A page as it is sent."""

    positions: tuple[int, ...]
    """`date_added` of each object."""
    owners: tuple[str, ...]
    """`member_id` of who put it there, for each object."""
    those: frozenset[str]
    """The owners, each once."""
    steps: list[int]
    """The positions as log entries have them, see `steps_of`; not to be changed."""
    data: bytes
    """The objects' JSON as it came, with commas between."""
    more: bool
    """Whether others follow."""


class _Kept(NamedTuple):
    change: int
    page: Joined
    size: int


Key = tuple[int, Filters, int, int]
"""The collection's number, filters without `added_after`, the position after which it begins, the limit."""


@lru_cache(maxsize=256)
def _length(filters: Filters) -> int:
    """Filters hold what clients ask for: those of a page of nothing may be long."""
    return len(repr(filters))


class Counters:
    """What the change counters of collections stood at a moment ago. Threads may share it."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, float]] = {}
        self._forgotten = 0
        self._turn = threading.Lock()

    def read(self, number: int, fetch: Callable[[], int]) -> int:
        """The counter of a collection, from `fetch` unless that was asked a moment ago."""
        known = self.at_hand(number)
        if known is not None:
            return known
        began, until = self._forgotten, time.monotonic() + SOON
        value = fetch()
        with self._turn:
            if began == self._forgotten:  # else it may be of before a change of ours
                self._seen[number] = (value, until)
        return value

    def at_hand(self, number: int) -> int | None:
        """The counter of a collection, where it was asked for a moment ago."""
        found = self._seen.get(number)
        return found[0] if found is not None and time.monotonic() < found[1] else None

    def forget(self) -> None:
        """After a change of this process."""
        with self._turn:
            self._forgotten += 1
            self._seen.clear()


class Recent:
    """Pages by what they are of; those that were not asked for longest go first. Threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._bytes = 0
        self._turn = threading.Lock()

    def get(self, key: Key, change: int) -> Joined | None:
        """The page, when it is that of this state of the collection."""
        with self._turn:
            found = self._kept.get(key)
            if found is None or found.change != change:
                return None
            self._kept.move_to_end(key)
            return found.page

    def put(self, key: Key, change: int, page: Joined) -> None:
        """Keep a page that was read after the counter stood at `change`."""
        size = len(page.data) + 128 * len(page.positions) + 4 * _length(key[1]) + _BESIDE
        if size > _MOST_OF_ONE:
            return
        with self._turn:
            self._drop(key)
            self._kept[key] = _Kept(change, page, size)
            self._bytes += size
            while self._bytes > MOST_BYTES:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= found.size
