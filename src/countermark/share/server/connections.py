"""Connections as uvicorn has them, with an end to patience: slow headers, slow bodies, slow readers.

uvicorn has a time limit between requests alone. Here a request's header has to be whole in time and small,
its body has to arrive in time also where nobody reads it, and what is sent has to be taken. A refusal is a
TAXII error resource, as every other. Bytes that wait are read before a timer runs that is due in the same
turn of the loop, of asyncio as of uvloop.
"""

import asyncio
import time
from collections import Counter
from typing import Any, ClassVar, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from countermark.share.server.errors import TaxiiError, error_body
from countermark.share.server.media import TAXII
from countermark.share.server.peers import counted, parse
from countermark.share.server.settings import ConnectionSettings

_TITLES = {400: "the request is no HTTP", 408: "the request took too long", 431: "the header is too large"}


_LATE_SECONDS = 0.5
"""After which a timer is that of a process that stood still."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _TooLarge(Exception):
    """The header is; httptools makes a parser error of it."""


class _Transport:
    """A transport that sends an answer at once, its header and the parts of its body, when it is complete.

    It takes what is written after its end, and drops it, where uvloop's raises an error: uvicorn tells the
    last request of a connection that it is lost, and not those in a row before it.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if data:
            self._held.append(data)
        if data == _CONTINUE:  # the request waits for it
            self.flush()

    def flush(self) -> None:
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.writelines(held)

    def close(self) -> None:
        self.flush()
        self._transport.close()


class Connection(HttpToolsProtocol):
    """One connection; made by way of `protocol_class`, which gives the class its self.settings."""

    settings: ClassVar[ConnectionSettings]
    open_connections: ClassVar["Counter[str]"]
    """Connections that are open, by address."""
    most_of_address: ClassVar[int]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._address = ""
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._in_head = self._in_body = False
        self._due = 0.0
        self._timed_body = False
        """Whether the timer is that of a body."""
        self._fed = 0
        self._refusal = 400

    # uvicorn narrows asyncio's BaseTransport the same way
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, _Transport(transport)))
        address = parse(self.client[0]) if self.client else None
        self._address = "-" if address is None else counted(address)
        self.open_connections[self._address] += 1
        if self.open_connections.total() > self.settings.connections or (
            self.open_connections[self._address] > self.most_of_address
        ):
            transport.abort()
            return
        self._wait_for(self.settings.header_seconds, body=False)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._address:
            self.open_connections[self._address] -= 1
            if not self.open_connections[self._address]:
                del self.open_connections[self._address]
            self._address = ""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._in_body:
            self._fed += len(data)
        super().data_received(data)
        if self._in_body:
            self._wait_for(self.settings.body_seconds * 2, body=True)
        elif self._in_head or self._fed:  # blank lines may stand before a request
            self._wait_for(self.settings.header_seconds, body=False)
            if self._fed > self.settings.header_bytes + len(data):
                self._refuse(431)  # a header that does not end: the parser keeps what it has of it

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > self.settings.header_lines:
            self._refusal = 431
            raise _TooLarge

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum([len(name) + len(value) for name, value in self.headers])
        if size > self.settings.header_bytes:
            self._refusal = 431
            raise _TooLarge
        self._in_head, self._in_body = False, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        self._fed = 0
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        cast(_Transport, self.transport).flush()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.settings.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        if self.flow is not None:
            super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's signature
        self._refuse(self._refusal)

    def _wait_for(self, seconds: float, body: bool) -> None:
        """For the rest of a header or body; most requests come whole and need no timer."""
        if self._timer is None or self._timed_body != body:
            self._stop_waiting()
            self._timed_body = body
            self._due = time.monotonic() + seconds
            self._timer = self.loop.call_later(seconds, self._too_slow, seconds)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self, seconds: float) -> None:
        self._timer = None
        if time.monotonic() - self._due > _LATE_SECONDS:  # nor could a client on the same machine send
            self._wait_for(seconds, self._timed_body)
            return
        if self._in_body or (self.cycle is not None and not self.cycle.response_complete):
            self.transport.abort()
        elif self._fed:
            self._refuse(408)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Answer and close; without an answer where another request's is under way."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
            return
        body = error_body(TaxiiError(status, _TITLES[status]))
        headers = f"content-type: {TAXII}\r\ncontent-length: {len(body)}\r\ncache-control: no-store\r\n"
        self.transport.write(STATUS_LINE[status] + f"{headers}connection: close\r\n\r\n".encode() + body)
        self.transport.close()


def protocol_class(settings: ConnectionSettings, proxies: bool = False) -> type[Connection]:
    """The protocol, for uvicorn's `http`; behind proxies all connections are of few addresses."""
    shared = {
        "settings": settings,
        "open_connections": Counter(),
        "most_of_address": settings.connections if proxies else settings.connections_of_address,
    }
    return type("Connection", (Connection,), shared)
