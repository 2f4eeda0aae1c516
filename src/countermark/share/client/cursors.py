"""How far a collection was read: a small file in `cursors/` of the folder of what was received.

A cursor moves only after the objects before it are on the disk. A reader that is killed in between reads a
page again, which changes nothing.
"""

import hashlib
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.files import write_atomic

CURSORS = "cursors"
SCHEMA = "countermark/share-cursor/v1"
MAX_BYTES = 1 << 20


class Cursor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to go on."""

    schema: str = SCHEMA
    place: str
    collection: str
    """Path of the collection at the exchange."""
    after: str = ""
    """`added_after` of the next reading, a TAXII timestamp; empty for the beginning."""


class CursorFile:
    """The file of one collection."""

    def __init__(self, folder: Path, place: str, collection: str) -> None:
        name = hashlib.sha256(f"{place}\n{collection}".encode()).hexdigest()[:16]
        self.path = folder / CURSORS / f"{name}.json"
        self._new = Cursor(place=place, collection=collection)

    def refuse_another_place(self) -> None:
        """A folder is of one exchange, which answers for it that members speak for themselves; another could
        withdraw what they said. Raises `Error` where there is a cursor of another place.
        """
        for path in sorted(self.path.parent.glob("*.json")):
            place = _read(path).place
            if place != self._new.place:
                raise Error(
                    f"what was received there came from {place[:200]}",
                    hint=f"give each exchange a folder; if it has moved, move {self.path.parent} away",
                    exit_code=ExitCode.USAGE,
                )

    def read(self) -> Cursor:
        """The cursor, at the beginning where there is none. Raises `Error` for a file that is not one."""
        if not self.path.exists():
            return self._new
        found = _read(self.path)
        if (found.place, found.collection) != (self._new.place, self._new.collection):
            raise _none(self.path)
        return found

    def write(self, cursor: Cursor) -> None:
        """Move it, durably."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomic(self.path, msgspec.json.encode(cursor) + b"\n", 0o600)
        except OSError as error:
            raise Error(f"{self.path} cannot be written: {error.strerror}") from None


def _read(path: Path) -> Cursor:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    try:
        found = msgspec.json.decode(data, type=Cursor)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _none(path) from None
    if found.schema != SCHEMA:
        raise _none(path)
    return found


def _none(path: Path) -> Error:
    return Error(
        f"{path} is no cursor of this collection",
        hint="move it away to read the collection from its beginning; nothing is kept twice",
        exit_code=ExitCode.NO_INPUT,
    )
