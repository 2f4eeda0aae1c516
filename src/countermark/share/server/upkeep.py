"""What has to be done from time to time while a server runs."""

import logging
import threading

from countermark.errors import Error
from countermark.share.server.overlap_telling import OVER, run_entry
from countermark.share.server.times import now
from countermark.store.exchange import ExchangeStore

_LOG = logging.getLogger("countermark.exchange")
EVERY_SECONDS = 3600.0
STATUS_DAYS = 30
"""How long a status is kept; TAXII 2.1 asks for a day (section 4.3)."""


class Upkeep:
    """A thread that does it at the start, and every hour."""

    def __init__(self, store: ExchangeStore) -> None:
        self._store = store
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, when what is being done is done."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            checks = ("checks", self._store.checks.forget)
            for what, work in (("statuses", self._statuses), checks, ("overlaps", self._overlaps)):
                try:
                    work()
                except Error as error:  # next time
                    _LOG.warning("old %s were not deleted: %s", what, type(error).__name__)
            self._ended.wait(EVERY_SECONDS)

    def _statuses(self) -> None:
        self._store.statuses.forget(now() - STATUS_DAYS * 86_400_000_000)

    def _overlaps(self) -> None:
        self._store.overlap.expire(now(), OVER, run_entry)
