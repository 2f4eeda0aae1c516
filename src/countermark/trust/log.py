"""One append-only log in a folder: canonical JSON entries, a Merkle tree over them, a signed checkpoint.

    entries.jsonl   one entry a line (RFC 8785), the line without its newline is the leaf
    log.json        schema, origin, and the verifier key
    checkpoint      C2SP checkpoint over all entries, signed; replaced after each append
    torn-N.bytes    what a killed process left behind the last checkpoint, moved aside

An entry counts from the checkpoint that covers it. A process that is killed between the two leaves bytes that
nobody was told of: the next writer moves them aside, and a `log-recovered` entry says so.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.records.files import append, sync_folder, write_atomic
from countermark.trust import merkle
from countermark.trust.checkpoints import Checkpoint, Proof, open_checkpoint, sign_checkpoint
from countermark.trust.entries import MAX_ENTRY_BYTES, Entry, Payload, decode_entry, encode_entry
from countermark.trust.keyfiles import locked
from countermark.trust.notes import MAX_NOTE_BYTES, VerifierKey
from countermark.trust.signing import SigningKey

SCHEMA = "countermark/log/v1"
ENTRIES, CONFIG, CHECKPOINT = "entries.jsonl", "log.json", "checkpoint"
RECOVERED = "log-recovered"
MAX_LOG_BYTES = 4 << 30
MARK_EVERY = 64


class _Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: str
    origin: str
    verifier: str


class Log:
    """A log that was read and checked; with a key, it can be written."""

    def __init__(self, folder: Path, verifier: VerifierKey, key: SigningKey | None) -> None:
        self.folder, self.verifier, self._key = folder, verifier, key
        self._leaves = merkle.Tree()
        self._marks: list[int] = []  # where every MARK_EVERY-th entry begins
        self._bytes = 0
        self._note = ""  # the checkpoint that was read or written last
        self._held = False
        self._refresh()

    @classmethod
    def create(cls, folder: Path, origin: str, key: SigningKey) -> Self:
        """A new, empty log; raises `Error` where the folder holds one or the origin is no key name."""
        verifier = VerifierKey(origin, key.public)
        note = sign_checkpoint(Checkpoint(origin, 0, merkle.EMPTY_ROOT), key)
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ENTRIES):
            entries = folder / ENTRIES  # empty, without the rest: of one who was killed while making a log
            if (folder / CONFIG).exists() or (entries.exists() and entries.stat().st_size):
                raise Error(f"{folder} holds a log already", hint="name another folder, or append to it")
            write_atomic(folder / ENTRIES, b"")
            write_atomic(folder / CHECKPOINT, note.encode())
            write_atomic(folder / CONFIG, canonical_json(_Config(SCHEMA, origin, str(verifier))) + b"\n")
        return cls(folder, verifier, key)

    @classmethod
    def open(cls, folder: Path, key: SigningKey | None = None) -> Self:
        """A log that is there; its entries are compared with its checkpoint.

        The verifier key is the folder's own: who does not trust the folder uses `verify_log` with a key from
        elsewhere. Raises `Error` when there is no log, its key is another than `key`, or it does not verify.
        """
        verifier = _read_config(folder)
        if key is not None and key.public != verifier.public:
            raise Error(
                f"the log in {folder} is signed by another key", hint="use the key that it was made with"
            )
        return cls(folder, verifier, key)

    def __len__(self) -> int:
        return len(self._leaves)

    @property
    def size(self) -> int:
        """Bytes of its entries."""
        return self._bytes

    def append(self, kind: str, payload: Mapping[str, Any], *, time: datetime | None = None) -> Entry:
        """Write an entry and sign a new checkpoint; both are on disk when this returns.

        Raises `Error` without a key, for an entry over 1 MiB or a kind that is no lower-case word, and where
        the log is full or does not verify: nothing is signed on top of a changed log.
        """
        with self.writing():
            data = self._write([(kind, payload)], time)[0]
            return decode_entry(len(self._leaves) - 1, data)

    def append_all(self, entries: Sequence[tuple[str, Payload]], *, time: datetime | None = None) -> range:
        """Write entries, each a kind and a payload, with one sync and one checkpoint: all count, or none.

        Gives their indices. Raises `Error` as `append` does; nothing is written when one of them is no entry.
        """
        with self.writing():
            written = len(self._write(entries, time)) if entries else 0
            return range(len(self._leaves) - written, len(self._leaves))

    @contextmanager
    def writing(self) -> Iterator["Log"]:
        """Hold the log for several reads and appends that belong together."""
        if self._held:
            yield self
            return
        if self._key is None:
            raise Error(
                f"the log in {self.folder} was opened for reading", hint="appending takes its signing key"
            )
        with locked(self.folder / ENTRIES):
            self._held = True
            try:
                self._refresh()
                self._move_torn_aside()
                yield self
            finally:
                self._held = False

    def entries(self, kind: str | None = None) -> Iterator[Entry]:
        """Entries that the checkpoint covers, in their order; of one kind, or all."""
        for index, data in self.lines():
            entry = decode_entry(index, data)
            if kind is None or entry.kind == kind:
                yield entry

    def lines(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the entries that were read, from `start` on, not decoded.

        Another thread may append meanwhile: what comes later is left for next time.
        """
        size = len(self._leaves)
        if start >= size:
            return
        mark = max(start, 0) // MARK_EVERY
        with (self.folder / ENTRIES).open("rb") as stream:
            stream.seek(self._marks[mark])
            first = mark * MARK_EVERY
            for index, data in enumerate(_lines(stream, size - first, self.folder), first):
                if index >= start:
                    yield index, data

    def checkpoint(self) -> str:
        """The signed checkpoint over the entries, as it stands in the folder."""
        return _read_note(self.folder)

    def prove(self, index: int, under: str | None = None) -> Proof:
        """Proof that the entry is under the present checkpoint, with its bytes as the extra line.

        Or under an earlier signed one; raises `Error` where that is of another log, or smaller.
        """
        note = self.checkpoint()
        self._refresh(note)
        size = len(self._leaves)
        if under is not None:
            note, size = under, self.covers(under).size
        if not 0 <= index < size:
            raise Error(f"the log has no entry {index}", exit_code=ExitCode.NO_INPUT)
        data = self._line(index)
        return Proof(index, tuple(self._leaves.inclusion_proof(index, size)), note, data)

    def covers(self, note: str) -> Checkpoint:
        """The checkpoint in a note, which this log continues; raises `Error` where it does not."""
        checkpoint = open_checkpoint(note, self.verifier)
        if checkpoint.size > len(self._leaves) or self._leaves.root(checkpoint.size) != checkpoint.root:
            raise _broken(self.folder, f"does not continue a checkpoint of {checkpoint.size} entries")
        return checkpoint

    def head(self) -> str:
        """The signed checkpoint over the entries that were read; `consistency` leads to it."""
        return self._note

    def consistency(self, old_size: int) -> list[bytes]:
        """Proof that the log of `old_size` entries is the beginning of this one."""
        return self._leaves.consistency_proof(old_size)

    def _line(self, index: int) -> bytes:
        """Bytes of an entry under the checkpoint that was read last."""
        mark = index // MARK_EVERY
        with (self.folder / ENTRIES).open("rb") as stream:
            stream.seek(self._marks[mark])
            lines = _lines(stream, index + 1 - mark * MARK_EVERY, self.folder)
            data = next(islice(lines, index - mark * MARK_EVERY, None))
        if merkle.leaf_hash(data) != self._leaves.leaf(index):
            raise _broken(self.folder, "has entries that are not those under its checkpoint")
        return data

    def _write(self, entries: Sequence[tuple[str, Payload]], time: datetime | None) -> list[bytes]:
        assert self._key is not None
        when = (time or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
        written = [
            encode_entry(index, kind, payload, when)
            for index, (kind, payload) in enumerate(entries, len(self._leaves))
        ]
        lines = b"\n".join((*written, b""))
        if self._bytes + len(lines) > MAX_LOG_BYTES:  # beyond, it could not be read any more
            raise Error(f"the log in {self.folder} is full: it holds {MAX_LOG_BYTES:,} bytes")
        append(self.folder / ENTRIES, lines)
        for data in written:
            self._add(data)
        head = Checkpoint(self.verifier.name, len(self._leaves), self._leaves.root())
        note = sign_checkpoint(head, self._key)
        write_atomic(self.folder / CHECKPOINT, note.encode())
        self._note = note
        return written

    def _refresh(self, note: str | None = None) -> None:
        """Read what another process appended, and compare all with the checkpoint.

        The checkpoint is read first: whatever is appended meanwhile lies behind it and is left for next time.
        """
        note = note or _read_note(self.folder)
        if note == self._note:
            return
        checkpoint = open_checkpoint(note, self.verifier)
        known = len(self._leaves)
        if checkpoint.size < known:
            raise _broken(self.folder, f"has shrunk from {known} to {checkpoint.size} entries")
        with (self.folder / ENTRIES).open("rb") as stream:
            stream.seek(self._bytes)
            for data in _lines(stream, checkpoint.size - known, self.folder):
                self._add(data)
        if self._leaves.root() != checkpoint.root:
            raise _broken(self.folder, "has entries that are not those under its checkpoint")
        self._note = note

    def _add(self, data: bytes) -> None:
        if len(self._leaves) % MARK_EVERY == 0:
            self._marks.append(self._bytes)
        self._leaves.append(merkle.leaf_hash(data))
        self._bytes += len(data) + 1

    def _move_torn_aside(self) -> None:
        """Take bytes behind the checkpoint out of the entries, into a file of their own, and log that."""
        path = self.folder / ENTRIES
        size = path.stat().st_size
        if size == self._bytes:
            return
        with path.open("r+b") as stream:
            stream.seek(self._bytes)
            torn = stream.read(MAX_LOG_BYTES)
            name = f"torn-{len(self._leaves)}.bytes"
            write_atomic(self.folder / name, torn)
            stream.truncate(self._bytes)
            os.fsync(stream.fileno())
        sync_folder(self.folder)
        self._tell_torn(name, torn)

    def _tell_torn(self, name: str, torn: bytes) -> None:
        """An entry that says what was moved aside."""
        digest = hashlib.sha256(torn).hexdigest()
        self._write([(RECOVERED, {"file": name, "bytes": len(torn), "sha256": digest})], None)


def open_or_create(
    folder: Path, key_file: Path | None = None, origin: str = "", *, create: bool = True
) -> Log:
    """The log in a folder, opened for writing; a missing one is made, with its key, where that is allowed.

    The key is `FOLDER.key` beside the folder unless another file is named.
    """
    path = key_file or folder.with_name(folder.name + ".key")
    if (folder / CONFIG).exists() or not create:
        return Log.open(folder, SigningKey.load(path))
    key = SigningKey.load(path) if path.exists() else SigningKey.generate()
    if not path.exists():
        key.save(path)
    return Log.create(folder, origin or f"countermark-log/{key.public.keyid[:16]}", key)


@dataclass(frozen=True)
class Verification:
    """What a folder that verifies holds."""

    checkpoint: Checkpoint
    torn_bytes: int
    """Bytes behind the last entry that counts: a writer at work, or one that was killed."""


def verify_log(
    folder: Path,
    verifier: VerifierKey,
    *,
    earlier: str | None = None,
    witnesses: tuple[VerifierKey, ...] = (),
) -> Verification:
    """Check a whole folder with a key from elsewhere, and that it continues an earlier signed checkpoint.

    Raises `Error` when an entry was changed, removed, added or moved, when an entry is not canonical, or when
    the log has shrunk or was rewritten since `earlier`.
    """
    checkpoint = open_checkpoint(_read_note(folder), verifier, witnesses)
    before = open_checkpoint(earlier, verifier, witnesses) if earlier is not None else None
    if before is not None and before.size > checkpoint.size:
        raise _broken(folder, f"has shrunk from {before.size} to {checkpoint.size} entries")
    frontier = merkle.Frontier()
    read = 0
    with (folder / ENTRIES).open("rb") as stream:
        for index, data in enumerate(_lines(stream, checkpoint.size, folder)):
            _check_prefix(frontier, before, folder)
            frontier.append(decode_entry(index, data).leaf_hash)
            read += len(data) + 1
        _check_prefix(frontier, before, folder)
        torn = os.fstat(stream.fileno()).st_size - read
    if frontier.root() != checkpoint.root:
        raise _broken(folder, "has entries that are not those under its checkpoint")
    return Verification(checkpoint, torn)


def _check_prefix(frontier: merkle.Frontier, before: Checkpoint | None, folder: Path) -> None:
    if before is not None and frontier.size == before.size and frontier.root() != before.root:
        raise _broken(folder, "was rewritten since the earlier checkpoint")


def _lines(stream: BinaryIO, count: int, folder: Path) -> Iterator[bytes]:
    """The next `count` whole lines; raises `Error` when there are fewer or one is too long."""
    if os.fstat(stream.fileno()).st_size > MAX_LOG_BYTES:
        raise _broken(folder, f"is over {MAX_LOG_BYTES >> 30} GiB")
    for _ in range(count):
        line = stream.readline(MAX_ENTRY_BYTES + 2)
        if not line.endswith(b"\n"):
            raise _broken(folder, "has fewer entries than its checkpoint says, or one that is too long")
        yield line[:-1]


def _read_config(folder: Path) -> VerifierKey:
    try:
        with (folder / CONFIG).open("rb") as stream:
            config = msgspec.json.decode(stream.read(MAX_NOTE_BYTES), type=_Config)
    except OSError as error:
        raise Error(
            f"no log in {folder}: {error.strerror}",
            hint=f"a log has a file {CONFIG}",
            exit_code=ExitCode.NO_INPUT,
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _broken(folder, f"has a {CONFIG} that cannot be read") from error
    verifier = VerifierKey.parse(config.verifier)
    if config.schema != SCHEMA or verifier.name != config.origin:
        raise _broken(folder, f"is not of schema {SCHEMA}, or its origin is not its verifier key's")
    return verifier


def _read_note(folder: Path) -> str:
    try:
        descriptor = os.open(folder / CHECKPOINT, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, MAX_NOTE_BYTES + 1).decode()
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Error(f"no checkpoint in {folder}: {error.strerror}", exit_code=ExitCode.NO_INPUT) from error
    except UnicodeDecodeError as error:
        raise _broken(folder, "has a checkpoint that is not UTF-8") from error


def _broken(folder: Path, what: str) -> Error:
    return Error(
        f"the log in {folder} {what}",
        hint="keep the folder as it is, and compare it with a copy and with checkpoints that others hold",
        exit_code=ExitCode.VERIFICATION_FAILED,
    )
