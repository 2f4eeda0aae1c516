"""Which format a source has: the one named, or the one whose plug-in recognises its first records best."""

import contextlib
from collections.abc import Mapping
from itertools import islice

from countermark import plugins
from countermark.capture.formats.base import LogFormat
from countermark.capture.formats.overrides import Overridden
from countermark.capture.reader import Opened, Raw, read_records
from countermark.errors import Error, ExitCode
from countermark.records.capture import FormatUsed

AUTO = "auto"
THRESHOLD = 0.15
"""`table` says 0.2 for rows with a time and an account; the others are sure or not."""
_SAMPLE = 5
_TABLE = "table"


class Formats:
    """The formats of a run, each made once."""

    def __init__(self, wanted: str, mapping: Mapping[str, str], time_unit: str | None) -> None:
        """`wanted` is a plug-in's name or `auto`; raises `Error` for an unknown one."""
        self.mapping, self.time_unit = dict(mapping), time_unit
        names = plugins.names(plugins.LOG_FORMATS) if wanted == AUTO else [wanted]
        self.guessed = wanted == AUTO
        self._made: dict[str, tuple[LogFormat, FormatUsed]] = {}
        for name in names:
            try:
                self._made[name] = self._make(name)
            except Error:
                if not self.guessed:  # a mapping of a few fields rules `table` out, no more
                    raise

    def _make(self, name: str) -> tuple[LogFormat, FormatUsed]:
        plugin = plugins.load(plugins.LOG_FORMATS, name)
        made: LogFormat
        if name == _TABLE:
            made = plugin.factory(self.mapping, self.time_unit)
        else:
            made = plugin.factory()
            made = Overridden(made, self.mapping, self.time_unit) if self.mapping else made
        return made, FormatUsed(name, plugin.origin.to_dict(), made.documentation)

    def named(self) -> tuple[LogFormat, FormatUsed]:
        """The format that was asked for by its name."""
        return next(iter(self._made.values()))

    def choose(self, source: Opened) -> tuple[LogFormat, FormatUsed] | None:
        """The format for a source; None when `auto` recognises nothing in it, or it is empty."""
        if not self.guessed:
            return self.named()
        sample = [record.raw for record in islice(read_records(source), _SAMPLE) if record.raw is not None]
        scores = {name: _score(made, sample) for name, (made, _) in self._made.items()}
        best = max(sorted(scores), key=lambda name: scores[name], default="")
        return self._made[best] if best and scores[best] >= THRESHOLD else None

    def unrecognised(self, name: str) -> Error:
        """What to say of a source that no format recognises."""
        known = ", ".join(sorted(self._made))
        hint = f"name it with --format: {known}"
        return Error(f"no log format recognises {name}", hint=hint, exit_code=ExitCode.NO_INPUT)


def _score(made: LogFormat, sample: list[Raw]) -> float:
    """Mean over the records; a record that a foreign plug-in fails on counts nothing."""
    if not sample:
        return 0.0
    total = 0.0
    for raw in sample:
        # a plug-in is foreign code: whatever it raises, it does not recognise the record
        with contextlib.suppress(Exception):
            total += made.recognises(raw)
    return total / len(sample)
