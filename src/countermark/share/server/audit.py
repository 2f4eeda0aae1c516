"""Reads and changes are in the Merkle log before they are answered.

One thread of the process writes. What came while it wrote goes into the log together: one lock, one sync, one
checkpoint (group commit). The event loop hands it one group at a time, and not one request: each handing over
of the interpreter costs as much as an entry. It takes the outbox when somebody waits for a change, and at the
start.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from countermark.errors import Error
from countermark.records.exchange import Caller, Collection
from countermark.share.server.draining import Drain, Row
from countermark.share.server.metrics import Metrics
from countermark.share.server.parts import Given
from countermark.store.exchange import ExchangeStore, steps_of
from countermark.trust.entries import Payload, payload_of
from countermark.trust.log import Log

READ = "objects-read"
_MOST_AT_ONCE = 1000
_MOST_POSITIONS = 20_000
T = TypeVar("T")
_Result = tuple["asyncio.Future[Any]", Any, Exception | None]


@dataclass
class _Job:
    """What somebody waits for."""

    done: "asyncio.Future[Any] | None" = None
    """None where nobody waits."""
    entry: Payload | None = None
    """A read to be logged."""
    outbox: bool = False
    """The outbox is to be taken."""
    numbers: Sequence[int] = ()
    """Of the outbox, whose indices in the log are asked for."""
    work: Callable[[Log], Any] | None = None
    """Something else to be done with the log."""


_Group = list[_Job]


class Auditor:
    """The audit of one process; `start` it before use, and `close` it, which drains the outbox."""

    def __init__(self, store: ExchangeStore, open_log: Callable[[], Log], metrics: Metrics) -> None:
        self._store, self._open_log, self._metrics = store, open_log, metrics
        self.log = open_log()
        self._drain = Drain(store, self.log)
        self._waiting: _Group = []
        """What came since the last group; of the event loop alone."""
        self._busy = False
        """Whether a group is under way, or about to be."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._groups: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
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
        self._groups.put(None)
        self._thread.join()

    @property
    def trouble(self) -> str | None:
        """Why the log cannot be written, or None."""
        return self._failed if self._thread.is_alive() else "the audit does not run"

    async def read(self, caller: Caller, collection: Collection, page: Given, what: str) -> None:
        """Return when the log holds that the caller was given these objects as `what`; none for its own."""
        steps, owners, own = page.steps, page.those, caller.member.member_id
        self._metrics.objects("given", len(steps))
        if own not in owners and len(steps) <= _MOST_POSITIONS:
            if owners:
                await self._wait(entry=read_entry(caller, collection, steps, owners, what))
            return
        pairs = zip(page.positions, page.owners, strict=True)
        positions = [position for position, owner in pairs if owner != own]
        for start in range(0, len(positions), _MOST_POSITIONS):
            steps = steps_of(positions[start : start + _MOST_POSITIONS])
            await self._wait(entry=read_entry(caller, collection, steps, owners - {own}, what))

    async def drain(self) -> None:
        """Return when the log holds every entry that is committed in the outbox."""
        await self._wait(outbox=True)

    async def logged(self, numbers: Sequence[int]) -> list[int]:
        """Indices in the log of entries of the outbox, by their numbers, when it holds them."""
        found: list[int] = await self._wait(outbox=True, numbers=numbers)
        return found

    def soon(self) -> None:
        """Have the outbox taken, and the log read on; nobody waits for it."""
        self._groups.put([_Job(outbox=True)])

    async def call(self, work: Callable[[Log], T]) -> T:
        """What `work` gives; it has the log for itself, and must be quick."""
        found: T = await self._wait(work=work)
        return found

    async def _wait(self, **what: Any) -> Any:
        if self._closed:
            raise Error("the server is being stopped")
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # of one that has ended nobody waits, and nobody is told
            self._loop, self._waiting, self._busy = loop, [], False
        done = loop.create_future()
        self._waiting.append(_Job(done, **what))
        if not self._busy:  # what else comes in this turn of the loop goes with it
            self._busy = True
            loop.call_soon(self._hand_over)
        return await done

    def _hand_over(self) -> None:
        """Give what waits to the thread, as one group."""
        group = self._waiting[:_MOST_AT_ONCE]
        del self._waiting[:_MOST_AT_ONCE]
        self._busy = bool(group)
        if group:
            self._groups.put(group)

    def _run(self) -> None:
        while (group := self._groups.get()) is not None:
            results = self._results(group)
            if results:
                with suppress(RuntimeError):  # the loop has ended, and nobody waits
                    results[0][0].get_loop().call_soon_threadsafe(self._settle, results)
        self._write([], outbox=True)

    def _results(self, group: _Group) -> list[_Result]:
        """Do what a group asks for: first what is to be written, all at once."""
        written = [one for one in group if one.work is None]
        problem = self._write(written, outbox=any(one.outbox for one in written)) if written else None
        return [(one.done, *self._result(one, problem)) for one in group if one.done is not None]

    def _result(self, job: _Job, problem: Exception | None) -> tuple[Any, Exception | None]:
        """What somebody is told who waits; `problem` is that of what was written."""
        if job.work is not None:
            return _done(job.work, self.log)
        if problem is not None or not job.numbers:
            return None, problem
        return _done(lambda _: self._drain.places(job.numbers), self.log)

    def _settle(self, results: list[_Result]) -> None:
        """Tell those who waited, and begin with those who came since; in the event loop."""
        self._hand_over()
        for future, value, error in results:
            if future.done():  # whoever waited has gone
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

    def _write(self, jobs: _Group, outbox: bool) -> Error | None:
        """Write the entries of some jobs, and the outbox; why that failed, or None."""
        reads = [(READ, one.entry) for one in jobs if one.entry is not None]
        try:
            if self._failed:  # what is in memory may be ahead of what is on disk
                self.log = self._open_log()
                self._drain = Drain(self._store, self.log)
            rows = self._drain.run(reads, outbox=outbox)
            self._measure()
        except Exception as error:  # whatever it is, nobody is answered as if it had been logged
            self._failed = type(error).__name__
            return error if isinstance(error, Error) else Error("the log cannot be written")
        self._failed = None
        self._count(rows)
        return None

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
        self._metrics.log_size(len(self.log), self.log.size)


class _Read(msgspec.Struct):
    """The payload of a read, its names in the order of canonical JSON."""

    collection: str
    member: str
    owners: list[str]
    positions: list[int]
    token: str
    what: str


def read_entry(
    caller: Caller, collection: Collection, steps: list[int], owners: Iterable[str], what: str
) -> Payload:
    """The entry of a read: positions as the first and the steps between them, whose objects they are."""
    own, here = caller.member.member_id, collection.collection_id
    return payload_of(_Read(here, own, sorted(owners), steps, caller.token_id, what))


def _done(work: Callable[[Log], Any], log: Log) -> tuple[Any, Exception | None]:
    """What the work gives, or why it failed."""
    try:
        return work(log), None
    except StopIteration as error:  # none that a future can hold
        return None, RuntimeError(f"{type(error).__name__} of work with the log")
    # handed to whoever waits for it, in their event loop: none may end the log's thread
    except Exception as error:
        return None, error
