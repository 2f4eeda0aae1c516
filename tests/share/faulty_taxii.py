"""A TAXII server that does what a test tells it to, faults included; it remembers what it was asked."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

TAXII = "application/taxii+json;version=2.1"
ID = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
COLLECTION = {"id": ID, "title": "Faulty", "can_read": True, "can_write": True, "alias": "faulty"}
OBJECTS = f"/root/collections/{ID}/objects/"


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """An answer. `cut`: bytes of it after which the connection breaks; `drip`: seconds before each byte."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float = 0


def page(objects: Sequence[Any] = (), last: str = "", first: str = "", **more: Any) -> Reply:
    """An envelope, with its date headers."""
    raw = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in objects]
    parts = [b'"objects":[%s]' % b",".join(raw)] if raw else []
    parts += [b'"%s":%s' % (key.encode(), json.dumps(value).encode()) for key, value in more.items()]
    dates = {"X-TAXII-Date-Added-First": first or last, "X-TAXII-Date-Added-Last": last} if last else {}
    return Reply(b"{%s}" % b",".join(parts), headers=dates)


def day(number: int) -> str:
    """A TAXII timestamp."""
    return f"2026-02-{number:02}T00:00:00.000000Z"


def walk(pages: Mapping[str, Reply]) -> Callable[[Asked], Reply]:
    """Pages by the `next` that asks for them; the first by ""."""
    return lambda asked: pages[asked.query.get("next", "")]


@dataclass
class Faulty:
    """The server. `objects` answers GET of objects, `add` POST; `other` everything that is set there."""

    url: str = ""
    objects: Callable[[Asked], Reply] = lambda _: page()
    add: Callable[[Asked], Reply] = lambda _: Reply(status=500)
    other: dict[str, Callable[[Asked], Reply]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        """What to say."""
        self.asked.append(asked)
        if asked.path in self.other:
            return self.other[asked.path](asked)
        if asked.path == OBJECTS:
            return self.add(asked) if asked.method == "POST" else self.objects(asked)
        known: dict[str, Any] = {
            "/taxii2/": {"title": "t", "default": "/root/", "api_roots": ["/root/"]},
            "/root/": {"title": "t", "versions": [TAXII], "max_content_length": 100_000},
            "/root/collections/": {"collections": [COLLECTION]},
        }
        if asked.path in known:
            return Reply(json.dumps(known[asked.path]).encode())
        return Reply(b'{"title":"not found"}', 404)

    def queries(self) -> list[dict[str, str]]:
        """Of what was asked for objects."""
        return [one.query for one in self.asked if one.path == OBJECTS]


@contextmanager
def faulty(tls: ssl.SSLContext | None = None) -> Iterator[Faulty]:
    """It listens on this machine until the block ends."""
    told = Faulty()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = told.answer(Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body))
            self.send_response(reply.status)
            for name, value in ({"Content-Type": TAXII} | dict(reply.headers)).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            for at in range(len(reply.body)) if reply.drip else ():
                time.sleep(reply.drip)
                self.wfile.write(reply.body[at : at + 1])
            if not reply.drip:
                self.wfile.write(reply.body[: reply.cut])
            if reply.cut is not None:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the client has gone
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    told.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
