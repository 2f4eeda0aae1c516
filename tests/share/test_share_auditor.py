"""The audit alone: whoever waits for the log is told, whatever others do to it."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from countermark.share.server.audit import Auditor
from countermark.share.server.folder import opened
from countermark.share.server.metrics import Metrics
from countermark.trust.log import Log

SECONDS = 10


@pytest.fixture
def auditor(tmp_path: Path) -> Iterator[Auditor]:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with opened(data, create=True) as folder:
        made = Auditor(folder.store, folder.open_log, Metrics())
        made.start()
        yield made
        made.close()


def drained(auditor: Auditor) -> bool:
    """Whether the log answers, to an event loop of its own."""

    async def ask() -> bool:
        await asyncio.wait_for(auditor.drain(), SECONDS)
        return True

    return asyncio.run(ask())


@pytest.mark.parametrize("error", [ValueError, StopIteration, KeyError])
def test_work_that_fails_leaves_nobody_waiting(auditor: Auditor, error: type[Exception]) -> None:
    def fails(_: Log) -> None:
        raise error

    async def ask() -> list[object]:
        asked = (auditor.call(fails), auditor.call(len), auditor.drain())
        waiting = asyncio.gather(*asked, return_exceptions=True)
        return list(await asyncio.wait_for(waiting, SECONDS))

    failed, size, nothing = asyncio.run(ask())
    assert isinstance(failed, Exception)
    assert (isinstance(size, int), nothing) == (True, None)
    assert drained(auditor)


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_an_event_loop_that_ended_meanwhile_stops_no_other(auditor: Auditor, seconds: float) -> None:
    async def leave() -> None:
        asked = asyncio.ensure_future(auditor.call(lambda _: time.sleep(0.3)))
        await asyncio.sleep(seconds)
        assert not asked.done()

    asyncio.run(leave())
    assert drained(auditor)
    time.sleep(0.4)  # the thread has found that the loop is gone
    assert drained(auditor)
