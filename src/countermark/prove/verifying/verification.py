"""What the verifier says of a package: a verdict, one sentence a step, and what it found."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from countermark.errors import ExitCode

Outcome = Literal["ok", "FAILED", "NOT CHECKED", "not reached"]
Verdict = Literal["VERIFIED", "INTACT, SIGNER NOT CHECKED", "FAILED"]


@dataclass(frozen=True)
class Step:
    """One numbered step and what came of it."""

    number: int
    name: str
    outcome: Outcome
    detail: str
    """A sentence."""


@dataclass(frozen=True)
class Runs:
    """The runs of the log that the package shows, counted."""

    logged: int
    """All of them, of every matter."""
    shown: int
    """Of this matter and opened."""
    privileged: int
    """Of this matter, for counsel alone: they stay undisclosed."""
    other_matters: int


@dataclass(frozen=True)
class Plans:
    """The analysis plans of the matter, all of which are in the package."""

    shown: int
    unused: tuple[str, ...]
    """Ids of those that no result names."""


@dataclass(frozen=True)
class ResultFound:
    """One result as the package says it."""

    result: str
    heading: str
    result_class: str
    """`confirmatory` or `exploratory`."""
    reasons: tuple[str, ...]
    """What is missing for confirmatory."""


@dataclass(frozen=True)
class TakenOutFound:
    """What a redaction took out of one file on one ground."""

    name: str
    form: str
    """`file`, `fields` or `rows`."""
    count: int
    ground: str


@dataclass(frozen=True)
class Verification:
    """What the verifier says of a package."""

    package: str
    verdict: Verdict
    case_id: str | None
    """As the package says; null where it could not be read."""
    created: str | None
    """The sealer's own clock."""
    signers: tuple[str, ...]
    """Names, from the trust file, of the accepted signers; empty unless verified."""
    timestamps: tuple[str, ...]
    """Times of the timestamps that lead to an accepted root (ISO 8601, UTC); empty unless verified."""
    runs: Runs | None
    """None without a log, or where it was not checked."""
    plans: Plans | None
    """The same."""
    results: tuple[ResultFound, ...]
    """Empty where the verification failed."""
    taken_out: tuple[TakenOutFound, ...]
    """Empty then, too."""
    steps: tuple[Step, ...]

    @property
    def exit_code(self) -> ExitCode:
        """0 only where the signers were checked too."""
        return ExitCode.DONE if self.verdict == "VERIFIED" else ExitCode.VERIFICATION_FAILED

    @property
    def classes_checked(self) -> bool:
        """Whether the classes of the results were worked out again; else they are the package's own word."""
        return any(step.name == "results" and step.outcome == "ok" for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        plain = asdict(self)
        plain["results"] = [
            {"class" if key == "result_class" else key: value for key, value in one.items()}
            for one in plain["results"]
        ]
        return plain
