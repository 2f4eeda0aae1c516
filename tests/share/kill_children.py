"""The processes that are killed: server, publisher, poller. They are forked from one that has all imports."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from countermark.cli import share_serve
from countermark.share.client.credentials import read_credentials
from countermark.share.client.poll import poll
from countermark.share.client.publish import publish, read_release_to_publish
from countermark.share.client.taxii import Taxii
from countermark.share.client.transport import Bounds, Transport
from countermark.share.server import serve as _server
from countermark.share.stix.oasis import schemas

BATCH, LIMIT = 6, 7
QUICK = Bounds(first_pause=0.05, longest_pause=0.2, tries=60, idle_seconds=20, answer_seconds=30)
WARM = (schemas(), _server)
"""Compiled and imported before the fork."""


def serve(data: Path, port: int, log: Path) -> None:
    """`share serve`."""
    _output_to(log)
    share_serve.serve(data=data, port=port)


def publish_release(folder: Path, url: str, collection: str, token: Path, log: Path) -> None:
    """`share publish`; ends with 3 where an object was not taken."""
    _output_to(log)
    release = read_release_to_publish(folder, datetime.now(UTC))
    with Transport(url, read_credentials(token), bounds=QUICK, sleep=_short) as transport:
        taxii = Taxii(transport)
        done = publish(taxii, taxii.find("/", collection, write=True), release, batch=BATCH)
    if done.failures:
        print(done.failures, flush=True)
        sys.exit(3)


def poll_until(stop: Path, out: Path, url: str, collection: str, token: Path, log: Path) -> None:
    """`share poll`, again and again; once more when `stop` is there, and an end."""
    _output_to(log)
    with Transport(url, read_credentials(token), bounds=QUICK, sleep=_short) as transport:
        taxii = Taxii(transport)
        found = taxii.find("/", collection)
        while True:
            last = stop.exists()
            poll(taxii, found, out, limit=LIMIT)
            if last:
                return
            time.sleep(0.005)


def _short(seconds: float) -> None:
    """The server asks for five seconds when its database is gone; here it is back in two."""
    time.sleep(min(seconds, 0.2))


def _output_to(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
