"""From the private log to the public one: salted commitments in batches of one size (spec/log.md).

    LOG.salts    the secret that salts and tags are taken from (0600); without it nothing can be opened
    LOG.public/  the public log (`trust.batches`)

Which entries are committed is nowhere written down: it follows from the public log, the private one and the
secret, so a process that is killed anywhere leaves nothing to repair. An entry is committed once, in its
order; a batch that was not told of is made again.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.trust import log as logs
from countermark.trust.batches import (
    BATCH,
    DEFAULT_BATCH,
    DEFAULT_SECONDS,
    PublicLog,
    batch_payload,
    read_batches,
    settings_of,
    write_settings,
)
from countermark.trust.cosigned import cosigned
from countermark.trust.entries import Entry, decode_entry
from countermark.trust.keyfiles import Secret, locked, read_secret, write_secret
from countermark.trust.log import Log
from countermark.trust.openings import (
    PADDING,
    SALT_BYTES,
    Head,
    Opening,
    check_opening,
    commitment_of,
    head_of,
    matter_of,
    opened_entry,
    part_hash,
    read_opening,
)
from countermark.trust.signing import SigningKey

__all__ = [
    "Head",
    "Opening",
    "Publication",
    "check_opening",
    "cosigned",
    "opened_entry",
    "public_folder",
    "read_opening",
    "salts_file",
]
SECRET_BYTES = 32
_HEAD, _BODY, _MATTER = b"countermark/head/v1\n", b"countermark/body/v1\n", b"countermark/matter/v1\n"


def public_folder(log_folder: Path) -> Path:
    """Where the public log of a private one stands unless another folder is named."""
    return log_folder.with_name(log_folder.name + ".public")


def salts_file(log_folder: Path) -> Path:
    """Where the salt secret of a private log stands."""
    return log_folder.with_name(log_folder.name + ".salts")


class Publication:
    """A private log, its public log, and which entry each commitment is."""

    def __init__(self, private: Log, public: PublicLog, secret: Secret) -> None:
        self.private, self.public, self._secret = private, public, secret
        self.batch, self.every_seconds = settings_of(public.folder)
        self._places: list[int] = []  # number of the commitment of each private entry
        self._count = 0  # commitments that were looked at, padding included
        self._batches = 0
        self.last: datetime | None = None
        """Time of the last batch, by the writer's own clock."""
        self.late: list[int] = []
        """Entries that say to be older than a batch that had room for them: back-dated, or held back."""
        self._room: datetime | None = None  # time of the last batch that held padding
        self._replay()

    @classmethod
    def open_or_create(
        cls,
        log_folder: Path,
        public: Path | None = None,
        *,
        batch: int | None = None,
        every_seconds: int | None = None,
        key_file: Path | None = None,
    ) -> "Publication":
        """Both logs, opened for writing; what is missing is made, the public log with its salt secret.

        Raises `Error` where an existing log has another number of commitments in a batch or another cadence
        than is asked for, where the secret is lost, or where the logs do not fit together.
        """
        private = logs.open_or_create(log_folder, key_file)
        key = SigningKey.load(key_file or log_folder.with_name(log_folder.name + ".key"))
        folder, salts = public or public_folder(log_folder), salts_file(log_folder)
        with locked(salts):
            if not (folder / logs.CONFIG).exists():
                if not salts.exists():
                    write_secret(salts, secrets.token_hex(SECRET_BYTES).encode() + b"\n")
                folder.mkdir(parents=True, exist_ok=True)
                write_settings(folder, batch or DEFAULT_BATCH, every_seconds or DEFAULT_SECONDS)
                PublicLog.create(folder, f"{private.verifier.name}.public", key)
        found = cls(private, PublicLog.open(folder, key), _read_salts(salts))
        asked = (batch or found.batch, every_seconds or found.every_seconds)
        if asked != (found.batch, found.every_seconds):
            raise Error(
                f"the public log has batches of {found.batch} every {found.every_seconds} s, as it was made",
                hint="both are fixed: a change would tell that something is going on",
                exit_code=ExitCode.USAGE,
            )
        return found

    @classmethod
    def open(cls, log_folder: Path, public: Path | None = None, salts: Path | None = None) -> "Publication":
        """Both logs for reading, as an examiner under order does who was given the salt secret."""
        folder = public or public_folder(log_folder)
        secret = _read_salts(salts or salts_file(log_folder))
        return cls(Log.open(log_folder), PublicLog.open(folder), secret)

    def tag(self, matter: str) -> str:
        """32 hex digits that stand for a matter in heads."""
        return self._keyed(_MATTER + matter.encode()).hex()

    @property
    def waiting(self) -> int:
        """Entries that are not committed yet."""
        return len(self.private) - len(self._places)

    def due(self, now: datetime) -> bool:
        """Whether a tick of the cadence lies between the last batch and now; ticks are those of UTC."""
        if self.last is None:
            return True
        return int(now.timestamp()) // self.every_seconds > int(self.last.timestamp()) // self.every_seconds

    def tick(self, now: datetime | None = None) -> Entry:
        """Make one batch: what waits, then padding. It is on disk when this returns.

        A batch is made whether something waits or not, and always of the same size: it is for the caller to
        call this at the cadence and at no other time (`due`).
        """
        with self.private.writing(), self.public.writing():
            self._replay()
            first = self._count
            entries = islice(self.private.lines(len(self._places)), self.batch)
            commitments = [
                self._commitment(number, decode_entry(index, data))
                for number, (index, data) in enumerate(entries, first)
            ]
            padding = range(first + len(commitments), first + self.batch)
            commitments += [self._commitment(number, None) for number in padding]
            entry = self.public.append(BATCH, batch_payload(self._batches, commitments), time=now)
            self._replay()
            return entry

    def openings(self, size: int, opened: Collection[int]) -> Iterator[Opening]:
        """An opening of every commitment in the first `size` entries of the public log, in their order.

        `opened`: indices of entries of the private log that are shown whole; of all others, only the head.
        Padding is shown whole: it is empty.
        """
        whole = frozenset(opened)
        self._replay()
        if not 0 <= size <= self._batches:
            raise Error(f"the public log has no {size} batches", exit_code=ExitCode.NO_INPUT)
        lines = self.private.lines()
        places = iter(self._places)
        place = next(places, None)
        for number in range(size * self.batch):
            if number == place:
                index, data = next(lines)
                place = next(places, None)
                yield self._opening(number, decode_entry(index, data), index in whole)
            else:
                yield self._opening(number, None, True)

    def opening(self, index: int) -> tuple[int, Opening]:
        """Number of the commitment of one private entry, and what shows that entry whole."""
        self._replay()
        if not 0 <= index < len(self.private):
            raise Error(f"the log has no entry {index}", exit_code=ExitCode.NO_INPUT)
        if index >= len(self._places):
            raise Error(
                f"entry {index} is in no batch yet", hint="it is with the next one that has room for it"
            )
        _, data = next(self.private.lines(index))
        number = self._places[index]
        return number, self._opening(number, decode_entry(index, data), True)

    def place(self, index: int) -> tuple[int, int] | None:
        """Batch and position in it of the commitment to a private entry; None where it waits."""
        return divmod(self._places[index], self.batch) if index < len(self._places) else None

    def _replay(self) -> None:
        """Find out which entry each new commitment is; raises `Error` where they do not follow."""
        if len(self.public) == self._batches:
            return
        waiting = self.private.lines(len(self._places))
        following = next(waiting, None)
        for batch in read_batches(self.public, since=self._batches):
            if len(batch.commitments) != self.batch:
                raise _broken(f"batch {batch.number} is not of {self.batch} commitments")
            full = True
            for commitment in batch.commitments:
                entry = None if following is None else decode_entry(*following)
                if full and entry is not None and self._commitment(self._count, entry) == commitment:
                    self._note_time(entry)
                    self._places.append(self._count)
                    following = next(waiting, None)
                elif self._commitment(self._count, None) == commitment:
                    full = False
                else:
                    raise _broken(f"batch {batch.number} commits to something else than the next entry")
                self._count += 1
            self._batches, self.last = batch.number + 1, batch.entry.time
            if not full:
                self._room = batch.entry.time

    def _note_time(self, entry: Entry) -> None:
        """A batch before had room, and is later than the entry says to be: then the entry was not there."""
        if self._room is not None and self._room > entry.time:
            self.late.append(entry.index)

    def _commitment(self, number: int, entry: Entry | None) -> bytes:
        head, body = self._parts(entry)
        return commitment_of(
            part_hash(self._salt(_HEAD, number), head), part_hash(self._salt(_BODY, number), body)
        )

    def _opening(self, number: int, entry: Entry | None, whole: bool) -> Opening:
        head, body = self._parts(entry)
        text, head_salt, body_salt = head.decode(), self._salt(_HEAD, number), self._salt(_BODY, number)
        if whole:
            return Opening(
                head=text, head_salt=head_salt.hex(), body_salt=body_salt.hex(), entry=body.decode()
            )
        return Opening(head=text, head_salt=head_salt.hex(), body=part_hash(body_salt, body).hex())

    def _parts(self, entry: Entry | None) -> tuple[bytes, bytes]:
        """Head and body of a commitment; None is padding."""
        if entry is None:
            return canonical_json(Head(PADDING)), b""
        matter = matter_of(entry)
        return canonical_json(head_of(entry, "" if matter is None else self.tag(matter))), entry.data

    def _salt(self, what: bytes, number: int) -> bytes:
        return self._keyed(what + number.to_bytes(8, "big"))

    def _keyed(self, text: bytes) -> bytes:
        return hashlib.blake2b(text, key=self._secret.reveal(), digest_size=SALT_BYTES).digest()


def _read_salts(path: Path) -> Secret:
    text = read_secret(path, what="salt secret").reveal().strip()
    try:
        value = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        value = b""
    if len(value) != SECRET_BYTES:
        raise Error(f"{path} holds no salt secret of 64 hex digits", exit_code=ExitCode.NO_INPUT)
    return Secret(value)


def _broken(what: str) -> Error:
    return Error(
        f"the public log does not follow from the private one: {what}",
        hint="are these its private log and its salt secret? keep all three as they are",
        exit_code=ExitCode.VERIFICATION_FAILED,
    )
