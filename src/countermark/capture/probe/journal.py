"""The journal of a probe: `TRANSCRIPTS.jsonl.journal`, which only grows.

Before a request is sent, a line says that it was asked, and is on the disk; when its answer is there, a
second line keeps it, bytes and all, before anything is made of it. So a killed run knows what was asked: a
request whose answer the journal does not have was lost on the way, and is not asked again unless somebody
says so. A last line without its line feed was never acted upon, and is cut off.
"""

import fcntl
import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

from countermark.capture.probe.exchange import FAULTS
from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex

JOURNAL_SCHEMA_ID = "countermark/probe-journal/v1"
MOST_LINE_BYTES = 128 << 20
MOST_BODY_BYTES = 64 << 20
"""Of one request or answer, unpacked."""

_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]


class _Message(msgspec.Struct, frozen=True):
    role: str
    content: str


class _Request(msgspec.Struct, frozen=True):
    """What is read of a request's body, in its types."""

    model: str
    messages: list[_Message] | None = None
    prompt: str | list[_Count] | None = None
    max_tokens: _Count = 0
    max_completion_tokens: _Count = 0


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened", tag_field="kind"):
    """The first line."""

    schema: str = JOURNAL_SCHEMA_ID
    endpoint: str
    api: str
    at: str
    software: str


class Asked(msgspec.Struct, frozen=True, kw_only=True, tag="asked", tag_field="kind"):
    """A request is about to be sent."""

    id: str
    prompt_id: str
    attempt: _Count
    """From 1, over all runs."""
    at: str
    """UTC, RFC 3339."""
    request_sha256: str
    packed: bytes
    """The request's body, zlib."""
    most_in: _Count
    most_out: _Count
    """What it may cost at most, in tokens."""

    @property
    def body(self) -> bytes:
        """The request's body."""
        return _unpacked(self.packed, self.request_sha256)

    @property
    def request(self) -> dict[str, Any]:
        """The body as an object. Raises `Error` where no probe can have sent it."""
        body = self.body
        try:
            msgspec.json.decode(body, type=_Request)
            return msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            message = "the journal has a request that is none"
            raise Error(message, exit_code=ExitCode.NO_INPUT) from None


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag="answered", tag_field="kind"):
    """What came back for it, or that nothing did."""

    id: str
    attempt: _Count
    status: Annotated[int, msgspec.Meta(ge=0, lt=1000)]
    """HTTP status; 0 where no answer began."""
    headers: dict[str, str]
    fault: str
    """Of the transport, empty for a whole answer; one of `exchange`."""
    seconds: float
    response_sha256: str
    packed: bytes | None
    """The bytes that came, zlib; None where they were not kept because they held our credentials."""
    charged_in: _Count
    charged_out: _Count
    """Tokens that count against the cap."""
    final: bool
    """No further attempt follows."""
    failed: bool
    """Final, because the attempts were used up."""

    def __post_init__(self) -> None:
        if self.fault and self.fault not in FAULTS:
            raise ValueError("a fault that no transport has")

    @property
    def body(self) -> bytes:
        """The bytes that came."""
        return b"" if self.packed is None else _unpacked(self.packed, self.response_sha256)


Line = Opened | Asked | Answered


def pack(body: bytes) -> bytes:
    """As the journal holds it."""
    return zlib.compress(body, 6)


def _unpacked(packed: bytes, sha256: str) -> bytes:
    try:
        body = zlib.decompressobj().decompress(packed, MOST_BODY_BYTES)
    except zlib.error:
        body = b""
    if sha256_hex(body) != sha256:
        raise Error("a body in the journal does not have its digest", exit_code=ExitCode.NO_INPUT)
    return body


def now() -> str:
    """UTC, RFC 3339, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def journal_path(out: Path) -> Path:
    """Where the journal of a transcripts file is."""
    return out.with_name(out.name + ".journal")


class Journal:
    """Open for one run alone: a second one on the same file is an `Error`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # prompts and answers are nobody else's business
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise Error(
                f"another probe writes to {path}", hint="wait for it, or choose another --out"
            ) from None
        self._cut_torn_line()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def append(self, line: Line) -> None:
        """Write a line; when this returns it is on the disk."""
        size = os.fstat(self._descriptor).st_size
        data = memoryview(msgspec.json.encode(line) + b"\n")
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise

    def lines(self) -> Iterator[Line]:
        """All lines in their order. Raises `Error` for a line that is none."""
        return read_journal(self.path)

    def _cut_torn_line(self) -> None:
        size = os.fstat(self._descriptor).st_size
        end = size
        while end:
            begin = max(0, end - (1 << 20))
            found = os.pread(self._descriptor, end - begin, begin).rfind(b"\n")
            if found >= 0:
                end = begin + found + 1
                break
            end = begin
        if end < size:
            os.ftruncate(self._descriptor, end)
            os.fsync(self._descriptor)


def read_journal(path: Path) -> Iterator[Line]:
    """All lines of a journal, their bodies' digests checked when `body` is read."""
    decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
    with path.open("rb") as stream:
        number = 0
        while raw := stream.readline(MOST_LINE_BYTES):
            number += 1
            try:
                line = decoder.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                hint = "the file was changed, or is of a later version"
                raise Error(
                    f"{path} line {number}: {error}", hint=hint, exit_code=ExitCode.NO_INPUT
                ) from None
            # one endpoint and one interface for the whole journal
            opens = isinstance(line, Opened) and line.schema == JOURNAL_SCHEMA_ID
            if opens != (number == 1):
                raise Error(f"{path} is no journal of a probe", exit_code=ExitCode.NO_INPUT)
            yield line
