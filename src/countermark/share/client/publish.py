"""Publish a release: the statement first, then its objects in batches, until the exchange has said of each
what became of it.

What leaves is what `approved` gives: the bytes whose digests two people signed. Nothing else is sent.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex
from countermark.share.client.journal import PUBLISHED, Journal, Line
from countermark.share.client.outcomes import outcomes_of
from countermark.share.client.resources import StatusResource
from countermark.share.client.taxii import Found, Taxii, refused
from countermark.share.client.transport import Refused
from countermark.share.policy.approvals import approved
from countermark.share.policy.odd_files import refuse_odd_files
from countermark.share.policy.release import RELEASE, RELEASE_TYPE, parse_release
from countermark.share.policy.samples import standing_of
from countermark.trust.dsse import open_envelope

RELEASES = "/exchange-api/v1/releases"
SUFFIX = ".release"
MOST_OBJECTS, MOST_BYTES = 1000, 4 << 20
"""Of one request, whatever the exchange allows."""
PENDING_SECONDS, PENDING_PAUSE = 600.0, 2.0
_ABSENT = (404, 405, 410, 501)
_SMALLER = (413, 422)
"""What a server answers that takes less at once, or none of a batch with one bad object."""


class Object(NamedTuple):
    """One object that leaves."""

    id: str
    version: str
    sha256: str
    raw: bytes
    """Canonical JSON."""


class Release(NamedTuple):
    """A release that may leave, verified."""

    folder: Path
    release_id: str
    envelope: bytes
    """The statement with its signatures (DSSE)."""
    objects: list[Object]
    standing_id: str = ""
    """The standing approval that has to be in force; empty where none has to."""


class Published(msgspec.Struct):
    """What became of a release."""

    release_id: str
    collection: str
    objects: int
    before: int = 0
    """That the exchange had taken in an earlier run."""
    accepted: int = 0
    """That it took in this one."""
    failures: list[dict[str, str]] = []
    """Id, version and reason of what it did not take."""
    statement: bool = True
    """Whether the exchange has the release's statement; False for one that takes none."""


def read_release_to_publish(source: Path, now: datetime) -> Release:
    """The release of FINDINGS (`FINDINGS.release` beside it), or in the folder itself.

    Raises `Error` where there is none, where its objects are not those that were approved, and where an
    approval is missing or has run out.
    """
    folder = source if (source / RELEASE).is_file() else source.with_name(source.name + SUFFIX)
    if not (folder / RELEASE).is_file():
        raise Error(
            f"{source} has no release",
            hint="share review writes one, two people approve it",
            exit_code=ExitCode.NO_INPUT,
        )
    refuse_odd_files(folder, (), (PUBLISHED,))
    envelope, raw = approved(folder, now)
    release = parse_release(open_envelope(envelope, RELEASE_TYPE).body)
    objects = [
        Object(held.id, held.version or "", held.sha256, one)
        for held, one in zip(release.objects, raw, strict=True)
    ]
    if any(sha256_hex(one.raw) != one.sha256 for one in objects):
        raise Error("the objects are not those that were approved", exit_code=ExitCode.VERIFICATION_FAILED)
    return Release(folder, release.release_id, envelope, objects, standing_of(release))


class Publisher:
    """Sends one release to one collection."""

    def __init__(
        self, taxii: Taxii, collection: Found, *, batch: int = MOST_OBJECTS, pause: float = PENDING_PAUSE
    ) -> None:
        self._taxii, self._collection = taxii, collection
        self._batch, self._pause = batch, pause
        self._most_bytes = min(MOST_BYTES, taxii.root(collection.root).max_content_length)

    def run(self, release: Release, told: Callable[[int, int], None] = lambda *_: None) -> Published:
        """Send what is not taken yet. `told(done, of)` is called after each batch."""
        path = self._collection.path
        done = Published(release.release_id, path, len(release.objects))
        with Journal(release.folder, release.release_id, self._taxii.transport.place, path) as journal:
            waiting = [one for one in release.objects if not journal.has(one.sha256)]
            done.before = len(release.objects) - len(waiting)
            if waiting:
                done.statement = self._give_statement(release.envelope)
            sent = done.before
            for batch in self._batches(waiting):
                lines = self._send(batch)
                journal.record(lines)
                done.accepted += sum(1 for line in lines if not line.problem)
                done.failures += [
                    {"id": line.id, "version": line.version, "reason": line.problem}
                    for line in lines
                    if line.problem
                ]
                sent += len(batch)
                told(sent, done.objects)
        return done

    def _give_statement(self, envelope: bytes) -> bool:
        """Whether the exchange has it now; one that has no such endpoint takes none."""
        transport = self._taxii.transport
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        answer = transport.ask("POST", RELEASES, body=envelope, headers=headers)
        if answer.status in _ABSENT:
            return False
        if answer.status not in (200, 201):
            raise refused(answer, transport)
        return True

    def _batches(self, objects: Sequence[Object]) -> Iterator[list[Object]]:
        batch: list[Object] = []
        size = len(b'{"objects":[]}')
        for one in objects:
            more = len(one.raw) + 1
            if batch and (len(batch) == self._batch or size + more > self._most_bytes):
                yield batch
                batch, size = [], len(b'{"objects":[]}')
            batch.append(one)
            size += more
        if batch:
            yield batch

    def _send(self, batch: Sequence[Object]) -> list[Line]:
        """One request, and what became of each object; two where the exchange does not say, or takes less."""
        try:
            status = self._finished(self._taxii.add(self._collection, [one.raw for one in batch]))
            problems = outcomes_of(status, [(one.id, one.version) for one in batch])
            unclear = "the exchange does not say what became of it"
        except Refused as error:
            if error.status not in _SMALLER:
                raise
            problems, unclear = None, error.message
        if problems is None and len(batch) > 1:
            half = len(batch) // 2
            return [*self._send(batch[:half]), *self._send(batch[half:])]
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = [self._taxii.transport.hide(problem)[:500] for problem in problems or [unclear]]
        return [
            Line(sha256=one.sha256, id=one.id, version=one.version, problem=problem, at=at)
            for one, problem in zip(batch, told, strict=True)
        ]

    def _finished(self, status: StatusResource) -> StatusResource:
        """Wait for a pending status (5.5); a status that is forgotten meanwhile raises `Error`."""
        ends = time.monotonic() + PENDING_SECONDS
        while status.status == "pending":
            if time.monotonic() > ends:
                raise Error(
                    f"the exchange has not finished with a request after {PENDING_SECONDS:.0f} seconds",
                    hint="publish again later: what it has taken is not stored twice",
                )
            time.sleep(self._pause)
            status = self._taxii.status(self._collection.root, status.id)
        return status


def publish(
    taxii: Taxii,
    collection: Found,
    release: Release,
    *,
    batch: int = MOST_OBJECTS,
    pause: float = PENDING_PAUSE,
    told: Callable[[int, int], None] = lambda *_: None,
) -> Published:
    """Publish a release; `batch` is how many objects go into a request. See `Publisher`."""
    return Publisher(taxii, collection, batch=batch, pause=pause).run(release, told)
