"""What has to be done from time to time while a server runs."""

import logging
import threading

from countermark.errors import Error
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
            try:
                self._store.statuses.forget(now() - STATUS_DAYS * 86_400_000_000)
                self._store.checks.forget()
            except Error as error:  # next time
                _LOG.warning("old statuses were not deleted: %s", type(error).__name__)
            self._ended.wait(EVERY_SECONDS)
