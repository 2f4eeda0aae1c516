"""What the verifier says of a package: a verdict, and one line a step."""

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
    steps: tuple[Step, ...]

    @property
    def exit_code(self) -> ExitCode:
        """0 only where the signers were checked too."""
        return ExitCode.DONE if self.verdict == "VERIFIED" else ExitCode.VERIFICATION_FAILED

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)
