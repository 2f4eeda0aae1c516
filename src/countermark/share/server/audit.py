"""Reads and changes are in the Merkle log before they are answered.

One thread of the process writes. What waits when it comes round goes into the log together: one lock, one
sync, one checkpoint (group commit). It takes the outbox when somebody waits for a change, and at the start.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from countermark.errors import Error
from countermark.records.exchange import Caller, Collection
from countermark.share.server.draining import Drain, Row
from countermark.share.server.metrics import Metrics
from countermark.share.server.parts import Given
from countermark.store.exchange import ExchangeStore, steps_of
from countermark.trust.log import ENTRIES, Log

READ = "objects-read"
_MOST_AT_ONCE = 1000
_MOST_POSITIONS = 20_000
T = TypeVar("T")


@dataclass
class _Job:
    """What somebody waits for."""

    entry: dict[str, Any] | None = None
    """A read to be logged."""
    outbox: bool = False
    """The outbox is to be taken."""
    numbers: Sequence[int] = ()
    """Of the outbox, whose indices in the log are asked for."""
    work: Callable[[Log], Any] | None = None
    """Something else to be done with the log."""
    done: "asyncio.Future[Any] | None" = None
    """Nobody waits without it."""


class Auditor:
    """The audit of one process; `start` it before use, and `close` it, which drains the outbox."""

    def __init__(self, store: ExchangeStore, open_log: Callable[[], Log], metrics: Metrics) -> None:
        self._store, self._open_log, self._metrics = store, open_log, metrics
        self.log = open_log()
        self._drain = Drain(store, self.log)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._failed: str | None = None
        self._closed = False

    def start(self) -> None:
        """Take what a killed process left in the outbox, and begin; raises `Error`."""
        self._count(self._drain.run())
        self._measure()
        self._thread.start()

    def close(self) -> None:
        """Take what is in the outbox, and end the thread."""
        if self._closed or not self._thread.is_alive():
            return
        self._closed = True
        self._jobs.put(_Job(outbox=True))
        self._jobs.put(None)
        self._thread.join()

    @property
    def trouble(self) -> str | None:
        """Why the log cannot be written, or None."""
        return self._failed if self._thread.is_alive() else "the audit does not run"

    async def read(self, caller: Caller, collection: Collection, page: Given, what: str) -> None:
        """Return when the log holds that the caller was given these objects as `what`; none for its own."""
        positions, owners, own = page.positions, set(page.owners), caller.member.member_id
        self._metrics.objects("given", len(positions))
        if own not in owners and len(positions) <= _MOST_POSITIONS:
            if owners:
                await self._wait(_Job(entry=read_entry(caller, collection, page.steps, owners, what)))
            return
        pairs = zip(positions, page.owners, strict=True)
        positions = [position for position, owner in pairs if owner != own]
        for start in range(0, len(positions), _MOST_POSITIONS):
            steps = steps_of(positions[start : start + _MOST_POSITIONS])
            await self._wait(_Job(entry=read_entry(caller, collection, steps, owners - {own}, what)))

    async def drain(self) -> None:
        """Return when the log holds every entry that is committed in the outbox."""
        await self._wait(_Job(outbox=True))

    async def logged(self, numbers: Sequence[int]) -> list[int]:
        """Indices in the log of entries of the outbox, by their numbers, when it holds them."""
        found: list[int] = await self._wait(_Job(outbox=True, numbers=numbers))
        return found

    def soon(self) -> None:
        """Have the outbox taken, and the log read on; nobody waits for it."""
        self._jobs.put(_Job(outbox=True))

    async def call(self, work: Callable[[Log], T]) -> T:
        """What `work` gives; it has the log for itself, and must be quick."""
        found: T = await self._wait(_Job(work=work))
        return found

    async def _wait(self, job: _Job) -> Any:
        if self._closed:
            raise Error("the server is being stopped")
        job.done = asyncio.get_running_loop().create_future()
        self._jobs.put(job)
        return await job.done

    def _run(self) -> None:
        while True:
            jobs, last = self._next()
            waiting = [one for one in jobs if one.work is None]
            if waiting:
                problem = self._write(waiting)
                _settle([self._written(one, problem) for one in waiting])
            for job in jobs:
                if job.work is not None:
                    _settle([(job, *_done(job.work, self.log))])
            if last:
                return

    def _next(self) -> tuple[list[_Job], bool]:
        """All jobs that wait, at least one; and whether they are the last."""
        job = self._jobs.get()
        jobs: list[_Job] = []
        while job is not None:
            jobs.append(job)
            if len(jobs) >= _MOST_AT_ONCE or self._jobs.empty():
                return jobs, False
            job = self._jobs.get()
        return jobs, True

    def _write(self, jobs: list[_Job]) -> Error | None:
        """Write the entries of some jobs; why that failed, or None."""
        reads = [(READ, one.entry) for one in jobs if one.entry is not None]
        try:
            if self._failed:  # what is in memory may be ahead of what is on disk
                self.log = self._open_log()
                self._drain = Drain(self._store, self.log)
            rows = self._drain.run(reads, outbox=any(one.outbox for one in jobs))
            self._measure()
        except Exception as error:  # whatever it is, nobody is answered as if it had been logged
            self._failed = type(error).__name__
            return error if isinstance(error, Error) else Error("the log cannot be written")
        self._failed = None
        self._count(rows)
        return None

    def _written(self, job: _Job, problem: Exception | None) -> tuple[_Job, Any, Exception | None]:
        """What somebody is told who waits for entries."""
        if problem is not None or not job.numbers:
            return job, None, problem
        return job, *_done(lambda _: self._drain.places(job.numbers), self.log)

    def _count(self, rows: list[Row]) -> None:
        for _, kind, payload in rows:
            positions = payload.get("positions")
            count = len(positions) if isinstance(positions, list) else 0
            if kind == "objects-added":
                self._metrics.objects("taken", count)
                self._metrics.objects("refused", int(payload.get("failed") or 0))
            elif kind == "objects-deleted":
                self._metrics.objects("deleted", count)

    def _measure(self) -> None:
        self._metrics.log_size(len(self.log), (self.log.folder / ENTRIES).stat().st_size)


def read_entry(
    caller: Caller, collection: Collection, steps: list[int], owners: Iterable[str], what: str
) -> dict[str, Any]:
    """The entry of a read: positions as the first and the steps between them, whose objects they are."""
    return {
        "member": caller.member.member_id,
        "token": caller.token_id,
        "collection": collection.collection_id,
        "what": what,
        "positions": steps,
        "owners": sorted(owners),
    }


def _done(work: Callable[[Log], Any], log: Log) -> tuple[Any, Exception | None]:
    """What the work gives, or why it failed."""
    try:
        return work(log), None
    # handed to whoever waits for it, in their event loop: none may end the log's thread
    except Exception as error:
        return None, error


def _settle(results: list[tuple[_Job, Any, Exception | None]]) -> None:
    """Tell those who wait, in their event loop, all at once."""
    futures = [(job.done, value, error) for job, value, error in results if job.done is not None]

    def tell() -> None:
        for future, value, error in futures:
            if future.done():  # whoever waited has gone
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

    if futures:
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            futures[0][0].get_loop().call_soon_threadsafe(tell)
