"""What a world holds."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from countermark.errors import Error, ExitCode


@dataclass(frozen=True)
class WorldPlan:
    """Sizes and options of a synthetic provider."""

    days: int = 5
    """Number of days in the log. A longer plan begins with the same days."""
    ordinary: int = 2500
    """Ordinary accounts, look-alikes not counted."""
    networks: tuple[int, ...] = (120, 180)
    """Accounts of each harvesting network."""
    pool: int = 150
    """Accounts of the reseller pool; 0 for none."""
    look_alikes: bool = True
    """Benign groups that share much: a coding agent, a class, CI, an office, a viral prompt."""
    first_day: date = date(2026, 3, 1)
    file_per_day: bool = False
    """Write `litellm-2026-03-01.jsonl` and so on in place of one `litellm.jsonl`."""
    no_prompts: bool = False
    """Write messages and responses as LiteLLM redacts them (`turn_off_message_logging`)."""

    def __post_init__(self) -> None:
        if not 1 <= self.days <= 366 or not 0 <= self.pool <= 100_000 or not 0 <= self.ordinary <= 1_000_000:
            raise _unusable(
                "days are 1 to 366, the pool up to 100,000 accounts, ordinary accounts up to 1,000,000"
            )
        if any(not 10 <= size <= 100_000 for size in self.networks):
            raise _unusable("a network has 10 to 100,000 accounts")
        if (self.networks or self.pool) and self.ordinary < 100:
            raise _unusable("networks and pools hide among at least 100 ordinary accounts")

    @classmethod
    def demo(cls) -> "WorldPlan":
        """2,500 ordinary accounts, a pool, two networks, all look-alikes, five days."""
        return cls()

    @classmethod
    def tiny(cls) -> "WorldPlan":
        """For tests: the same parts, two days, some hundred accounts."""
        return cls(days=2, ordinary=500, networks=(30, 40), pool=20)

    @classmethod
    def benign(cls, ordinary: int = 2500, days: int = 5) -> "WorldPlan":
        """Ordinary accounts and look-alikes only: whatever is found here is a false alarm."""
        return cls(days=days, ordinary=ordinary, networks=(), pool=0)

    def but(self, **changes: Any) -> "WorldPlan":
        """The same plan with some fields changed."""
        # the names are checked by `replace` itself, and the values by __post_init__
        return replace(self, **changes)


def _unusable(hint: str) -> Error:
    return Error("the plan of the world cannot be built", hint=hint, exit_code=ExitCode.USAGE)
