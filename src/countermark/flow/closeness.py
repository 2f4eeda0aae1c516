"""Whether a recomputed record says what the recorded one says, to the precision that records declare.

Declared (`detect/campaigns.py`): p- and q-values to 6 significant digits, logarithms, scores and figures of
reasons to 6 decimal places. Two computations may round to neighbours, so that one unit of the last declared
place is allowed. What is not rounded when it is recorded (attributions, thresholds) is allowed 1e-9 of its
size, and 1e-5 where a model was run in single precision: other processors add its products in another order
(1.3e-7 was seen, of a model of 260,000 parameters without vector instructions). All else, integers, texts,
sets and ids, has to be equal.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from countermark.detect.campaigns import DIGITS

SIGNIFICANT = 1.001 * 10.0 ** (1 - DIGITS)
"""Relative; one unit of the last of `DIGITS` significant digits, at its largest."""
DECIMALS = 1.001 * 10.0**-DIGITS
UNROUNDED = 1e-9
OF_A_MODEL = 1e-5
_PROBABILITIES = frozenset({"p_value", "q_value", "member_p", "member_q"})
_ROUNDED = frozenset({"log10_p_value", "log10_p", "log10_q", "score", "value"})
PRECISION = (
    f"p and q within one unit of the {DIGITS}th significant digit, logarithms, scores and figures within one"
    f" of the {DIGITS}th decimal place, what is not rounded within {UNROUNDED:g} of its size, where a model"
    f" was run within {OF_A_MODEL:g}; all else equal"
)
MOST_LISTED = 100


@dataclass
class Closeness:
    """What differs between a recorded and a recomputed value."""

    differences: list[str] = field(default_factory=list)
    """Places, as JSON Pointers; the first `MOST_LISTED`."""
    count: int = 0
    compared: int = 0
    skipped: int = 0
    """Fields that were taken out of the recorded one."""
    rounded: bool = True
    """Whether floats are those that records round."""
    unrounded: float = UNROUNDED
    """How far others may lie apart, as a share of their size."""

    def compare(self, recorded: Any, computed: Any, where: str, *, redacted: bool = False) -> None:
        """Go through both; where `redacted`, a recorded null is a field that was taken out."""
        if recorded is None and redacted:
            self.skipped += computed is not None
            return
        if isinstance(recorded, dict) and isinstance(computed, dict):
            for key in sorted(recorded.keys() | computed.keys()):
                if key in recorded and key in computed:
                    self.compare(recorded[key], computed[key], f"{where}/{key}", redacted=redacted)
                else:
                    self._differs(f"{where}/{key} ({'recorded' if key in recorded else 'recomputed'} only)")
        elif isinstance(recorded, list) and isinstance(computed, list):
            if len(recorded) != len(computed):
                self._differs(f"{where} ({len(recorded):,} recorded, {len(computed):,} recomputed)")
            for number, (one, other) in enumerate(zip(recorded, computed, strict=False)):
                self.compare(one, other, f"{where}/{number}", redacted=redacted)
        else:
            self.compared += 1
            name = where.rpartition("/")[2]
            if not same(recorded, computed, name, rounded=self.rounded, unrounded=self.unrounded):
                self._differs(f"{where} ({_shown(recorded)} recorded, {_shown(computed)} recomputed)")

    def _differs(self, where: str) -> None:
        self.count += 1
        if len(self.differences) < MOST_LISTED:
            self.differences.append(where)


def same(
    recorded: Any, computed: Any, name: str, *, rounded: bool = True, unrounded: float = UNROUNDED
) -> bool:
    """Whether two plain values are equal to the declared precision of a field of this name."""
    numbers = (int, float)
    floats = isinstance(recorded, float) or isinstance(computed, float)
    if not (floats and isinstance(recorded, numbers) and isinstance(computed, numbers)):
        return type(recorded) is type(computed) and bool(recorded == computed)
    if isinstance(recorded, bool) or isinstance(computed, bool):
        return False
    if rounded and name in _PROBABILITIES:
        return math.isclose(recorded, computed, rel_tol=SIGNIFICANT)
    if rounded and name in _ROUNDED:
        return math.isclose(recorded, computed, rel_tol=0.0, abs_tol=DECIMALS)
    return math.isclose(recorded, computed, rel_tol=unrounded)


def _shown(value: Any) -> str:
    """A value for a sentence; texts, which may name accounts, are not shown."""
    return f"{value:.12g}" if isinstance(value, int | float) else "another value"
