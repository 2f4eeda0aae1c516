"""A load generator for one HTTP server: raw sockets, keep-alive, a closed loop of a few connections.

    python benchmarks/exchange_load.py PORT CONNECTIONS SECONDS REQUESTS

`REQUESTS` is a file of whole HTTP requests, each behind its length (4 bytes, big-endian); with 0 seconds each
is sent once, else they are sent over and over. Bodies are counted and not looked at. Prints a JSON object.
"""

import json
import re
import select
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")
_BUFFER = 1 << 20


class _Connection:
    """One connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = 0.0
        self.left = -1
        """Bytes of the answer that are to come; -1 before its header."""
        self.status = b""

    def ask(self, request: bytes) -> None:
        """Send a request."""
        self.left, self.began = -1, time.perf_counter()
        self.socket.sendall(request)

    def receive(self, buffer: memoryview) -> bool:
        """Take what has come; whether the answer is whole."""
        count = self.socket.recv_into(buffer)
        if not count:
            raise SystemExit("the server closed a connection")
        if self.left < 0:
            head = bytes(buffer[: min(count, 4096)])
            end, length = head.find(b"\r\n\r\n"), _LENGTH.search(head)
            assert end > 0, head
            assert length is not None, head
            self.status, self.left = head[9:12], end + 4 + int(length[1])
        self.left -= count
        return self.left == 0


def run(port: int, connections: int, seconds: float, requests: list[bytes]) -> dict[str, object]:
    """Ask until the time is over, or each once where it is 0."""
    buffer = memoryview(bytearray(_BUFFER))
    waiting: Iterator[bytes] = cycle(requests) if seconds else iter(requests)
    poll, by_number = select.epoll(), {}
    for _ in range(min(connections, len(requests)) if not seconds else connections):
        one = _Connection(port)
        poll.register(one.socket, select.EPOLLIN)
        by_number[one.socket.fileno()] = one
    begin, cpu = time.perf_counter(), time.process_time()
    for one in by_number.values():
        one.ask(next(waiting))
    times, statuses, open_now = [], {}, len(by_number)
    while open_now:
        for number, _ in poll.poll():
            one = by_number[number]
            if not one.receive(buffer):
                continue
            now = time.perf_counter()
            times.append(now - one.began)
            statuses[one.status.decode()] = statuses.get(one.status.decode(), 0) + 1
            request = next(waiting, None) if not seconds or now - begin < seconds else None
            if request is None:
                open_now -= 1
            else:
                one.ask(request)
    wall = time.perf_counter() - begin
    cuts = statistics.quantiles(times, n=100) if len(times) > 1 else [times[0]] * 99
    return {
        "requests": len(times),
        "per_second": len(times) / wall,
        "p50_ms": cuts[49] * 1000,
        "p99_ms": cuts[98] * 1000,
        "statuses": statuses,
        "seconds": wall,
        "generator_busy": (time.process_time() - cpu) / wall,
    }


def read_requests(path: Path) -> list[bytes]:
    """The requests of a file."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def main() -> None:
    """Run, and print what was seen."""
    port, connections, seconds, path = sys.argv[1:]
    found = run(int(port), int(connections), float(seconds), read_requests(Path(path)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
