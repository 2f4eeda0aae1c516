"""Looks by itself, while a server runs, who is late with a withdrawal: the day of a dispute is over, and a
reader of the object was not given the withdrawal, or there is none.

Each is noticed once, in one transaction with its entry for the log. The log is read on from where the last
look ended, for all disputes together, and slowly: requests go first.
"""

import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from heapq import nsmallest
from itertools import accumulate
from typing import Any

from countermark.share.server.filed import Dispute, Filed
from countermark.share.server.press import Press
from countermark.share.server.readers import Read, copies, reads_in
from countermark.share.server.times import now
from countermark.store.exchange import ExchangeStore, Overdue
from countermark.trust.log import Log

_LOG = logging.getLogger("countermark.exchange")
_LINES_BETWEEN_PAUSES, _LOOKED_UP_BETWEEN_PAUSES, _PAUSE_SECONDS = 500, 20, 0.005
_LOOKS_AT_SETTLED = 20
"""So seldom it is looked up whether an object still stands as it did, where nobody is late with it."""
_MOST_LOOKED_UP = 500
"""In one look, of those that were looked up before: a member may file thousands of disputes and withdraw
nothing. The others have their turn in the next."""
Positions = dict[str, frozenset[int]]
"""By collection."""


class _Watched:
    """A dispute whose day is over, and what the log says of its object so far."""

    def __init__(self, dispute: Dispute) -> None:
        self.dispute = dispute
        self.said: Positions = {}
        self.revoked: Positions = {}
        self.everywhere = False
        """Whether the withdrawal is the last word wherever the object is, or was."""
        self.readers: dict[str, set[str]] = {}
        """By the collection in which they read it."""
        self.receipts: set[str] = set()
        self.next = 0
        """Index of the first entry that was not looked at."""
        self.looked_up = 0
        """In which look it was last looked up where the object stands."""

    def stand(self, said: Positions, revoked: Positions, everywhere: bool) -> None:
        """Where its versions stand now; with other positions the log is read from its beginning."""
        if (said, revoked) != (self.said, self.revoked):
            self.said, self.revoked, self.next = said, revoked, 0
            self.readers, self.receipts = {name: set() for name in said}, set()
        self.everywhere = everywhere

    def late(self) -> dict[str, dict[str, list[int]]]:
        """Who is late, and with which positions: a reader with the withdrawal, the discloser with none.

        A reader is late where the withdrawal stands in a collection in which it read the object: where it
        stands elsewhere alone, the reader may not even see it, and the discloser is late.
        """
        there = [self.readers.get(name, set()) for name in self.revoked]
        late = dict.fromkeys(set().union(*there) - self.receipts, self.wanted)
        return late if self.everywhere else late | {self.dispute.member: {}}

    @property
    def wanted(self) -> dict[str, list[int]]:
        """Positions of the withdrawal."""
        return {name: sorted(some) for name, some in self.revoked.items()}

    def is_over(self, member: str) -> bool:
        """Whether somebody is late no more, by what was read: another process may have read further."""
        if member == self.dispute.member:
            return self.everywhere
        return member in self.receipts or not self.revoked


class Watch:
    """One server's look-out."""

    def __init__(
        self,
        store: ExchangeStore,
        filed: Filed,
        press: Press,
        log: Callable[[], Log],
        drain: Callable[[], None],
    ) -> None:
        """`log` gives the log as it was read last; `drain` has it read on, and take the outbox, some time."""
        self._store, self._filed, self._press = store, filed, press
        self._log, self._drain = log, drain
        self._watched: dict[str, _Watched] = {}
        self._looks = 0

    def look(self) -> int:
        """One look; how many were noticed for the first time. Raises `Error`, and goes on next time."""
        log, at = self._log(), now()
        self._filed.read(log)
        for dispute in self._filed.by_id.values():
            if dispute.due <= at and dispute.dispute_id not in self._watched:
                self._watched[dispute.dispute_id] = _Watched(dispute)
        self._stand_all()
        self._read(log)
        new = self._settle_and_notice(at)
        self._press.load()
        self._drain()
        return new

    def _stand_all(self) -> None:
        """Look up where objects stand: of new disputes, and of others that waited longest."""
        self._looks += 1
        every = self._looks % _LOOKS_AT_SETTLED == 0
        new = [one for one in self._watched.values() if not one.next]
        others = (one for one in self._watched.values() if one.next and (every or one.late()))
        some = nsmallest(_MOST_LOOKED_UP, others, key=lambda one: one.looked_up)
        for count, one in enumerate([*new, *some]):
            if count % _LOOKED_UP_BETWEEN_PAUSES == 0:
                time.sleep(_PAUSE_SECONDS)
            one.looked_up = self._looks
            self._stand(one)

    def _stand(self, one: _Watched) -> None:
        found = copies(self._store, one.dispute.object_id, one.dispute.member)
        said = {name: frozenset(some) for name, some in found.said.items()}
        revoked = {name: frozenset(some) for name, some in found.revoked.items()}
        one.stand(said, revoked, found.everywhere_revoked)

    def _read(self, log: Log) -> None:
        """Read the log on: once for those that begin anew, and once for all others together."""
        watched = self._watched.values()
        for some in ([one for one in watched if not one.next], [one for one in watched if one.next]):
            end, meant = len(log), _Meant(some)
            for read in meant.reads(log, min((one.next for one in some), default=end)):
                meant.take(read)
            for one in some:
                one.next = max(one.next, end)

    def _settle_and_notice(self, at: int) -> int:
        waiting = {(one.dispute_id, one.member_id): one for one in self._store.overdue.waiting()}
        late = {
            (dispute_id, member): (one.dispute, wanted)
            for dispute_id, one in self._watched.items()
            for member, wanted in one.late().items()
        }
        for dispute_id, member in waiting.keys() - late.keys():
            watched = self._watched.get(dispute_id)
            if watched is not None and watched.is_over(member):
                self._store.overdue.settle(member, [dispute_id])
            elif watched is not None and member != watched.dispute.member:  # the withdrawal may have moved
                late[dispute_id, member] = watched.dispute, watched.wanted
        new = 0
        for (dispute_id, member), (dispute, wanted) in sorted(late.items()):
            known = waiting.get((dispute_id, member))
            if known is None or known.wanted != wanted:
                new += self._notice(dispute, member, wanted, at)
        return new

    def _notice(self, dispute: Dispute, member: str, wanted: dict[str, list[int]], at: int) -> bool:
        what: dict[str, Any] = {"dispute_id": dispute.dispute_id, "object_id": dispute.object_id}
        late = Overdue(member_id=member, wanted=wanted, noticed=at, settled=None, **what)
        as_ = "reader" if wanted else "discloser"
        entry = {"member": member, "owners": [dispute.member], "as": as_, "due": dispute.due, **what}
        new = self._store.overdue.notice(late, entry=entry)
        if new:
            fields = {"event": "revocation-overdue", "member": member, "as": as_, **what}
            _LOG.warning("a withdrawal is overdue", extra={"fields": fields})
        return new


class _Meant:
    """Which positions matter to which disputes."""

    def __init__(self, some: Sequence[_Watched]) -> None:
        self._at: dict[str, dict[int, list[set[str]]]] = {}
        """By collection and position, the sets that a reader of it comes into."""
        for one in some:
            said = ((name, these, one.readers[name]) for name, these in one.said.items())
            revoked = ((name, these, one.receipts) for name, these in one.revoked.items())
            for name, these, who in (*said, *revoked):
                for position in these:
                    self._at.setdefault(name, {}).setdefault(position, []).append(who)
        self._order = {name: sorted(here) for name, here in self._at.items()}

    def reads(self, log: Log, start: int) -> Iterator[Read]:
        """Reads in the collections that matter, with a pause now and then."""
        for count, read in enumerate(reads_in(log, start, self._at)):
            if count % _LINES_BETWEEN_PAUSES == 0:
                time.sleep(_PAUSE_SECONDS)
            if read is not None:
                yield read

    def take(self, read: Read) -> None:
        """Somebody was given these positions."""
        here, order = self._at.get(read.collection, {}), self._order.get(read.collection, [])
        at = bisect_left(order, read.positions[0] if read.positions else 0)
        if at == len(order) or order[at] > sum(read.positions):  # the first, and steps: none lies within
            return
        for position in here.keys() & set(accumulate(read.positions)):
            for who in here[position]:
                who.add(read.member)
