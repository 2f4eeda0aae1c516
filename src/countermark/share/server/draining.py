"""From the outbox of the database into the Merkle log, each entry exactly once.

The log entry holds the outbox's number. Whoever drains holds the log's lock (flock) from the first look to
the last, in whatever process: it reads how far the log has come, appends what is beyond, and only then lets
the database forget it. Killed in between, the next one finds the numbers in the log and appends none twice.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.store.exchange import ExchangeStore
from countermark.trust.entries import MAX_ENTRY_BYTES, Payload
from countermark.trust.log import Log

NUMBER = "outbox"
_MARK = b'"outbox":'
_MOST = 1000
_PLACES = 50_000
"""Entries whose place in the log is remembered, for who has just written them."""
Row = tuple[int, str, dict[str, Any]]


class _Payload(msgspec.Struct):
    outbox: int | None = None


class _Line(msgspec.Struct):
    payload: _Payload


class Drain:
    """Knows how far the log has come; used by one thread."""

    def __init__(self, store: ExchangeStore, log: Log) -> None:
        self._outbox, self._log = store.outbox, log
        self._seen = 0
        self._last = 0
        self._places: OrderedDict[int, int] = OrderedDict()

    def run(self, reads: Sequence[tuple[str, Payload]] = (), *, outbox: bool = True) -> list[Row]:
        """Append what waits in the outbox, then `reads`, with one sync; gives what was new in the outbox."""
        done: list[Row] = []
        with self._log.writing():
            while outbox and (waiting := self._outbox.take(_MOST)):
                self._catch_up()
                new = self._new(waiting)
                self._log.append_all(
                    [(kind, _numbered(number, payload)) for number, kind, payload in new] + [*reads]
                )
                reads = ()
                self._outbox.drop(waiting[-1][0])
                done += new
                outbox = len(waiting) == _MOST
            self._log.append_all(reads)
        return done

    def places(self, numbers: Sequence[int]) -> list[int]:
        """Indices in the log of entries that were taken from the outbox a moment ago, by whatever process."""
        self._catch_up()
        return [self._places[number] for number in numbers]

    def _new(self, waiting: list[Row]) -> list[Row]:
        """Those that the log does not have; raises `Error` for a number that it has with other content."""
        old = {number: _numbered(number, payload) for number, _, payload in waiting if number <= self._last}
        if old:
            self._compare(old)
        return [row for row in waiting if row[0] > self._last]

    def _compare(self, old: dict[int, dict[str, Any]]) -> None:
        found = {
            entry.payload[NUMBER]: entry.payload
            for entry in self._log.entries()
            if entry.payload.get(NUMBER) in old
        }
        if any(canonical_json(found.get(number)) != canonical_json(one) for number, one in old.items()):
            raise Error(
                "the database and the log are not of one another: the database is older",
                hint="was it restored from a copy? share audit verify says what the log has and it has not",
                exit_code=ExitCode.VERIFICATION_FAILED,
            )

    def _catch_up(self) -> None:
        """Read what was appended since, by whatever process, for the highest number."""
        for index, data in self._log.lines(self._seen):
            self._seen = index + 1
            if _MARK in data:
                number = msgspec.json.decode(data, type=_Line).payload.outbox
                self._last = max(self._last, number or 0)
                self._places[number or 0] = index
                if len(self._places) > _PLACES:
                    self._places.popitem(last=False)


def _numbered(number: int, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload with its number; of one that is too long for the log, the digest."""
    whole = {**payload, NUMBER: number}
    data = canonical_json(whole)
    if len(data) <= MAX_ENTRY_BYTES - 1024:
        return whole
    return {NUMBER: number, "too_long": len(data), "sha256": hashlib.sha256(data).hexdigest()}
