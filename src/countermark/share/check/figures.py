"""How a p-value is written down in a joint check: in hundredths of a decade, always rounded up.

A figure that is rounded up is a p-value still; and what is judged is the figure that is shown, so whoever has
an outcome can do its sums again (spec/joint-check.md, "Figures").
"""

import math
from typing import Final

STEP: Final = 0.01
"""Of log10 p."""
SLACK: Final = 1e-9
"""In log10: so far above a step a figure counts as on it, or two implementations would differ by a bit."""
LEAST: Final = -1e7
"""No log10 p is written below this: 400,000 characters cannot give less under any scheme, and JSON has no
infinity."""
COARSE_STEP: Final = 1.0
COARSE_MOST: Final = -2.0
"""Under a weak key a p-value above 10^-2 is written as 1, and others in whole decades."""


def rounded_up(log10_p: float, step: float = STEP) -> float:
    """The smallest multiple of `step` that is not under it, between `LEAST` and 0; 0 for NaN."""
    if math.isnan(log10_p):
        return 0.0
    if log10_p <= LEAST:
        return LEAST
    count = math.ceil((log10_p - SLACK) / step)
    return min(round(count * step, 2), 0.0) + 0.0


def p_of_e(log10_e: float) -> float:
    """log10 of min(1, 1/e): P(e >= 1/a) <= a under the null, by Markov."""
    return min(0.0, -log10_e) + 0.0


def shown(log10_p: float, weak: str) -> float:
    """What a detector writes: in hundredths of a decade, under a weak key coarser.

    Every answer tells whoever knows the text something of the key. What a strong key's says cannot be turned
    into the key; a weak key could be searched for with it, so it says as little as a decision needs.
    """
    if not weak:
        return rounded_up(log10_p)
    return rounded_up(log10_p, COARSE_STEP) if log10_p <= COARSE_MOST else 0.0
