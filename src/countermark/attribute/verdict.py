"""From tests to a verdict: Holm over what decides, controls that must stay quiet, and no claim beyond what
was calibrated.

A subject (a key, a reference) passes when its adjusted p-value is at most alpha twice: as computed, and with
every p-value raised to the smallest level at which its test was seen to hold. Whatever throws doubt on the
test itself makes the verdict inconclusive, never "not shown".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from countermark.attribute.base import Attributor, Examined
from countermark.records.attributions import INCONCLUSIVE, NOT_IDENTICAL, Conclusion, Control, Test, below
from countermark.stats.multiplicity import holm

LEAST_CONTROLS = 20
"""Negative controls that a case needs."""
LN10 = math.log(10)
SMALLEST = 2.2250738585072014e-308
"""`p_value` is never given below this; its logarithm is the figure."""


@dataclass(frozen=True)
class Verdict:
    """What can be said of a suspect."""

    words: str
    reasons: list[str]
    conclusions: list[Conclusion]
    passes: bool


def conclude(
    attributor: Attributor,
    examined: Examined,
    controls: Sequence[Control],
    *,
    alpha: float,
    family: int,
    in_case: bool,
) -> Verdict:
    """The verdict on a suspect; `family` counts the hypotheses of the matter so far."""
    deciding = [test for test in examined.tests if test.decides]
    doubts = [*examined.problems, *_doubts(controls, alpha, in_case)]
    if not deciding and not doubts:
        doubts.append("no test could be run")
    computed = holm([_log_p(test) for test in deciding], family)
    claimed = holm([max(_log_p(test), math.log(test.calibrated_to)) for test in deciding], family)
    conclusions, uncalibrated = [], False
    for subject in dict.fromkeys(test.subject for test in deciding):
        mine = [at for at, test in enumerate(deciding) if test.subject == subject]
        best = min(mine, key=lambda at: (computed[at], at))
        strong = [at for at in mine if max(computed[at], claimed[at]) <= math.log(alpha)]
        uncalibrated |= bool(computed[best] <= math.log(alpha) and not strong)
        words = INCONCLUSIVE if doubts else _words(attributor, subject) if strong else attributor.negative
        conclusions.append(_conclusion(subject, words, float(computed[best]), float(claimed[best])))
    passed = [one for one in conclusions if one.verdict.startswith(attributor.positive)]
    if not passed and uncalibrated:
        doubts.append("a p-value is below the smallest level at which its test was seen to hold")
    if not passed and not doubts and not any(_could_pass(test, alpha, family) for test in deciding):
        doubts.append(f"not testable: no p-value of these tests passes among {family:,} hypotheses")
    if not passed and not doubts:
        doubts += examined.unseen
    if not passed and not doubts and _powerless(examined):
        doubts.append("at this sample size no share could have been shown")
    if doubts:
        return Verdict(INCONCLUSIVE, doubts, _all_inconclusive(conclusions), False)
    words = "; ".join(one.verdict for one in passed) or attributor.negative
    return Verdict(words, [], conclusions, bool(passed))


def _words(attributor: Attributor, subject: str) -> str:
    return attributor.positive if attributor.positive == NOT_IDENTICAL else f"{attributor.positive} {subject}"


def _doubts(controls: Sequence[Control], alpha: float, in_case: bool) -> list[str]:
    """What the negative controls say against the test itself."""
    # a remark on a control does not silence it
    tests = [(one.name, test) for one in controls for test in one.tests if test.decides]
    tested = [
        one
        for one in controls
        if not one.problem and any(_floor(test) * len(tests) <= alpha for test in one.tests if test.decides)
    ]
    doubts = []
    if in_case and len(tested) < LEAST_CONTROLS:
        doubts.append(
            f"{len(tested)} of the {LEAST_CONTROLS} negative controls that a case needs were tested, without"
            " a problem and on enough to be loud"
        )
    adjusted = holm([_log_p(test) for _, test in tests])
    loud = sorted(
        {name for (name, _), log_p in zip(tests, adjusted, strict=True) if log_p <= math.log(alpha)}
    )
    if loud:
        doubts.append(f"a negative control passes, so the test does not hold here: {', '.join(loud)}")
    return doubts


def _could_pass(test: Test, alpha: float, family: int) -> bool:
    """Whether the smallest p-value that the test can give and claim would pass after the first step of
    Holm."""
    return max(test.calibrated_to, _floor(test)) * family <= alpha


def _floor(test: Test) -> float:
    """The smallest p-value that the test can give on this sample, where it says so."""
    return float(test.details.get("floor", 0.0))


def _powerless(examined: Examined) -> bool:
    if "share" not in examined.minimum_detectable:
        return False
    share = examined.minimum_detectable["share"]
    return share is None or share > 1


def _log_p(test: Test) -> float:
    """Natural log; of an outcome that the null cannot give, minus infinity."""
    return -math.inf if test.log10_p_value is None else test.log10_p_value * LN10


def _conclusion(subject: str, words: str, computed: float, claimed: float) -> Conclusion:
    stopped = claimed > computed
    level = math.exp(min(claimed, 0.0))
    return Conclusion(
        subject=subject,
        verdict=words,
        adjusted_p_value=max(math.exp(min(computed, 0.0)), SMALLEST),
        adjusted_log10_p_value=computed / LN10 + 0.0 if math.isfinite(computed) else None,
        reported=below(level) if stopped else f"p = {level:.2g}",
    )


def _all_inconclusive(conclusions: Sequence[Conclusion]) -> list[Conclusion]:
    return [
        Conclusion(
            subject=one.subject,
            verdict=INCONCLUSIVE,
            adjusted_p_value=one.adjusted_p_value,
            adjusted_log10_p_value=one.adjusted_log10_p_value,
            reported=one.reported,
        )
        for one in conclusions
    ]
