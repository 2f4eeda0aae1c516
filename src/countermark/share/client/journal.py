"""What an exchange has taken of a release: `published/*.jsonl` in the RELEASE folder, one file a collection.

A line is written after the exchange has answered, and is on the disk before the next request. What a kill
leaves unwritten is sent again, and the exchange does not store it twice (TAXII 5.5).
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.stix.append_log import AppendLog

PUBLISHED = "published"
SCHEMA = "countermark/share-published/v1"


class Line(msgspec.Struct, omit_defaults=True):
    """The first line names release and collection; every other one an object."""

    schema: str = ""
    release_id: str = ""
    place: str = ""
    collection: str = ""
    sha256: str = ""
    """Of the object, as its release names it."""
    id: str = ""
    version: str = ""
    problem: str = ""
    """Why it was not taken; empty when it was."""
    at: str = ""


class Journal:
    """One such file, open for one process; a context manager."""

    def __init__(self, folder: Path, release_id: str, place: str, collection: str) -> None:
        """`place` and `collection` are the exchange and the path of the collection there.

        Waits while another process publishes the same to the same. Raises `Error` for a file that is damaged
        or of another release.
        """
        name = hashlib.sha256(f"{place}\n{collection}".encode()).hexdigest()[:16]
        try:
            (folder / PUBLISHED).mkdir(exist_ok=True, mode=0o700)
            self._log = AppendLog(folder / PUBLISHED / f"{name}.jsonl")
            self._log.claim()
        except OSError as error:
            raise Error(f"{folder} cannot be written: {error.strerror}") from None
        self._taken: set[str] = set()
        head = Line(schema=SCHEMA, release_id=release_id, place=place, collection=collection)
        try:
            lines = [_line(self._log.path, line) for _, line in self._log.lines()]
            if not lines:
                self._append([head])
            elif lines[0] != head:
                raise Error(
                    f"{self._log.path} is of another release, or another place",
                    hint="move it away to send all again",
                    exit_code=ExitCode.VERIFICATION_FAILED,
                )
            self._taken.update(line.sha256 for line in lines[1:] if not line.problem)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have it."""
        self._log.close()

    def has(self, sha256: str) -> bool:
        """Whether the exchange has said that it took the object."""
        return sha256 in self._taken

    def record(self, lines: Sequence[Line]) -> None:
        """Write what became of a batch; it is on the disk when this returns."""
        self._append(lines)
        self._taken.update(line.sha256 for line in lines if not line.problem)

    def _append(self, lines: Sequence[Line]) -> None:
        if lines:
            self._log.append([msgspec.json.encode(line)[1:-1] for line in lines])


def _line(path: Path, line: bytes) -> Line:
    try:
        return msgspec.json.decode(line, type=Line)
    except msgspec.MsgspecError:
        raise Error(f"{path} holds a line that is not ours", exit_code=ExitCode.VERIFICATION_FAILED) from None
