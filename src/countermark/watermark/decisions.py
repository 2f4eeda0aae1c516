"""Which of many scores pass: Holm over the whole family of what was asked, and the size of the family."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from countermark.stats.multiplicity import holm
from countermark.watermark.scoring import LN10, p_value

DEFAULT_ALPHA = 0.01


@dataclass(frozen=True)
class Decision:
    """One hypothesis after correction."""

    log_adjusted: float
    """Natural log of Holm's adjusted p-value."""
    passes: bool
    family: int
    """Hypotheses in the correction: bodies x keys x profiles x epochs asked so far."""

    def to_dict(self) -> dict[str, float | bool | int | None]:
        """Fields of an output line."""
        finite = math.isfinite(self.log_adjusted)
        return {
            "adjusted_p_value": p_value(self.log_adjusted),
            "adjusted_log10_p_value": self.log_adjusted / LN10 + 0.0 if finite else None,
            "family": self.family,
            "passes": self.passes,
        }


def decide(log_p: Sequence[float], alpha: float, family: int | None = None) -> list[Decision]:
    """Holm's step-down over these p-values (natural logs); `family` counts those asked before, too."""
    size = max(len(log_p), family or 0)
    adjusted = holm(log_p, size)
    return [Decision(float(one), float(one) <= math.log(alpha), size) for one in adjusted]
