"""Servings: one line each time that a canary's choice was put into an answer. Append-only, owner alone.

The file holds account and request ids as they are given: it stays with the provider.
"""

import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from countermark.attribute.canary.draw import Canaries
from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import OWNER_ONLY, locked

MAX_ID = 400
MAX_LINE_BYTES = 1 << 14
MAX_LINES = 100_000_000


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """One line."""

    time: datetime
    canary: str
    account: str = ""
    request: str = ""


@dataclass(frozen=True)
class Served:
    """How often each canary was served, and what of the file could not be used."""

    counts: Counter[str]
    unreadable: int
    """Lines that are no serving, a line that a killed process left torn for instance."""
    foreign: int
    """Servings of canaries of another set."""


def log_serving(
    path: Path,
    canaries: Canaries,
    canary: str,
    *,
    account: str = "",
    request: str = "",
    time: datetime | None = None,
) -> str:
    """Note one serving, on disk when this returns, and give the option to serve.

    Raises `Error` for a canary that is not of this set.
    """
    wanted = next((one for one in canaries.canaries if one.id == canary), None)
    if wanted is None:
        raise Error("no canary of this set has that id", exit_code=ExitCode.USAGE)
    if max(len(account), len(request)) > MAX_ID:
        raise Error(f"an account or request id is over {MAX_ID} characters", exit_code=ExitCode.USAGE)
    when = (time or datetime.now(UTC)).astimezone(UTC)
    line = msgspec.json.encode(Serving(time=when, canary=canary, account=account, request=request)) + b"\n"
    try:
        with locked(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, OWNER_ONLY)
            with os.fdopen(descriptor, "r+b", buffering=0) as stream:
                size = stream.seek(0, os.SEEK_END)
                if size:
                    stream.seek(size - 1)
                    line = line if stream.read(1) == b"\n" else b"\n" + line
                stream.write(line)
                os.fsync(stream.fileno())
    except OSError as error:
        raise Error(f"{path} cannot be written: {error.strerror}") from None
    return wanted.options[wanted.drawn]


def read_servings(path: Path, canaries: Canaries) -> Served:
    """Count the servings of a set; lines that are none are counted and left out."""
    ids = {one.id for one in canaries.canaries}
    decoder = msgspec.json.Decoder(Serving)
    counts: Counter[str] = Counter()
    unreadable = foreign = 0
    try:
        with path.open("rb") as stream:
            for _ in range(MAX_LINES):
                raw = stream.readline(MAX_LINE_BYTES)
                if not raw:
                    return Served(counts, unreadable, foreign)
                try:
                    canary = decoder.decode(raw).canary
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    unreadable += bool(raw.strip())
                    continue
                foreign += canary not in ids
                counts[canary] += canary in ids
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    raise Error(f"{path} has over {MAX_LINES:,} lines", exit_code=ExitCode.NO_INPUT)
