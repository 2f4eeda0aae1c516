"""Refusals of the private overlap and the joint check that have no entry of their own: counted, then logged.

Whatever is answered with a status of 400 or more on their paths, by an endpoint or before one is found, is
counted by caller, endpoint, status and reason, and nothing else of it is kept. Every few seconds counts go to
the database, and when an hour is over one entry for each caller to the log; a server that starts or stops
does not wait for that.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from countermark.errors import Error
from countermark.records.exchange import Caller
from countermark.share.server.api import about
from countermark.share.server.errors import TaxiiError
from countermark.share.server.metrics import METHODS
from countermark.store.exchange import Counted, Entry, ExchangeStore, Refusal
from countermark.trust.log import Log

KIND = "refusals"
HEADER = b"refusals-hour"
FLUSH_SECONDS = 3.0
MOST_KINDS = 500
"""Of refusals of one caller in an hour, by token, endpoint, status and reason; more are `others`."""
OTHERS = "others"
_MOST_LISTED = 1000
_SECONDS = 3600
_PATHS = ("/overlap/", "/watermark/")
_REASONS = {
    400: "malformed",
    401: "credentials",
    403: "rights",
    404: "not there",
    405: "method",
    408: "too slow",
    409: "as things stand",
    413: "too long",
    422: "malformed",
    429: "rate",
    503: "load",
}
_LOG = logging.getLogger("countermark.exchange")


class Refusals:
    """Counts, in the event loop; `flush` and `close` are for other threads."""

    def __init__(
        self,
        store: ExchangeStore,
        soon: Callable[[], None],
        routes: Iterable[BaseRoute],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`soon` has the outbox taken to the log."""
        self._store, self._soon, self._clock = store.refusals, soon, clock
        ours = [one for one in routes if isinstance(one, Route) and one.path.startswith(_PATHS)]
        self._paths = {one.path: one.path_regex for one in ours}
        self._lock = threading.Lock()
        self._counts: dict[Refusal, int] = {}
        """Since the last flush."""
        self._kinds: dict[tuple[int, str], set[Refusal]] = {}
        """By hour and member."""
        self._closed: int | None = None
        """The hour before which all have their entries; None: what an earlier server left is there."""

    def answered(self, scope: Scope, status: int) -> tuple[bytes, bytes] | None:
        """Count an answer, where it is such a refusal: the header that tells the hour of its entry."""
        path, state = scope["path"], scope.get("state", {})
        if status < 400 or not path.startswith(_PATHS) or "route" in state:  # a route of TAXII
            return None
        error: TaxiiError | None = state.get("refusal")
        if error is not None and error.is_logged:
            return None
        caller: Caller | None = state.get("caller")
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = next((one for one, pattern in self._paths.items() if pattern.match(path)), OTHERS)
        hour = int(self._clock()) // _SECONDS
        one = Refusal(
            hour,
            caller.member.member_id if caller else "",
            caller.token_id if caller else "",
            f"{method} {route}",
            status,
            (error.reason if error is not None else "") or _REASONS.get(status, "other"),
        )
        self._count(one)
        return HEADER, _time(hour).encode()

    def flush(self) -> None:
        """Put what was counted into the database, and write the entries of hours that are over."""
        hour = int(self._clock()) // _SECONDS
        before = hour + 1 if self._closed is None else hour
        with self._lock:
            counts, self._counts = self._counts, {}
            for old in [one for one in self._kinds if one[0] < hour]:
                del self._kinds[old]
        if counts or before != self._closed:
            self._add(counts, before)
            self._closed = hour

    def close(self) -> None:
        """Write the entries of all that was counted; called when nothing is answered any more."""
        with self._lock:
            counts, self._counts = self._counts, {}
        try:
            self._add(counts, int(self._clock()) // _SECONDS + 1)
        except Error as error:
            _LOG.warning("refusals: not counted: %d: %s", sum(counts.values()), type(error).__name__)

    def _add(self, counts: dict[Refusal, int], before: int) -> None:
        try:
            entries = self._store.add(counts, before, entry_of)
        except BaseException:
            with self._lock:
                for one, count in counts.items():
                    self._counts[one] = self._counts.get(one, 0) + count
            raise
        if entries:
            self._soon()

    def _count(self, one: Refusal) -> None:
        with self._lock:
            kinds = self._kinds.setdefault((one.hour, one.member), set())
            if one not in kinds and len(kinds) >= MOST_KINDS:
                one = msgspec.structs.replace(one, token=OTHERS, endpoint=OTHERS, reason=OTHERS)
            else:
                kinds.add(one)
            self._counts[one] = self._counts.get(one, 0) + 1


def entry_of(counts: Sequence[Counted]) -> Entry:
    """The entry of what was counted of one caller in one hour."""
    first = counts[0][0]
    payload: dict[str, Any] = {"member": first.member} if first.member else {"by": "nobody"}
    rows = [
        {
            "token": one.token or None,
            "endpoint": one.endpoint,
            "status": one.status,
            "reason": one.reason,
            "count": count,
        }
        for one, count in counts
    ]
    total = sum(count for _, count in counts)
    return KIND, payload | {"hour": _time(first.hour), "count": total, "refused": rows}


def _time(hour: int) -> str:
    return datetime.fromtimestamp(hour * _SECONDS, UTC).strftime("%Y-%m-%dT%H:00:00Z")


class _Payload(msgspec.Struct):
    hour: str
    count: int
    member: str = ""


class _Line(msgspec.Struct):
    payload: _Payload


class Listed:
    """Where in the log the entries of counted refusals are; reads what was appended since."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0
        self._of: dict[str, deque[dict[str, Any]]] = {}

    def of(self, caller: Caller, log: Log) -> list[dict[str, Any]]:
        """Index, hour and count of the last entries that the caller may see, in order."""
        with self._lock:
            for index, data in log.lines(self._next):
                self._next = index + 1
                if data.startswith(b'{"kind":"refusals",'):
                    told = msgspec.json.decode(data, type=_Line).payload
                    kept = self._of.setdefault(told.member, deque(maxlen=_MOST_LISTED))
                    kept.append({"entry": index, "hour": told.hour, "count": told.count})
            seen = [kept for member, kept in self._of.items() if about(caller, member)]
            found = sorted((one for kept in seen for one in kept), key=lambda one: int(one["entry"]))
        return [] if caller.collections is not None else found[-_MOST_LISTED:]
