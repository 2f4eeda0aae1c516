"""What came and was not taken: kept with where it came from and why, counted, looked at again on demand.

{"batch":1,"collection":…,"date_added":…,"reason":…,"sha256":…,"object"|"text"|"base64":…}
{"batch":2,"released":SHA256}      it was taken later, or a person put it away
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from countermark.errors import Error
from countermark.share.stix.append_log import AppendLog
from countermark.share.stix.kept import Kept, body_of

MAX_BYTES = 4 << 30
"""A quarantine holds no more: a source that sends only rubbish ends in an error, not in a full disk."""


class _Line(msgspec.Struct):
    sha256: str = ""
    collection: str = ""
    reason: str = ""
    released: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """What was not taken."""

    collection: str
    date_added: str
    raw: bytes
    reason: str


class Quarantine:
    """`quarantine.jsonl` of a folder, open for one process."""

    def __init__(self, path: Path) -> None:
        self._log = AppendLog(path)
        self._waiting: dict[str, tuple[int, str]] = {}
        self._seen: set[str] = set()
        self._bytes = 0

    def claim(self) -> None:
        """Wait for the lock and read what is there."""
        self._log.claim()
        self._waiting, self._seen, self._bytes = {}, set(), 0
        for offset, line in self._log.lines():
            self._bytes = offset + len(line) + 1
            said = msgspec.json.decode(line, type=_Line)
            if said.released:
                self._waiting.pop(said.released, None)
                self._seen.discard(said.released)
            elif said.sha256:
                self._waiting[said.sha256] = (offset, said.reason)
                self._seen.add(said.sha256)

    def close(self) -> None:
        """Give the lock back."""
        self._log.close()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def add(self, refusals: Sequence[Refusal]) -> int:
        """Keep them; how many were not there yet. The same bytes are kept once, whatever sent them."""
        bodies: dict[str, tuple[bytes, str]] = {}
        for one in refusals:
            digest = hashlib.sha256(one.raw).hexdigest()
            if digest not in self._seen and digest not in bodies:
                body = body_of(
                    one.collection, one.date_added, one.raw, is_json=False, reason=one.reason, sha256=digest
                )
                bodies[digest] = (body, one.reason)
        if not bodies:
            return 0
        size = sum(len(body) for body, _ in bodies.values())
        if self._bytes + size > MAX_BYTES:
            raise Error(
                f"{self._log.path} holds {MAX_BYTES >> 30} GiB of objects that were not taken",
                hint="look at what the source sends; move the file away to go on",
            )
        offsets = self._log.append([body for body, _ in bodies.values()])
        for (digest, (_, reason)), offset in zip(bodies.items(), offsets, strict=True):
            self._waiting[digest] = (offset, reason)
        self._seen.update(bodies)
        self._bytes += size
        return len(bodies)

    def waiting(self) -> Iterator[Refusal]:
        """All that wait, in order of arrival."""
        for offset, _ in list(self._waiting.values()):
            kept = msgspec.json.decode(self._log.line_at(offset), type=Kept)
            yield Refusal(kept.collection, kept.date_added, kept.raw(), kept.reason)

    def reasons(self) -> dict[str, int]:
        """How many wait, by reason, the most frequent first."""
        return dict(Counter(reason for _, reason in self._waiting.values()).most_common())

    def release(self, raws: Sequence[bytes]) -> None:
        """They wait no longer: they were taken, or put away."""
        gone = [digest for raw in raws if (digest := hashlib.sha256(raw).hexdigest()) in self._waiting]
        if gone:
            self._log.append([b'"released":"%s"' % digest.encode() for digest in gone])
        for digest in gone:
            self._waiting.pop(digest, None)
            self._seen.discard(digest)
