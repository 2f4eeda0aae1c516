"""What a check of a package against something outside it answers: lines of (name, ok, sentence)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from countermark.errors import Error, ExitCode


@dataclass(frozen=True)
class Line:
    """One thing that was checked."""

    name: str
    ok: bool
    sentence: str


@dataclass
class Answer:
    """What came out, in the order in which it was checked."""

    lines: list[Line] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    """What differs, one sentence each; the first of them where there are many."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Of a computation: this machine's, and the recorded one beside it."""
    margins: list[dict[str, Any]] = field(default_factory=list)
    """How far each decision lies from its threshold."""

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return all(line.ok for line in self.lines)

    @property
    def exit_code(self) -> ExitCode:
        """20 where something differs."""
        return ExitCode.DONE if self.ok else ExitCode.VERIFICATION_FAILED

    def say(self, name: str, ok: bool, sentence: str) -> None:
        """Add a line."""
        self.lines.append(Line(name, ok, sentence))

    def run(self, name: str, check: Callable[[], str]) -> bool:
        """Add what a check says; one that fails (exit code 20) is a line that is not ok."""
        try:
            sentence = check()
        except Error as error:
            if error.exit_code != ExitCode.VERIFICATION_FAILED:
                raise
            self.say(name, False, error.message)
            return False
        self.say(name, True, sentence)
        return True

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"ok": self.ok, **asdict(self)}
