"""What `attribute radioactivity` is asked, beside keys and suspect."""

from dataclasses import dataclass
from pathlib import Path

from countermark.attribute.keyed import MOST_DECOYS
from countermark.attribute.radioactivity.suspects import TOKENS
from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import Secret

OPEN, CLOSED = "open", "closed"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Checked when made: raises `Error` for what does not go together."""

    setting: str = CLOSED
    """`open`: next-token probabilities of a folder; `closed`: text alone."""
    reference: Path | None = None
    """Folder of an unmarked model; the open setting needs one, the closed one weights by it."""
    prompts: Path | None = None
    """Prompts to put to a folder; of transcripts, prompts that do not stand in them."""
    known: Path | None = None
    """Our marked outputs that the suspect may have been made from."""
    tokenizer: Path | None = None
    decoys: int | None = None
    """None takes the scheme's usual number, 0 leaves the rank out."""
    seed: Secret | None = None
    """Of a seed file; else seeds are digests of the inputs."""
    tokens: int = TOKENS
    """Tokens to sample from a folder, and to feed it."""
    level: float = 0.01
    """Level for the smallest share that could be shown."""

    def __post_init__(self) -> None:
        problem, hint = "", ""
        if self.setting not in (OPEN, CLOSED):
            problem, hint = f"--setting {self.setting} is neither open nor closed", "closed needs text alone"
        elif self.setting == OPEN and self.reference is None:
            problem, hint = "the open setting needs --reference", "a folder of an unmarked model"
        elif self.setting == OPEN and self.known is not None:
            problem, hint = "--known is of the closed setting", "--setting closed"
        elif self.decoys is not None and not 0 <= self.decoys <= MOST_DECOYS:
            problem = f"--decoys is not between 0 and {MOST_DECOYS:,}"
        elif not 256 <= self.tokens <= 10_000_000:
            problem = "--tokens is not between 256 and 10,000,000"
        if problem:
            raise Error(problem, hint=hint, exit_code=ExitCode.USAGE)
