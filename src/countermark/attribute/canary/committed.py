"""What the log of a case says of a set of canaries: committed to, and when.

Whoever may draw after the answers are known can try secrets until one gives hits. So in a case the commitment
stands in the log, and what the suspect answered is younger.
"""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from countermark.attribute.canary.draw import KIND, Canaries
from countermark.attribute.canary.taken import Taken
from countermark.trust.log import CONFIG, Log


@dataclass(frozen=True)
class Committed:
    """The entry, if there is one, and the day on which a suspect's weights were got, if it was given."""

    index: int | None = None
    time: datetime | None = None
    acquired: date | None = None

    @property
    def words(self) -> str:
        """For the record."""
        if self.time is None:
            return "not in the log of the case"
        return f"entry {self.index} of the log, {self.time:%Y-%m-%dT%H:%M:%SZ}"

    def of_acquisition(self) -> dict[str, str]:
        """For the record, where the day was given."""
        return {"acquired": self.acquired.isoformat()} if self.acquired else {}

    def problems(self, found: Taken) -> list[str]:
        """Why what was found may be older than the draw; weights carry no time, so their day is asked for."""
        if self.time is None:
            return ["the log of the case has no commitment of these canaries"]
        if found.setting == "logits":
            if self.acquired is None or self.acquired <= self.time.date():
                return [
                    "it is not said that the weights were got after the day of the commitment (--acquired)"
                ]
            return []
        problems = []
        if found.undated:
            problems.append(f"{found.undated:,} answers do not say when they were asked")
        if found.first_sent is not None and found.first_sent < self.time:
            problems.append("answers were asked before the canaries were committed to")
        return problems


def committed_in(folder: Path, canaries: Canaries, acquired: date | None = None) -> Committed:
    """The first commitment under the canaries' secret in a log, unless it is of another draw."""
    if (folder / CONFIG).exists():
        for entry in Log.open(folder).entries(KIND):
            if entry.payload.get("key_id") == canaries.key_id:
                if entry.payload.get("commitment") == canaries.commitment:
                    return Committed(entry.index, entry.time, acquired)
                break
    return Committed(acquired=acquired)
