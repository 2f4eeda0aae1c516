"""Pages that were read of late: members poll the same ones, the newest above all.

A page is kept with the collection's change counter, which every change of it raises in its own transaction.
Only while the counter stands where it stood is the kept page the page that would be read. What this process
adds or deletes counts at once; what another process does, after `SOON` at the latest: so long a counter that
was read serves the requests that come together.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import msgspec

from countermark.store.exchange.shapes import Filters

MOST_BYTES = 64 << 20
SOON = 0.005
"""Seconds."""
_MOST_OF_ONE = MOST_BYTES // 8
_MOST_ASKED = 1024
"""As many as there is room for of pages of 100 objects."""
_BESIDE = 1024
"""What an entry takes besides its objects, positions and key, generously."""


Part = bytes | memoryview
"""A memoryview: of a value that was read, so that it is copied once, when it is sent."""


class Joined(msgspec.Struct, frozen=True):
    """A page as it is sent."""

    steps: list[int]
    """The positions as log entries have them, see `steps_of`; not to be changed."""
    span: tuple[int, int]
    """The first and the last position; (0, 0) of an empty page."""
    numbers: tuple[int, ...]
    """Of the member that put it there, for each object."""
    names: dict[int, str]
    """`member_id` by number."""
    parts: Sequence[Part]
    """The objects' JSON as it came, with commas between, in some parts."""
    more: bool
    """Whether others follow."""

    @property
    def data(self) -> bytes:
        """The parts joined."""
        return b"".join(self.parts)

    @property
    def positions(self) -> tuple[int, ...]:
        """`date_added` of each object."""
        return tuple(accumulate(self.steps))

    @property
    def owners(self) -> tuple[str, ...]:
        """`member_id` of who put it there, for each object."""
        return tuple(map(self.names.__getitem__, self.numbers))

    @property
    def those(self) -> frozenset[str]:
        """The owners, each once."""
        return frozenset(self.names.values())


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


class _Counted(NamedTuple):
    change: int
    began: float
    """When it was begun to be read."""
    own: int
    """Changes of this process before that."""


class Counters:
    """What the change counters of collections stood at a moment ago. Threads may share it."""

    def __init__(self) -> None:
        self._seen: dict[int, _Counted] = {}
        self._own = 0
        self._turn = threading.Lock()

    def read(self, number: int, fetch: Callable[[], int], asked: float | None = None) -> int:
        """The counter of a collection, from `fetch` unless it is at hand for who asked at `asked`, or now."""
        began, own = time.monotonic(), self._own
        known = self.at_hand(number, began if asked is None else asked)
        if known is None:
            known = fetch()
            self._seen[number] = _Counted(known, began, own)
        return known

    def at_hand(self, number: int, asked: float) -> int | None:
        """The counter for one who asked at `asked` (of `time.monotonic`), if it was read no earlier than a
        moment before; None where this process has changed something since.
        """
        found = self._seen.get(number)
        if found is None or found.own != self._own or asked >= found.began + SOON:
            return None
        return found.change

    def forget(self) -> None:
        """After a change of this process."""
        with self._turn:
            self._own += 1


class Recent:
    """Pages by what they are of; those that were not asked for longest go first. Threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._asked: OrderedDict[Key, None] = OrderedDict()
        """Pages that were asked for once of late and not kept."""
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

    def knows(self, key: Key) -> bool:
        """Whether it has the page, or was asked for it a moment ago."""
        return key in self._kept or key in self._asked

    def put(self, key: Key, change: int | None, page: Joined, *, again: bool = False) -> None:
        """Keep a page that was read after the counter stood at `change`, if that is known.

        `again`: only if it was asked for a moment ago too. Who walks through a collection asks for each page
        once, and would push out those that are polled.
        """
        with self._turn:
            if (again and not self._asked_before(key)) or change is None:
                return
            if len(page.parts) > 1:  # they hold more than is theirs
                page = msgspec.structs.replace(page, parts=(page.data,))
            size = sum(map(len, page.parts)) + 128 * len(page.steps) + 4 * _length(key[1]) + _BESIDE
            if size > _MOST_OF_ONE:
                return
            self._drop(key)
            self._kept[key] = _Kept(change, page, size)
            self._bytes += size
            while self._bytes > MOST_BYTES:
                self._drop(next(iter(self._kept)))

    def _asked_before(self, key: Key) -> bool:
        """Whether it was, as far as that is remembered; it is from now on."""
        if key in self._kept or key in self._asked:
            self._asked.pop(key, None)
            return True
        self._asked[key] = None
        if len(self._asked) > _MOST_ASKED:
            self._asked.popitem(last=False)
        return False

    def _drop(self, key: Key) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= found.size
