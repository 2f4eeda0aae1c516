"""Something done every so often until somebody stops it: sooner again after a failure, never all at once.

After a failure the pause begins at half a minute and doubles, and is never longer than the time between two
rounds: an exchange that was down for an hour is asked again well within the day.
"""

import re
import secrets
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from countermark.errors import Error, ExitCode

FIRST_PAUSE = 30.0
LONGEST = 7 * 86_400.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TIME = re.compile(r"([1-9][0-9]{0,6})([smhd])", re.ASCII)
_random = secrets.SystemRandom()


class Stopped(Exception):
    """Told to stop; what was done so far is kept."""


def seconds_of(text: str) -> float:
    """`30s`, `15m`, `1h` or `1d` in seconds; raises `Error(USAGE)` for anything else, and over a week."""
    match = _TIME.fullmatch(text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST:
        raise Error(f"{text[:20]!r} is no time between rounds", hint="1h, 15m", exit_code=ExitCode.USAGE)
    return float(seconds)


class Regularly:
    """A context in which SIGTERM and SIGINT ask to stop; a second one ends the process as it always did."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._asked = threading.Event()
        self._failures = 0
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self.stopped_by = 0
        """The signal, or 0."""

    def __enter__(self) -> "Regularly":
        if threading.current_thread() is threading.main_thread():
            for one in (signal.SIGTERM, signal.SIGINT):
                self._before[one] = signal.signal(one, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def check(self) -> None:
        """Raise `Stopped` when told to stop."""
        if self._asked.is_set():
            raise Stopped

    def wait(self, *, failed: bool) -> None:
        """Wait for the next round; raises `Stopped` as soon as told to stop."""
        self._failures = self._failures + 1 if failed else 0
        self._asked.wait(self.pause())
        self.check()

    def pause(self) -> float:
        """Seconds to the next round, after the failures in a row that there were."""
        if not self._failures:
            return self._every
        longest = min(self._every, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 30))
        return _random.uniform(longest / 2, longest)

    def _ask(self, sig: int, _: FrameType | None) -> None:
        self.stopped_by = sig
        self._asked.set()
        self._restore()

    def _restore(self) -> None:
        while self._before:
            sig, handler = self._before.popitem()
            signal.signal(sig, handler)
