"""The servers that `exchange.py` measures, each in a process of its own, on one core."""

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from countermark.records.exchange import Collection
from countermark.share.server.folder import opened
from countermark.store.exchange import ExchangeStore
from countermark.trust.log import open_or_create
from exchange_store import COLLECTION, MEMBER

HERE = Path(__file__).parent
SERVER_CORE, OTHER_CORE = "0", "1"
SETTINGS = """database = {url}
[limits]
caller_rate = 1000000
caller_burst = 1000000
address_rate = 1000000
address_burst = 1000000
"""
READER = "benchmark reader"
BARE = """
import sys, uvicorn
from fastapi import FastAPI
from starlette.responses import Response
body = open(sys.argv[1], "rb").read()
app = FastAPI()
@app.get("/page/")
async def page() -> Response:
    return Response(body, media_type="application/taxii+json;version=2.1")
class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)
Server(uvicorn.Config(app, port=0, ws="none", log_config=None, access_log=False, server_header=False,
                      proxy_headers=False, timeout_keep_alive=15)).run()
"""


@dataclass
class Running:
    """A server that answers."""

    port: int
    process: "subprocess.Popen[str]"

    def cpu(self) -> float:
        """Seconds of processor time of its process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def started(arguments: Sequence[str], port: int = 0) -> Iterator[Running]:
    """A process whose first line is its port, or a JSON object with it; or that listens on `port`."""
    line = ["taskset", "-c", SERVER_CORE, *arguments]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: lines.put(process.stdout.readline()), daemon=True).start()
    try:
        if port:
            wait_for(port)
        else:
            found = json.loads(lines.get(timeout=120))
            port = found if isinstance(found, int) else found["port"]
        yield Running(port, process)
    finally:
        process.terminate()
        process.wait(60)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def wait_for(port: int, seconds: float = 60) -> None:
    """Return when somebody listens."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@dataclass
class Served:
    """An exchange over a database: its folder, and the tokens of who reads and who writes."""

    folder: Path
    reader: str
    writer: str


def exchange(folder: Path, url: str, name: str = "exchange") -> Served:
    """A data folder over the database; its log begins anew."""
    path = folder / f"{name}-data"
    path.mkdir(parents=True, mode=0o700)
    (path / "exchange.toml").write_text(SETTINGS.format(url=json.dumps(url)))
    (path / "exchange.toml").chmod(0o600)
    open_or_create(path / "log", path / "log.key")  # a folder without one would refuse a filled database
    with opened(path, create=True) as data:
        members = data.store.members
        reader = members.by_name(READER) or members.add(READER, "member")
        data.store.collections.grant(
            COLLECTION.collection_id, member_id=reader.member_id, read=True, write=False
        )
        tokens = (members.add_token(one, ["read", "write"])[1] for one in (reader.member_id, MEMBER))
        return Served(path, *tokens)


@contextmanager
def serving(served: Served) -> Iterator[Running]:
    """`countermark share serve`, as an operator starts it."""
    line = [sys.executable, "-m", "countermark", "share", "serve", "--port", "0", "--json", "--data"]
    with started([*line, str(served.folder)]) as running:
        yield running


@contextmanager
def bare(folder: Path, body: bytes) -> Iterator[Running]:
    """A FastAPI route that sends the bytes, on uvicorn with the same settings."""
    (folder / "body").write_bytes(body)
    (folder / "bare.py").write_text(BARE)
    with started([sys.executable, str(folder / "bare.py"), str(folder / "body")]) as running:
        yield running


def collection(store: ExchangeStore, title: str, require_release: bool) -> str:
    """A new collection that the writer may write to; its id."""
    number = len(store.collections.all()) + 1
    made = Collection(
        collection_id=f"5ca1ab1e-0000-4000-9000-{number:012d}",
        api_root="exchange",
        title=title,
        require_release=require_release,
    )
    store.collections.add(made)
    store.collections.grant(made.collection_id, member_id=MEMBER, read=True, write=True)
    return made.collection_id


def load(
    folder: Path, port: int, requests: Sequence[bytes], connections: int, seconds: float
) -> dict[str, float]:
    """What the load generator saw, from the other core."""
    path = folder / "requests"
    path.write_bytes(b"".join(len(one).to_bytes(4, "big") + one for one in requests))
    line = ["taskset", "-c", OTHER_CORE, sys.executable, str(HERE / "exchange_load.py")]
    done = subprocess.run(
        [*line, str(port), str(connections), str(seconds), str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def request(token: str, path: str, method: str = "GET", body: bytes = b"", basic: bool = False) -> bytes:
    """A request as bytes."""
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: {'Basic' if basic else 'Bearer'} {token}",
        "Accept: application/taxii+json;version=2.1",
    ]
    if method == "POST":
        head += ["Content-Type: application/taxii+json;version=2.1", f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
