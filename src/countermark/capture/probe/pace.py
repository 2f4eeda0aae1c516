"""How fast requests go out: a bucket of one token for the rate, waits that are asked for, back-off."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256

MOST_WAIT = 120.0
"""Seconds; an endpoint that asks for a longer wait gets this one."""


class Stopped(Exception):
    """Nothing more is to be asked."""


class Pace:
    """Shared by all that ask. `stop` ends every wait with `Stopped`."""

    def __init__(self, rate: float | None, stop: asyncio.Event) -> None:
        self._interval = 60.0 / rate if rate else 0.0
        self._next = 0.0
        self._stop = stop

    async def turn(self) -> None:
        """Wait until a request may go out."""
        while True:
            moment = time.monotonic()
            if moment >= self._next:
                self._next = moment + self._interval
                if self._stop.is_set():
                    raise Stopped
                return
            await self.sleep(self._next - moment)

    def hold(self, seconds: float) -> None:
        """Nobody asks before this time is over."""
        self._next = max(self._next, time.monotonic() + min(seconds, MOST_WAIT))

    async def sleep(self, seconds: float) -> None:
        """Wait, unless the run is stopped."""
        try:
            await asyncio.wait_for(self._stop.wait(), max(seconds, 0.0))
        except TimeoutError:
            return
        raise Stopped


def backoff(base: float, attempt: int, seed: int, name: str) -> float:
    """Seconds before attempt `attempt` + 1: doubled each time, times a number from 1/2 to 1.

    The number depends on the seed, the request and the attempt alone, and not on the order of events.
    """
    draw = int.from_bytes(sha256(f"{seed}\n{attempt}\n{name}".encode()).digest()[:8], "big") / 2**64
    wait: float = base * 2.0 ** min(attempt - 1, 32) * (0.5 + draw / 2)
    return min(wait, MOST_WAIT)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds by `Retry-After` (RFC 9110, 10.2.3: seconds or a date) or `retry-after-ms`; None without."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if not value or len(value) > 64:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            seconds = _until(value)
        if 0 <= seconds < float("inf"):
            return min(seconds, MOST_WAIT)
    return None


def _until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date)
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return -1.0
