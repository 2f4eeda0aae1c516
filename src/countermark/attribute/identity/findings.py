"""The three tests of an identity, as records."""

import math
from dataclasses import dataclass
from typing import Any

from countermark.records.attributions import Test
from countermark.stats.mmd import WithinPrompt
from countermark.stats.uniformity import Uniformity

NULL = "for every prompt both sets of answers are independent draws from one distribution"
RANK_NULL = NULL + ", so that the suspect's answer has a uniform rank among the reference's"
ALTERNATIVES = [
    "other sampling settings than the transcripts say",
    "a changed system prompt",
    "another tokenizer or chat template",
    "quantised weights, or other numerics",
    "batching and other non-determinism of the server",
    "a cache, so that answers are not independent",
    "load balancing between several models",
    "answers truncated, filtered or changed on their way",
    "a newer version of the same model",
]
CALIBRATED_TO = 1e-3
"""Smallest level at which each of the three held (test_identity_calibration.py, 20,000 runs)."""
CALIBRATION = "docs/attribution-benchmarks.md"
LN10 = math.log(10)


@dataclass(frozen=True)
class Subject:
    """What all three tests share."""

    reference: str
    """Its digest, shortened."""
    decides: str
    """`mmd`, `rank` or `e-process`."""


def mmd_test(subject: Subject, outcome: WithinPrompt, prompts: int, details: dict[str, Any]) -> Test:
    """The permutation test."""
    if outcome.exact:
        law = "all assignments of labels within prompts"
    else:
        law = f"permutation within prompts, (1 + reached) / (1 + {outcome.null.size:,})"
    return _test(
        subject,
        "mmd",
        name="within-prompt MMD",
        null=NULL,
        statistic=outcome.statistic,
        n=prompts,
        log_p=math.log(outcome.p_value),
        law=f"{law}; valid at every level, floor {outcome.floor:.2g}",
        exact=outcome.exact,
        details={**details, "floor": outcome.floor},
    )


def rank_test(subject: Subject, outcome: Uniformity, prompts: int, details: dict[str, Any]) -> Test:
    """The test of uniformity."""
    law = f"Cramér–von Mises, (1 + reached) / (1 + {outcome.null.size:,} draws under the null)"
    return _test(
        subject,
        "rank",
        name="rank uniformity",
        null=RANK_NULL,
        statistic=outcome.statistic,
        n=prompts,
        log_p=math.log(outcome.p_value),
        law=f"{law}; valid at every level, floor {outcome.floor:.2g}",
        exact=False,
        details={**details, "floor": outcome.floor},
    )


def betting_test(
    subject: Subject, log_p: float, capital: float, prompts: int, details: dict[str, Any]
) -> Test:
    """The e-process; `capital` is the natural log of what the bettor had at most."""
    return _test(
        subject,
        "e-process",
        name="e-process on ranks",
        null=RANK_NULL,
        statistic=capital / LN10,
        n=prompts,
        log_p=log_p,
        law="p = 1 / largest capital (the statistic is its log10), by Ville's inequality valid at any stop",
        exact=False,
        details=details,
    )


def _test(subject: Subject, kind: str, *, log_p: float, **fields: Any) -> Test:
    return Test(
        subject=subject.reference,
        p_value=math.exp(log_p),
        log10_p_value=log_p / LN10 + 0.0,
        calibrated_to=CALIBRATED_TO,
        calibration=CALIBRATION,
        decides=subject.decides == kind,
        alternatives=ALTERNATIVES,
        **fields,
    )
