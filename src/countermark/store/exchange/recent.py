"""Pages that were read of late: members poll the same ones, the newest above all.

A page is kept with the collection's change counter, which every change of it raises in its own transaction.
The counter is read from the database for every request, so that what another process adds or deletes counts
at once; only when nothing has changed is the kept page the page that would be read.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

import msgspec

MOST_BYTES = 64 << 20
_MOST_OF_ONE = MOST_BYTES // 8
_BESIDE = 1024
"""What an entry takes besides its objects, positions and key, generously."""


class Joined(msgspec.Struct, frozen=True):
    """A page as it is sent."""

    positions: tuple[int, ...]
    """`date_added` of each object."""
    owners: tuple[str, ...]
    """`member_id` of who put it there, for each object."""
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


class Recent:
    """Pages by what they are of; those that were not asked for longest go first. Threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._bytes = 0
        self._turn = threading.Lock()

    def get(self, key: Hashable, change: int) -> Joined | None:
        """The page, when it is that of this state of the collection."""
        with self._turn:
            found = self._kept.get(key)
            if found is None or found.change != change:
                return None
            self._kept.move_to_end(key)
            return found.page

    def put(self, key: Hashable, change: int, page: Joined) -> None:
        """Keep a page that was read after the counter stood at `change`."""
        # keys hold what clients ask for: a page of nothing may have a long one
        size = len(page.data) + 128 * len(page.positions) + 4 * len(repr(key)) + _BESIDE
        if size > _MOST_OF_ONE:
            return
        with self._turn:
            self._drop(key)
            self._kept[key] = _Kept(change, page, size)
            self._bytes += size
            while self._bytes > MOST_BYTES:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= found.size
