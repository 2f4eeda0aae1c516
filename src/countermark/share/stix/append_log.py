"""A file of JSON lines that only grows, and survives a kill at any moment.

Lines are written in batches: one write, one fsync. What a killed process or a machine without power left of
a batch is moved aside on opening (`NAME.torn-OFFSET`), never read and never thrown away; the caller was not
told that it had been written, and asks for it again.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.records.files import sync_folder, write_atomic
from countermark.trust.keyfiles import locked

_BEGIN = re.compile(rb'\{"batch":(\d{1,18}),')


class AppendLog:
    """One such file. A process that writes holds its lock from `claim` to `close`: one writer at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._batch = 0
        self._size = 0
        self._descriptor = -1
        self._held = ExitStack()

    def claim(self) -> None:
        """Wait for the lock, move a torn end aside, and be ready to read and to append."""
        self._held.enter_context(locked(self.path))
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            sync_folder(self.path.parent)
            self._mend()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the lock back; nothing is unwritten."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._held.close()

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """(offset, line without its newline) of all that is written."""
        with self.path.open("rb") as stream:
            offset = 0
            for line in stream:
                if offset >= self._size:
                    return
                yield offset, line[:-1]
                offset += len(line)

    def line_at(self, offset: int) -> bytes:
        """The line at an offset that `lines` or `append` gave."""
        with self.path.open("rb") as stream:
            stream.seek(offset)
            return stream.readline()[:-1]

    def append(self, bodies: Sequence[bytes]) -> list[int]:
        """Write one line for each body, which is the inside of a JSON object without a newline; durable when
        it returns. Gives the offsets. Raises `Error` where the disk does not take it, and nothing counts.
        """
        if self._descriptor < 0:
            raise Error(f"{self.path} is not open for writing")
        lines = [b'{"batch":%d,%s}\n' % (self._batch + 1, body) for body in bodies]
        data = memoryview(b"".join(lines))
        try:
            done = 0
            while done < len(data):
                done += os.write(self._descriptor, data[done:])
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, self._size)
            raise Error(f"{self.path} cannot be written: {error.strerror}") from None
        offsets = []
        for line in lines:
            offsets.append(self._size)
            self._size += len(line)
        self._batch += 1
        return offsets

    def _mend(self) -> None:
        """Find the end of what is whole. Raises `Error` for damage that no interrupted write makes."""
        offset, good, bad, after = 0, 0, -1, set[int]()
        starts: dict[int, int] = {}
        with self.path.open("rb") as stream:
            for line in stream:
                batch = _batch(line)
                if batch is None:
                    bad = offset if bad < 0 else bad
                elif bad >= 0:
                    after.add(batch)
                else:
                    starts = {batch: offset} if batch not in starts else starts
                    self._batch, good = batch, offset + len(line)
                offset += len(line)
        if bad >= 0:
            if len(after) > 1:
                raise Error(f"{self.path} is damaged at byte {bad}", exit_code=ExitCode.VERIFICATION_FAILED)
            whole = min(good, *(starts[one] for one in after if one in starts)) if after else good
            self._move_aside(whole, offset)
            good = whole
        self._size = good

    def _move_aside(self, start: int, end: int) -> None:
        torn = os.pread(self._descriptor, end - start, start)
        write_atomic(self.path.with_name(f"{self.path.name}.torn-{start}"), torn, 0o600)
        os.ftruncate(self._descriptor, start)
        os.fsync(self._descriptor)


def _batch(line: bytes) -> int | None:
    """Number of the batch of a line that is whole; pages that were never written are full of null bytes."""
    found = _BEGIN.match(line)
    return int(found[1]) if found and line.endswith(b"}\n") and b"\0" not in line else None
