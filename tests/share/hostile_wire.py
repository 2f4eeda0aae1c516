"""Raw bytes to a server that runs, and what they cost it."""

import contextlib
import re
import select
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from exchange_parties import indicator
from servers import SHARED, TAXII, Server, serving

PATIENCE = 20.0
SETTINGS = """
[limits]
caller_rate = 1000
caller_burst = 10000
[connection]
header_seconds = 5
body_seconds = 5
"""
OBJECTS = f"/exchange/collections/{SHARED}/objects/"


def port(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


@contextlib.contextmanager
def connection(server: Server) -> Iterator[socket.socket]:
    """A raw connection."""
    with socket.create_connection(("127.0.0.1", port(server)), PATIENCE) as made:
        yield made


def head(
    server: Server, method: str, path: str, *lines: str, who: str = "alice", version: str = "1.1"
) -> bytes:
    """A request's head, the empty line included; Host, Authorization and Accept are there."""
    first = [f"{method} {path} HTTP/{version}", f"Host: 127.0.0.1:{port(server)}", f"Accept: {TAXII}"]
    if who:
        first.append(f"Authorization: Bearer {server.tokens[who]}")
    return "\r\n".join([*first, *lines, "", ""]).encode("latin-1")


def post_head(server: Server, *lines: str, who: str = "alice", path: str = OBJECTS) -> bytes:
    """Of a POST of objects, after which the connection ends."""
    return head(server, "POST", path, f"Content-Type: {TAXII}", "Connection: close", *lines, who=who)


def send(made: socket.socket, parts: Iterable[bytes]) -> int:
    """Send until there is an answer, or the other end has gone; how many bytes went out."""
    sent = 0
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for part in parts:
            if select.select([made], [], [], 0)[0]:
                break
            made.sendall(part)
            sent += len(part)
    return sent


def rest(made: socket.socket) -> bytes:
    """What comes until the server closes."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := made.recv(1 << 16):
            data += chunk
    return data


def statuses(answer: bytes) -> list[int]:
    """Status codes of the answers in what came."""
    return [int(one) for one in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def ask(server: Server, *parts: bytes) -> bytes:
    """Send on a connection of its own, and read to its end."""
    with connection(server) as made:
        send(made, parts)
        return rest(made)


def post(server: Server, body: bytes, *lines: str, path: str = OBJECTS, who: str = "alice") -> int:
    """A body posted with its length; the status, 0 where none came."""
    length = f"Content-Length: {len(body)}"
    found = statuses(ask(server, post_head(server, length, *lines, path=path, who=who), body))
    return found[0] if found else 0


class Memory:
    """Resident memory of a process, and its peak since this was made; without /proc nothing is measured."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        with contextlib.suppress(OSError):
            (self._folder / "clear_refs").write_text("5")
        self._before = self._of("VmRSS")

    def grown(self) -> int:
        """Bytes by which the peak lies above what it was."""
        return max(0, self._of("VmHWM") - self._before)

    def kept(self) -> int:
        """Bytes by which it is larger now."""
        return max(0, self._of("VmRSS") - self._before)

    def _of(self, name: str) -> int:
        try:
            text = (self._folder / "status").read_text()
        except OSError:
            return 0
        found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
        return int(found[1]) * 1024 if found else 0


@contextlib.contextmanager
def warm(tmp: Path, url: str | None = None) -> Iterator[Server]:
    """A server whose memory has the size that ordinary work gives it."""
    with serving(tmp, url, settings=SETTINGS) as server:
        assert server.post("alice", indicator(0, description="a" * 500_000)).status_code == 202
        for _ in range(3):
            assert server.post("alice", *(indicator(n) for n in range(300))).status_code == 202
            is_well(server)
        yield server


def is_well(server: Server) -> None:
    """It answers what is asked of it properly, and soon."""
    began = time.monotonic()
    assert server.process.poll() is None
    found = server.get("bob", "objects/?limit=1")
    assert found.status_code == 200, found.text
    assert server.ask(None, "GET", "/readyz").json()["status"] == "ok"
    assert time.monotonic() - began < PATIENCE / 2


@contextlib.contextmanager
def unharmed(server: Server) -> Iterator[Server]:
    """Afterwards it takes and gives objects as ever, and has logged no error of its own."""
    lines = len(server.log_lines)
    yield server
    is_well(server)
    new = indicator(uuid.uuid4().int >> 100)
    assert server.post("alice", new).json()["success_count"] == 1
    assert server.get("bob", f"objects/{new['id']}/").json()["objects"] == [new]
    assert not [one for one in server.log_lines[lines:] if '"error"' in one or "Traceback" in one]
