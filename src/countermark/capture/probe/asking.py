"""Asks what is still to be asked: workers, repetitions, the cap, the end."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import msgspec

from countermark.capture.probe import exchange as faults
from countermark.capture.probe.bodies import Ask
from countermark.capture.probe.budget import Budget, CapReached
from countermark.capture.probe.exchange import Exchange, Transport
from countermark.capture.probe.journal import Answered, Asked, Journal, now, pack
from countermark.capture.probe.judge import (
    CREDENTIALS,
    MALFORMED,
    OTHER_MODEL,
    REFUSED_REQUEST,
    Judged,
    judge,
)
from countermark.capture.probe.options import ProbeOptions
from countermark.capture.probe.pace import Pace, Stopped, backoff
from countermark.capture.probe.past import Past
from countermark.capture.probe.summary import FAILURES
from countermark.capture.probe.transcribe import Transcriber
from countermark.records.canonical import sha256_hex
from countermark.records.transcripts import transcript_line

Say = Callable[[str], None]
ProgressCall = Callable[[float, float], None]

CAP = "the cost cap"
INTERRUPTED = "interrupted"
_FAILURES = (*FAILURES, REFUSED_REQUEST, MALFORMED, CREDENTIALS, OTHER_MODEL)
"""That many in a row end the run."""


class Asking:
    """One run over what is still to be asked."""

    def __init__(
        self,
        options: ProbeOptions,
        journal: Journal,
        past: Past,
        transcriber: Transcriber,
        *,
        say: Say,
        progress: ProgressCall,
    ) -> None:
        self._options, self._journal, self._past = options, journal, past
        self.transcriber, self._say, self._progress = transcriber, say, progress
        self.stopped = ""
        self.requests, self.tokens_in, self.tokens_out = past.requests, past.tokens_in, past.tokens_out
        self.done = 0
        self._failures = 0

    async def go(self, transport: Transport, todo: Iterator[Ask], total: int, out: BinaryIO) -> None:
        """Ask everything in `todo`; `stopped` says why the run ended early."""
        options = self._options
        self._transport, self._out, self._total = transport, out, total
        self._stop = asyncio.Event()
        self._pace = Pace(options.rate, self._stop)
        self.budget = Budget(options.cost_cap, options.price_in, options.price_out)
        self.budget.charge(self.tokens_in, self.tokens_out)
        workers = 1 if options.is_local else options.concurrency
        with self._interruptible():
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(workers):
                        group.create_task(self._work(todo))
            except BaseExceptionGroup as failed:
                raise failed.exceptions[0] from None
            except asyncio.CancelledError:
                if self.stopped != INTERRUPTED:
                    raise

    def stop(self, reason: str) -> None:
        """Ask nothing more; what is under way comes to its end."""
        self.stopped = self.stopped or reason
        self._stop.set()

    async def _work(self, todo: Iterator[Ask]) -> None:
        for ask in todo:
            try:
                await self._ask(ask)
            except CapReached:
                self.stop(CAP)
            except Stopped:
                pass
            if self._stop.is_set():
                return

    async def _ask(self, ask: Ask) -> None:
        known = self._past.known.get(ask.id)
        first = 1 if known is None else known.attempts + 1
        for attempt in range(first, first + self._options.retries + 1):
            asked, judged, came = await self._attempt(ask, attempt)
            last = attempt == first + self._options.retries
            final = not judged.stop and (last or not judged.repeat)
            answered = _answered(asked, came, judged, final)
            self._journal.append(answered)
            if judged.stop:
                self.stop(judged.stop)
                raise Stopped
            if final:
                self._finish(asked, answered)
                return
            await self._wait(ask, attempt - first + 1, came)

    async def _attempt(self, ask: Ask, attempt: int) -> tuple[Asked, Judged, Exchange]:
        """Set the worst case aside, wait for the turn, say in the journal what is asked, and ask."""
        held = await self.budget.hold(ask.most_in, ask.most_out)
        try:
            await self._pace.turn()
            asked = Asked(
                id=ask.id,
                prompt_id=ask.prompt_id,
                attempt=attempt,
                at=now(),
                request_sha256=ask.sha256,
                packed=pack(ask.body),
                most_in=ask.most_in,
                most_out=ask.most_out,
            )
            self._journal.append(asked)
            self.requests += 1
            came = await self._transport.send(ask)
            judged = judge(msgspec.json.decode(ask.body), (ask.most_in, ask.most_out), came)
            self._charge(judged, held)
        finally:
            self.budget.release(held)
        return asked, judged, came

    def _charge(self, judged: Judged, held: Any) -> None:
        self.budget.charge(*judged.charged)
        self.tokens_in += judged.charged[0]
        self.tokens_out += judged.charged[1]
        if self.budget.cap is not None and self.budget.cost(*judged.charged) > held:
            self.stop("an answer was charged with more than its worst case; raise --overhead-tokens")

    async def _wait(self, ask: Ask, repetition: int, came: Exchange) -> None:
        if came.wait is not None:
            # what holds for one request of a key holds for the next ones
            self._pace.hold(came.wait)
        wait = backoff(self._options.backoff, repetition, self._options.seed or 0, ask.id)
        await self._pace.sleep(max(wait, came.wait or 0.0))

    def _finish(self, asked: Asked, answered: Answered) -> None:
        one = self.transcriber.transcript(asked, answered)
        self._out.write(transcript_line(one))
        self._out.flush()
        self.done += 1
        self._progress(self.done, self._total)
        failed = one.problem.partition(":")[0] in _FAILURES
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= self._options.most_failures:
            self.stop(f"{self._failures} failures in a row, the last: {one.problem}")

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """The first Ctrl-C lets what is under way finish, the second gives it up."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def interrupt() -> None:
            if self._stop.is_set() and task is not None:
                self.stopped = INTERRUPTED
                task.cancel()
            else:
                self._say("waiting for the answers that are under way; once more gives them up")
                self.stop(INTERRUPTED)

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop.add_signal_handler(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)


def _answered(asked: Asked, came: Exchange, judged: Judged, final: bool) -> Answered:
    kept = came.fault != faults.CREDENTIALS
    return Answered(
        id=asked.id,
        attempt=asked.attempt,
        status=came.status,
        headers=came.headers,
        fault=came.fault,
        seconds=came.seconds,
        response_sha256=sha256_hex(came.body) if came.status and kept else "",
        packed=pack(came.body) if came.status and kept else None,
        charged_in=judged.charged[0],
        charged_out=judged.charged[1],
        final=final,
        failed=final and judged.problem.partition(":")[0] in FAILURES,
    )
