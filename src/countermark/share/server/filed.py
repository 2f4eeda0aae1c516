"""The disputes that were filed, by whatever process, as their entries in the log have them."""

import threading
import time
from collections import Counter

import msgspec

from countermark.trust.log import Log

FILED = "dispute-filed"
_LINES_BETWEEN_PAUSES, _PAUSE_SECONDS = 2000, 0.002


class Dispute(msgspec.Struct, frozen=True):
    """A dispute, as its entry in the log has it."""

    dispute_id: str
    member: str
    object_id: str
    filed: int
    due: int
    collections: list[str] = []
    """Those in which the object stood: who has a token for others alone is told nothing of it."""


class _Entry(msgspec.Struct):
    kind: str
    payload: msgspec.Raw


class Filed:
    """The disputes that were read so far. Several threads may use it."""

    def __init__(self) -> None:
        self._next = 0
        self._turn = threading.Lock()
        self.by_id: dict[str, Dispute] = {}
        self.of_object: dict[tuple[str, str], Dispute] = {}
        """The same, by member and object."""
        self.of_member: Counter[str] = Counter()

    def read(self, log: Log) -> None:
        """Learn of disputes that were filed since."""
        mark = f'"kind":"{FILED}"'.encode()
        with self._turn:
            start, found = self._next, {}
            for index, data in log.lines(start):
                start = index + 1
                if index % _LINES_BETWEEN_PAUSES == 0:
                    time.sleep(_PAUSE_SECONDS)  # a long log is read while pages are given
                if mark in data:
                    entry = msgspec.json.decode(data, type=_Entry)
                    if entry.kind == FILED:
                        dispute = msgspec.json.decode(entry.payload, type=Dispute)
                        found[dispute.dispute_id] = dispute
            self.by_id = self.by_id | found  # others may be going through the one that was there
            self.of_member.update(one.member for one in found.values())
            for one in found.values():
                self.of_object.setdefault((one.member, one.object_id), one)
            self._next = start
