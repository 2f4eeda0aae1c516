"""Rows of a member's own file of JSON lines: bounded reading, days, and what was not taken and why.

A row that is not taken is named by its line, never by what is in it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from countermark.errors import Error
from countermark.share.item_values import Unfit

MAX_FILE_BYTES = 2 << 30
MAX_LINE_BYTES = 16 << 10
MAX_QUARANTINED = 1_000
"""So many rows are listed with their line; what comes after is only counted."""
T = TypeVar("T")
NO_DAY = "first_seen and last_seen are days or RFC 3339 times"


class Quarantined(msgspec.Struct, frozen=True):
    """A row that was not taken."""

    line: int
    """From 1."""
    reason: str


class Quarantine:
    """The rows of one file that were not taken."""

    def __init__(self, most: int = MAX_QUARANTINED) -> None:
        self._most = most
        self.listed: list[Quarantined] = []
        """The first `most`."""
        self._reasons: Counter[str] = Counter()

    def add(self, line: int, reason: str) -> None:
        """Count a row, and list it while there is room."""
        self._reasons[reason] += 1
        if len(self.listed) < self._most:
            self.listed.append(Quarantined(line, reason))

    def reasons(self) -> dict[str, int]:
        """All rows by reason."""
        return dict(sorted(self._reasons.items()))


def lines(
    stream: BinaryIO,
    path: Path,
    *,
    hint: str,
    max_file_bytes: int = MAX_FILE_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers; None for one that is too long, of which the rest is passed over.

    Raises `Error` with `hint` where the file is over its bound.
    """
    number, size, continued = 0, 0, False
    while chunk := stream.readline(max_line_bytes + 1):
        size += len(chunk)
        if size > max_file_bytes:
            raise Error(f"{path} is over {max_file_bytes >> 30} GiB", hint=hint)
        if not continued:
            number += 1
            yield number, chunk if len(chunk) <= max_line_bytes else None
        continued = not chunk.endswith(b"\n")


def parsed(line: bytes | None, decode: Callable[[bytes], T], fields: str) -> T:
    """The row on a line (None: too long); raises `Unfit`, with the names of the fields it should have."""
    if line is None:
        raise Unfit(f"a line of over {MAX_LINE_BYTES >> 10} KiB")
    try:
        return decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unfit(f"no row of {fields}") from None


def day(text: str, problem: str = NO_DAY) -> date:
    """The UTC day of a day or a time; a time without a zone is refused, since it has no UTC day.

    Raises `Unfit`: with `problem` where the text is neither.
    """
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise Unfit("a time without a zone")
        return moment.astimezone(UTC).date()
    except (ValueError, OverflowError) as error:
        if isinstance(error, Unfit):
            raise
        raise Unfit(problem) from None
