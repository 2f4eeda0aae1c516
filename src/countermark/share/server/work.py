"""Where blocking work is done: small pools of threads, or the event loop itself where that is quicker.

Quick queries have few threads, as they wait for the interpreter more than for the database: with many they
spend more time on handing it to each other than on their work.

What was posted is checked in a pool of its own, in which one member never has every thread: an object can be
made that takes a second to check, and nobody else's reading or posting waits for it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from countermark.share.server.parts import Settings

P = ParamSpec("P")
T = TypeVar("T")


class Work:
    """Runs what blocks."""

    def __init__(self, settings: Settings) -> None:
        self.inline = settings.reads_inline
        """Whether quick queries are made in the event loop."""
        self._threads = settings.threads
        self._pool: ThreadPoolExecutor | None = None
        self._quick: ThreadPoolExecutor | None = None
        self._posts: ThreadPoolExecutor | None = None
        self._running: dict[str, asyncio.Future[Any]] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}

    async def quick(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """A query that an index answers at once: in the event loop where `reads_inline` says so."""
        if self.inline:
            return function(*args, **options)
        if self._quick is None:
            self._quick = ThreadPoolExecutor(max(2, (self._threads + 1) // 3), thread_name_prefix="quick")
        return await asyncio.get_running_loop().run_in_executor(
            self._quick, lambda: function(*args, **options)
        )

    async def slow(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """What may take long, in a thread. It goes on to its end when the request is given up."""
        loop = asyncio.get_running_loop()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="taxii")
        return await loop.run_in_executor(self._pool, lambda: function(*args, **options))

    async def once(self, function: Callable[[str], T], key: str) -> T:
        """A quick query for all who ask for the same while it is made."""
        if self.inline:
            return function(key)
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = asyncio.ensure_future(self.quick(function, key))
            running.add_done_callback(lambda _: self._running.pop(key))
        found: T = await asyncio.shield(running)  # who gives up gives up for itself
        return found

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
        for pool in (self._pool, self._quick, self._posts):
            if pool is not None:
                pool.shutdown()
        self._pool = self._quick = self._posts = None
