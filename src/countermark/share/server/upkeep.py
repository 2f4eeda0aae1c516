"""What has to be done from time to time while a server runs."""

import logging
import threading
from collections.abc import Callable

from countermark.share.server.overlap_telling import OVER, run_entry
from countermark.share.server.times import now
from countermark.store.exchange import ExchangeStore

_LOG = logging.getLogger("countermark.exchange")
EVERY_SECONDS = 3600.0
STOP_SECONDS = 5.0
STATUS_DAYS = 30
"""How long a status is kept; TAXII 2.1 asks for a day (section 4.3)."""


class Upkeep:
    """A thread that does something at the start, and so often."""

    def __init__(self, name: str, work: Callable[[], object], every_seconds: float = EVERY_SECONDS) -> None:
        self._work, self._every = work, every_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, when what is being done is done; what takes long is left, for it can be done again."""
        self._ended.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._work()
            # whatever it is, the next time may do better: a thread that has ended is missed by nobody
            except Exception as error:
                _LOG.warning("%s: not done: %s", self._thread.name, type(error).__name__)
            self._ended.wait(self._every)


def forget_statuses(store: ExchangeStore) -> None:
    """Delete statuses that nobody asks for any more."""
    store.statuses.forget(now() - STATUS_DAYS * 86_400_000_000)


def expire_overlaps(store: ExchangeStore) -> None:
    """End overlaps whose days are over, and delete their lists."""
    store.overlap.expire(now(), OVER, run_entry)
