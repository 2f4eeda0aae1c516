"""Processes that run beside a demo: servers, and commands that wait for each other. None outlives its block.

Each is in a session of its own, so that Ctrl-C reaches us first, and it ends in order.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from countermark.errors import Error
from countermark.flow.share_demo_place import SERVER_LOG

START_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 120, 40, 300
_ANSWER_BYTES = 1 << 20


class Server:
    """A server that was started; `url` waits until it is ready."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process, self._log = process, log

    def url(self) -> str:
        """The address, which is the first line that it prints."""
        assert self._process.stdout is not None
        late = threading.Timer(START_SECONDS, self._process.kill)
        late.start()
        try:
            line = self._process.stdout.readline(4096)
        finally:
            late.cancel()
        try:
            return str(json.loads(line)["url"])
        except (ValueError, KeyError):
            raise Error("the exchange did not start", hint=f"see {self._log}") from None

    def end(self) -> None:
        """Tell it to stop, without waiting."""
        self._process.terminate()


class Beside:
    """A command in a process of its own; `answer` is what it printed, once its block has ended."""

    answer: Any = None


@contextmanager
def starting(log: Path, arguments: Sequence[str]) -> Iterator[Server]:
    """A server in a process of its own while the block runs; what it says goes to `log`.

    However the block ends, it is told to stop and waited for.
    """
    with log.open("wb") as said:
        process = _start(arguments, said)
    try:
        yield Server(process, log)
    finally:
        _stop(process)


@contextmanager
def serving(out: Path, arguments: Sequence[str]) -> Iterator[str]:
    """One server while the block runs, which says what it says to `exchange.log`; gives its URL."""
    with starting(out / SERVER_LOG, arguments) as server:
        yield server.url()


@contextmanager
def beside(arguments: Sequence[str]) -> Iterator[Beside]:
    """A command that runs while the block does, and is waited for; it ends with the block that fails.

    Raises `Error` where it does not do as it should.
    """
    with tempfile.TemporaryFile() as said:
        process = _start(arguments, said)
        found = Beside()
        try:
            yield found
            late = threading.Timer(ANSWER_SECONDS, process.kill)
            late.start()
            try:
                assert process.stdout is not None
                given = process.stdout.read(_ANSWER_BYTES)
                code = process.wait()
            finally:
                late.cancel()
        finally:
            _stop(process)
        if code != 0:
            said.seek(0)
            hint = said.read(65536).decode(errors="replace")[-300:]
            raise Error(f"countermark {' '.join(arguments[:3])} ended with {code}", hint=hint)
        found.answer = json.loads(given)


def _start(arguments: Sequence[str], said: "IO[bytes]") -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 (our own command line)
        [sys.executable, "-m", "countermark", *arguments, "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=said,
        env={**os.environ, "NO_COLOR": "1"},
        start_new_session=True,
    )


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()
