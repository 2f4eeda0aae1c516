"""Structured logs: one JSON object a line on standard error.

A line of a request holds its route, not its path; names of its parameters, not their values; no header, no
body. Of what other libraries log, the place is kept and not the words, which may quote what was sent.
"""

import atexit
import json
import logging
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

OURS = "countermark.exchange"
_FIXED = {"uvicorn.error"}
"""Loggers whose messages, before anything is filled in, are constants of their source."""
_REQUESTS = f"{OURS}.requests"


class JsonLines(logging.Formatter):
    """Makes a line of a record."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object; `fields` of the record (a dict) stand in it as they are."""
        line: dict[str, Any] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line |= fields
        elif record.name.split(".")[:2] == OURS.split("."):
            line["message"] = record.getMessage()
        else:
            line["at"] = f"{record.module}:{record.lineno}"
            if record.name in _FIXED and isinstance(record.msg, str):
                line["message"] = record.msg.strip()
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
        return _text(line)


class RequestLine(msgspec.Struct, kw_only=True):
    """The line of a request that was answered."""

    time: str = ""
    level: str = "info"
    logger: str = _REQUESTS
    event: str = "request"
    method: str
    route: str
    parameters: list[str]
    status: int
    ms: float
    address: str
    member: str | None
    token: str | None


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _text(line: dict[str, Any] | RequestLine) -> str:
    text = msgspec.json.encode(line)
    return text.decode() if text.isascii() else json.dumps(msgspec.to_builtins(line), ensure_ascii=True)


class Together(logging.StreamHandler[TextIO]):
    """Writes the lines of `WAIT` seconds at once: a write for each request would stop the others.

    Lines from warnings on are written at once, and whatever waits when the process ends in order.
    """

    WAIT = 0.1

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []
        self._waiting = threading.Event()
        threading.Thread(target=self._write_on, name="logs", daemon=True).start()
        atexit.register(self.flush)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line; called under the handler's lock."""
        try:
            self._lines.append(self.format(record))
        except Exception:  # as every handler of logging: a line that cannot be made stops no request
            self.handleError(record)
            return
        if record.levelno >= logging.WARNING:
            self.flush()
        else:
            self._waiting.set()

    def add(self, line: RequestLine) -> None:
        """Keep the line of a request."""
        line.time = _time(time.time())
        text = _text(line)
        lock = self.lock
        assert lock is not None
        with lock:
            self._lines.append(text)
        if not self._waiting.is_set():
            self._waiting.set()

    def flush(self) -> None:
        """Write what waits."""
        lock = self.lock
        assert lock is not None
        with lock:
            lines, self._lines = self._lines, []
            if lines and not self.stream.closed:
                with suppress(OSError):  # whoever read the log has gone; the exchange goes on
                    self.stream.write("\n".join(lines) + "\n")
                    self.stream.flush()

    def _write_on(self) -> None:
        while True:
            self._waiting.wait()
            time.sleep(self.WAIT)
            self._waiting.clear()
            self.flush()


_handler: Together | None = None


def configure_logs(verbose: bool = False, stream: TextIO | None = None) -> None:
    """Send all logs of this process to standard error as JSON lines."""
    global _handler
    handler = _handler = Together(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger(OURS).setLevel(logging.INFO)


def log_request(line: RequestLine) -> None:
    """Write the line, where `configure_logs` was called; without `logging`'s records, which cost more."""
    if _handler is not None:
        _handler.add(line)
