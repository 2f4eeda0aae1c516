"""Where blocking work is done: small pools of threads, or the event loop itself where that is quicker.

What was posted is checked in a pool of its own, in which one member never has every thread: an object can be
made that takes a second to check, and nobody else's reading or posting waits for it.
"""

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
        self._posts: ThreadPoolExecutor | None = None
        self._turns: dict[str, asyncio.Semaphore] = {}

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

    async def posted(self, who: str, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Work on what the member `who` posted: of one member's requests, two at once."""
        loop = asyncio.get_running_loop()
        if self._posts is None:
            self._turns.clear()
            self._posts = ThreadPoolExecutor(max(3, self._threads // 2), thread_name_prefix="posts")
        async with self._turns.setdefault(who, asyncio.Semaphore(2)):
            return await loop.run_in_executor(self._posts, lambda: function(*args, **options))

    def close(self) -> None:
        """Wait for what is running. What comes later starts anew."""
        for pool in (self._pool, self._posts):
            if pool is not None:
                pool.shutdown()
        self._pool = self._posts = None
