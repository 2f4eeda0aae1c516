"""The quarantine: where a record that could not be captured stands, and why; never what is in it."""

from collections import Counter
from pathlib import Path
from types import TracebackType

import msgspec

from countermark.records.capture import QUARANTINE_FILE
from countermark.records.files import replacing

MAX_LINES = 1_000_000
"""So many lines are written; what comes after is only counted."""
_REASON_CHARACTERS = 200


class Quarantine:
    """Writes `quarantine.jsonl` in a folder, after the lines of an earlier one; use as a context."""

    def __init__(self, folder: Path, earlier: Path | None = None) -> None:
        self._replacing = replacing(folder / QUARANTINE_FILE)
        self._earlier = earlier
        self._encode = msgspec.json.Encoder().encode
        self.lines = 0
        self.total = 0
        """Records quarantined by this run, written or not."""
        self.reasons: Counter[str] = Counter()

    def __enter__(self) -> "Quarantine":
        self._stream = self._replacing.__enter__().open("xb")
        if self._earlier is not None and self._earlier.exists():
            with self._earlier.open("rb") as earlier:
                for line in earlier:
                    self._stream.write(line)
                    self.lines += 1
        return self

    def add(self, file: str, line: int, offset: int, reason: str) -> None:
        """One record; `line` counts from 1, `offset` as in `source_offset`."""
        reason = reason[:_REASON_CHARACTERS]
        self.total += 1
        if reason in self.reasons or len(self.reasons) < 1_000:
            self.reasons[reason] += 1
        if self.lines < MAX_LINES:
            self.lines += 1
            entry = {"file": file, "line": line, "offset": offset, "reason": reason}
            self._stream.write(self._encode(entry) + b"\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._replacing.__exit__(kind, error, trace)
