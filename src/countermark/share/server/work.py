"""Where blocking work is done: a small pool of threads, or the event loop itself where that is quicker."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from countermark.share.server.parts import Settings

P = ParamSpec("P")
T = TypeVar("T")


class Work:
    """Runs what blocks."""

    def __init__(self, settings: Settings) -> None:
        self._inline = settings.reads_inline
        self._threads = settings.threads
        self._pool: ThreadPoolExecutor | None = None

    async def quick(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """A query that an index answers at once: in the event loop where `reads_inline` says so."""
        if self._inline:
            return function(*args, **options)
        return await self.slow(function, *args, **options)

    async def slow(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """What may take long, in a thread. It goes on to its end when the request is given up."""
        loop = asyncio.get_running_loop()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="taxii")
        return await loop.run_in_executor(self._pool, lambda: function(*args, **options))

    def close(self) -> None:
        """Wait for what is running. What comes later starts anew."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
