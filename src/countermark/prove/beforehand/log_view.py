"""The public log as a package shows it: what its commitments are, and since when that is shown.

Source: spec/log.md, and spec/package.md, 'The class of a result'.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from countermark.trust.commitments import KIND as COMMITMENT
from countermark.trust.entries import Entry
from countermark.trust.openings import Head
from countermark.trust.records import PLAN
from countermark.trust.runs import OUTCOME, START

__all__ = [
    "COMMITMENTS",
    "OUTCOME",
    "PLAN",
    "PRIVILEGED",
    "START",
    "TESTIFYING",
    "LogView",
    "Opened",
    "Shown",
]
COMMITMENTS = (COMMITMENT, "canary-commitment")
"""Kinds of entries that commit to keys, and to canaries."""
TESTIFYING, PRIVILEGED = "testifying", "privileged"
LATEST_SECOND = 253_402_300_799
"""The last one of the year 9999; a later time counts as that one."""


@dataclass(frozen=True)
class Shown:
    """Since when a checkpoint is known to have been there, and who says so."""

    time: datetime
    by: str
    """In words: the witnesses, or a timestamp authority."""


@dataclass(frozen=True)
class Opened:
    """A commitment of the public log that is no padding."""

    number: int
    """Over the whole public log, padding included, from 0."""
    size: int
    """Entries that a checkpoint has to cover for this one to be under it."""
    head: Head
    entry: Entry | None
    """What it says; None where it stays closed. Its index is that in the private log."""


@dataclass(frozen=True)
class LogView:
    """What a verifier knows of a log once it is checked."""

    origin: str
    size: int
    """Entries of the public log."""
    opened: tuple[Opened, ...] = ()
    """In the order of the private log."""
    shown: Mapping[int, Shown] = field(default_factory=dict)
    """By size of the checkpoint; only where somebody outside the alliance says so."""
    allied: Mapping[int, datetime] = field(default_factory=dict)
    """By size: the latest cosignature where members of the alliance alone cosigned. It shows no time."""
    ends: datetime | None = None
    """Time of the last batch, by the clock of who wrote it; None where there is none."""
    known_size: int = 0
    """Entries of the longest checkpoint that somebody else kept; the package may end before it."""

    def entries(self, *kinds: str) -> Iterator[tuple[Opened, Entry]]:
        """Opened entries of these kinds, in order."""
        for one in self.opened:
            if one.entry is not None and one.entry.kind in kinds:
                yield one, one.entry

    def shown_at(self, one: Opened) -> Shown | None:
        """The earliest time at which it is shown to have been there; None where nobody says so."""
        covering = [shown for size, shown in self.shown.items() if size >= one.size]
        return min(covering, key=lambda shown: shown.time, default=None)

    def shown_time(self, number: int) -> datetime | None:
        """As `shown_at`, of the commitment with this number."""
        found = next((one for one in self.opened if one.number == number), None)
        shown = self.shown_at(found) if found else None
        return shown.time if shown else None

    def allied_only(self, one: Opened) -> bool:
        """Whether nobody but members of the alliance cosigned a checkpoint that covers it."""
        return self.shown_at(one) is None and any(size >= one.size for size in self.allied)


def moment(seconds: int) -> datetime:
    """Seconds since 1970 as a time (UTC)."""
    return datetime.fromtimestamp(min(seconds, LATEST_SECOND), UTC)


def in_words(time: datetime) -> str:
    """To the second, UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
