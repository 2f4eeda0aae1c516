"""How often one may ask, and how much may be open at once.

An address is counted before anything is done for it, a member once it is known who calls. Whoever comes
without valid credentials has a small share of its own, so that tokens cannot be guessed at speed.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import Scope

from countermark.records.exchange import Caller
from countermark.share.server.errors import TaxiiError
from countermark.share.server.peers import Peers
from countermark.share.server.settings import LimitSettings

_MOST_KEYS = 50_000


class Buckets:
    """Token buckets, one for each key; the keys that were idle longest are forgotten."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one: 0 when there was one, else the seconds until there is."""
        now = self._clock()
        left, at = self._kept.pop(key, (float(self._burst), now))
        left = min(float(self._burst), left + (now - at) * self._rate)
        wait = 0.0 if left >= 1 else (1 - left) / self._rate
        self._kept[key] = (left if wait else left - 1, now)
        if len(self._kept) > _MOST_KEYS:
            self._kept.popitem(last=False)
        return wait


class Limits:
    """The limits of one server, all in its event loop."""

    def __init__(
        self, settings: LimitSettings, peers: Peers, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._peers = settings, peers
        self._callers = Buckets(settings.caller_rate, settings.caller_burst, clock)
        self._addresses = Buckets(settings.address_rate, settings.address_burst, clock)
        self._failures = Buckets(settings.failure_rate, settings.failure_burst, clock)
        self._open: dict[str, int] = {}
        self._total = 0

    def admit(self, request: Request, caller: Caller | None) -> None:
        """Raise `TaxiiError` 429 for a member, or a stranger's address, that asks too often."""
        if caller is None:
            _check(self._failures.take(self._peers.client(request.scope)))
        else:
            _check(self._callers.take(caller.member.member_id))

    def enter(self, scope: Scope) -> str:
        """Let a request in, and give its address, for `leave`; raises `TaxiiError` 429 or 503."""
        address = self._peers.client(scope)
        _check(self._addresses.take(address))
        if self._open.get(address, 0) >= self._settings.open_of_address:
            raise _too_many(429, "you have too many requests open", 1)
        if self._total >= self._settings.open_requests:
            raise _too_many(503, "too many requests are being answered", 2)
        self._open[address] = self._open.get(address, 0) + 1
        self._total += 1
        return address

    def leave(self, address: str) -> None:
        """A request that was let in is answered."""
        self._total -= 1
        left = self._open[address] - 1
        if left:
            self._open[address] = left
        else:
            del self._open[address]


def _check(wait: float) -> None:
    if wait:
        raise _too_many(429, "asked too often", math.ceil(wait))


def _too_many(status: int, title: str, seconds: int) -> TaxiiError:
    return TaxiiError(status, title, headers={"Retry-After": str(seconds)})
