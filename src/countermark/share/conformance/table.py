"""What a check is, and the table of them all."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from countermark.share.conformance.http import Answer

if TYPE_CHECKING:
    from countermark.share.conformance.target import Target

Level = Literal["must", "inferred", "should", "open"]
"""`must`: a sentence says so. `inferred`: several sentences together do. `should`: SHOULD. `open`: the text
leaves it open; the answer is reported, and fails nobody."""
Outcome = Literal["pass", "fail", "warn", "not-applicable", "undetermined"]
MUST: Level = "must"
INFERRED: Level = "inferred"
SHOULD: Level = "should"
OPEN: Level = "open"
_MOST_EVIDENCE = 6
MOST_PROBLEMS = 4
"""How many are told."""


class NotApplicable(Exception):
    """The check cannot apply here; the text says why."""


class Undetermined(Exception):
    """The check could not be carried out; the text says why."""


@dataclass
class Probe:
    """One check under way: what it asked, and what it found wrong."""

    target: "Target"
    asked: list[Answer] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    evidence: list[Answer] = field(default_factory=list)
    """The answers that are wrong."""

    def ask(self, method: str, path: str, **options: Any) -> Answer:
        """One request; see `Http.ask`."""
        return self.see(self.target.http.ask(method, path, **options))

    def see(self, answer: Answer) -> Answer:
        """An answer that was got before."""
        self.asked.append(answer)
        return answer

    def require(self, holds: object, problem: str, *answers: Answer) -> bool:
        """Note what does not hold, with the answers that show it."""
        if not holds:
            if problem not in self.wrong:
                self.wrong.append(problem[:300])
            self.evidence.extend(one for one in answers if one not in self.evidence)
        return bool(holds)

    def status(self, answer: Answer, *allowed: int) -> bool:
        """Require a status."""
        wanted = " or ".join(map(str, allowed))
        problem = f"{answer.status} and not {wanted} for {answer.method} {self._short(answer)}"
        return self.require(answer.status in allowed, problem, answer)

    def ok(self, answer: Answer, *allowed: int) -> Answer:
        """An answer without which nothing can be said; raises `Undetermined`."""
        if answer.status not in (allowed or (200,)):
            self.evidence.append(answer)
            raise Undetermined(f"{answer.method} {self._short(answer)} was answered {answer.status}")
        return answer

    def _short(self, answer: Answer) -> str:
        """A path for people: from the collection on, ids cut."""
        path = unquote(answer.shown(answer.path), errors="replace").replace(self.target.prefix, "")
        return re.sub(r"--([0-9a-f]{4})[0-9a-f-]{32}", r"--\1…", path)[:90]

    def shown(self) -> list[dict[str, Any]]:
        """Evidence: what is wrong first, then what was asked last, a few."""
        rest = [one for one in self.asked if one not in self.evidence]
        most = max(_MOST_EVIDENCE - len(self.evidence), 0)
        picked = self.evidence[:_MOST_EVIDENCE] + (rest[-most:] if most else [])
        return [one.evidence() for one in picked]


Function = Callable[[Probe], None]


@dataclass(frozen=True)
class Check:
    """One check."""

    id: str
    section: str
    level: Level
    sentence: str
    """What the standard says, quoted or in short."""
    rows: tuple[int, ...]
    """Numbers in docs/taxii-2.1-sentences.md."""
    function: Function
    writes: bool
    """Whether it needs to add objects."""


@dataclass(frozen=True)
class Result:
    """What came of one check."""

    check: Check
    outcome: Outcome
    reason: str
    exchanges: list[dict[str, Any]]


CHECKS: dict[str, Check] = {}
"""All checks by id, in the order of the standard."""


def check(
    check_id: str, level: Level, sentence: str, *rows: int, writes: bool = False
) -> Callable[[Function], Function]:
    """Register a check; its id begins with its section (`3.2-first-present`)."""

    def register(function: Function) -> Function:
        section = check_id.partition("-")[0]
        if check_id in CHECKS:
            raise ValueError(f"two checks are called {check_id}")
        function.__doc__ = sentence
        CHECKS[check_id] = Check(check_id, section, level, sentence, rows, function, writes)
        return function

    return register
