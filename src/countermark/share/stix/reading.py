"""What was received from others: kept as it came, under STIX's rules for versions and revocation.

    objects.jsonl      every object that was taken, byte for byte, with where it came from; it only grows
    quarantine.jsonl   what was not taken, and why
    *.torn-N           what a killed process left half written

The index is made anew from objects.jsonl on opening, about 600 bytes of memory an object. `add` returns when
all is on the disk, so a cursor that is moved after it never passes an object that is not there.

Refused, into the quarantine: what does not check (`schemas.py`); other content under the same id and version;
a version by another creator or with another `created` than the first had (3.6: only the creator makes
versions); any version later than a revocation (a revoked object stays revoked). Whoever is seen first as the
creator of an id is held to be its creator: the exchange has to see to it that members speak for themselves.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.stix.append_log import AppendLog
from countermark.share.stix.kept import Kept, body_of
from countermark.share.stix.quarantine import Quarantine, Refusal
from countermark.share.stix.rules import instant
from countermark.share.stix.schemas import Checked, check_objects

OBJECTS, QUARANTINE = "objects.jsonl", "quarantine.jsonl"
PAGE_EFFORT = 2_000_000
"""Characters of complex patterns in one page that was asked for (see `check_objects`): up to a minute."""
Taken = Literal["new", "known", "quarantined"]
OTHER_CONTENT = "other content stands under the same id and version"
OTHER_CREATOR = "a version by another than its creator"
OTHER_CREATED = "a version with another created time than the first"
REVOKED = "a version later than its revocation"


class Arrival(NamedTuple):
    """An object as it came."""

    raw: bytes
    date_added: str = ""
    """As the exchange says it, or where in a file it stands."""


class _Head(msgspec.Struct):
    id: str
    type: str
    created: str = ""
    modified: str = ""
    created_by_ref: Any = ""
    """Of any form in an observable, for which STIX defines none."""
    revoked: Any = False


class _Entry(msgspec.Struct):
    """A line of objects.jsonl as far as the index needs it: see `Kept`."""

    sha256: str
    object: _Head | msgspec.UnsetType = msgspec.UNSET
    text: str = ""


class _Last(NamedTuple):
    """The version of an object that holds."""

    at: str
    """Its `modified` (else `created`) as text that sorts; empty for an observable, which has no versions."""
    creator: str
    created: str
    revoked: bool
    offset: int
    """Of its line; -1 while the line is not written."""


class Received:
    """The folder of what was received, open for one process; a context manager."""

    def __init__(self, folder: Path) -> None:
        """Waits while another process has the folder open. Raises `Error` where it is damaged."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._log, self.quarantine = AppendLog(folder / OBJECTS), Quarantine(folder / QUARANTINE)
            self._log.claim()
        except OSError as error:
            raise Error(f"{folder} cannot be used: {error.strerror}") from None
        try:
            self.quarantine.claim()
            self._load()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others have it; everything is on the disk already."""
        self._log.close()
        self.quarantine.close()

    def __enter__(self) -> "Received":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Distinct objects: versions of one count once."""
        return len(self._last)

    def add(self, collection: str, date_added: str, raw: bytes) -> Taken:
        """Keep one object. The same again changes nothing."""
        return self.add_all(collection, [Arrival(raw, date_added)])[0]

    def add_all(self, collection: str, arrivals: Sequence[Arrival]) -> list[Taken]:
        """Keep a page: one write and one wait for the disk. Says what became of each.

        Raises `Error` where the disk does not take it; then nothing of it counts, and the cursor must stay.
        """
        checked = check_objects([one.raw for one in arrivals], effort_for_patterns=PAGE_EFFORT)
        taken: list[Taken] = []
        bodies: list[bytes] = []
        written: list[tuple[str, _Last]] = []
        refused: list[Refusal] = []
        try:
            for arrival, one in zip(arrivals, checked, strict=True):
                problem = one.problem or self._conflict(one)
                if problem:
                    refused.append(Refusal(collection, arrival.date_added, one.data, problem))
                elif bytes.fromhex(one.sha256) not in self._known:
                    written.append((one.stix_id, self._enter(one.sha256, _head(one.data), -1)))
                    bodies.append(_body(collection, arrival.date_added, one))
                    taken.append("new")
                    continue
                taken.append("quarantined" if problem else "known")
            if bodies:
                self._settle(written, self._log.append(bodies))
            self.quarantine.add(refused)
        except BaseException:
            self._load()
            raise
        return taken

    def latest(self, stix_id: str) -> dict[str, Any] | None:
        """The version that holds: the revoking one, else the last by `modified`; None for an unknown id."""
        raw = self.raw(stix_id)
        return None if raw is None else msgspec.json.decode(raw, type=dict[str, Any])

    def raw(self, stix_id: str) -> bytes | None:
        """The same, as it came."""
        last = self._last.get(stix_id)
        return None if last is None else self._read(last.offset).raw()

    def objects(self, *types: str) -> Iterator[dict[str, Any]]:
        """The versions that hold of all objects (of these types), revoked too, in order of first sight."""
        for stix_id in list(self._last):
            if not types or stix_id.partition("--")[0] in types:
                found = self.latest(stix_id)
                if found is not None:
                    yield found

    def indicators(self, at: datetime | None = None) -> Iterator[dict[str, Any]]:
        """Indicators that hold at that time (now): not revoked, within `valid_from` and `valid_until`."""
        moment = (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")
        now = instant(moment.replace("+00:00", "Z"))
        for one in self.objects("indicator"):
            ends = one.get("valid_until")
            if (
                not one.get("revoked")
                and instant(one["valid_from"]) <= now
                and not (ends is not None and instant(ends) <= now)
            ):
                yield one

    def recheck(self) -> list[Taken]:
        """Look at the quarantine again, after an update of what is checked or known: what became of each."""
        before = list(self.quarantine.waiting())
        taken: list[Taken] = []
        for one in before:
            taken += self.add_all(one.collection, [Arrival(one.raw, one.date_added)])
        good = [one.raw for one, became in zip(before, taken, strict=True) if became != "quarantined"]
        self.quarantine.release(good)
        return taken

    def _load(self) -> None:
        self._known: set[bytes] = set()
        self._versions: set[bytes] = set()
        self._last: dict[str, _Last] = {}
        for offset, line in self._log.lines():
            try:
                entry = msgspec.json.decode(line, type=_Entry)
                head = _head(entry.text.encode()) if entry.object is msgspec.UNSET else entry.object
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise _damaged(self._log.path, offset) from None
            self._enter(entry.sha256, head, offset)

    def _conflict(self, one: Checked) -> str:
        """Why a valid object that is not known may not be taken; empty when it may."""
        if bytes.fromhex(one.sha256) in self._known or one.version is None:
            return ""
        head = _head(one.data)
        at = instant(one.version)
        if _version_key(head.id, at) in self._versions:
            return OTHER_CONTENT
        last = self._last.get(head.id)
        if last is None:
            return ""
        if last.creator != _creator(head):
            return OTHER_CREATOR
        if last.created != instant(head.created):
            return OTHER_CREATED
        return REVOKED if last.revoked and at > last.at else ""

    def _enter(self, sha256: str, head: _Head, offset: int) -> _Last:
        """Into the index. A revoking version holds against all others, whatever came first."""
        version = head.modified or head.created
        at = instant(version) if version else ""
        self._known.add(bytes.fromhex(sha256))
        created = at if head.created == version else instant(head.created)
        new = _Last(at, _creator(head), created, head.revoked is True, offset)
        last = self._last.get(head.id)
        if last is None or (new.revoked, new.at) >= (last.revoked, last.at):
            self._last[head.id] = new
        if version:
            self._versions.add(_version_key(head.id, at))
        return new

    def _settle(self, written: list[tuple[str, _Last]], offsets: list[int]) -> None:
        for (stix_id, entered), offset in zip(written, offsets, strict=True):
            if self._last[stix_id] is entered:
                self._last[stix_id] = entered._replace(offset=offset)

    def _read(self, offset: int) -> Kept:
        try:
            return msgspec.json.decode(self._log.line_at(offset), type=Kept)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise _damaged(self._log.path, offset) from None


def _body(collection: str, date_added: str, one: Checked) -> bytes:
    return body_of(collection, date_added, one.data, is_json=True, sha256=one.sha256)


def _head(raw: bytes) -> _Head:
    return msgspec.json.decode(raw, type=_Head)


def _creator(head: _Head) -> str:
    return sys.intern(head.created_by_ref) if isinstance(head.created_by_ref, str) else ""


def _damaged(path: Path, offset: int) -> Error:
    return Error(f"{path} is damaged at byte {offset}", exit_code=ExitCode.VERIFICATION_FAILED)


def _version_key(stix_id: str, at: str) -> bytes:
    return blake2b(f"{stix_id}\n{at}".encode(), digest_size=16).digest()
