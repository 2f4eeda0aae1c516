"""What the tests of a key have in common in a record: null, law, other explanations, sizes of a body."""

import math
from typing import Any

import numpy as np

from countermark.attribute.keyed import DISAGREE, Judged, Key
from countermark.attribute.pairs import Pairs
from countermark.records.attributions import Test
from countermark.watermark.scoring import LN10, SMALLEST

FEW_REDRAWS_TO = 1e-2
"""Level of a test of which there are hundreds of redraws, in the project's tests, and no more."""
A_MILLION_TO, TEN_MILLION_TO = 1e-5, 1e-6
"""Of so many redraws, of which 10 are to be expected to pass at this level."""
_CLOSED_AND_OPEN = dict.fromkeys(("plain", "weighted", "logits"), TEN_MILLION_TO)
_JOINT, _KNOWN = {"joint": TEN_MILLION_TO}, {"known": TEN_MILLION_TO}
LEVELS: dict[tuple[str, str], dict[str, float]] = {
    ("gumbel-siphash", ""): _CLOSED_AND_OPEN | _JOINT | _KNOWN,
    ("vllm-gumbel", ""): _CLOSED_AND_OPEN | _KNOWN,
    ("vllm-dual-key-gumbel", ""): _CLOSED_AND_OPEN,
    ("sglang-gumbel", ""): _CLOSED_AND_OPEN | _JOINT,
    ("sglang-gumbel", "two keys"): _CLOSED_AND_OPEN,
    ("transformers-green-list", "lefthash"): _CLOSED_AND_OPEN,
    ("transformers-green-list", "selfhash"): _CLOSED_AND_OPEN | {"plain": A_MILLION_TO},
    ("transformers-synthid", ""): _CLOSED_AND_OPEN,
    ("synthid-text", "synthid-table"): _CLOSED_AND_OPEN,
    ("synthid-text", "synthid-iterated"): _CLOSED_AND_OPEN,
}
"""Levels down to which tests were seen to hold, by scheme and variant. `plain`; `weighted` and `logits`:
weights in the closed and in the open setting; `joint`: several keys of one scheme; `known`: known outputs.
What is not here was not redrawn, though it may be the same bound."""
CALIBRATION = "docs/attribution-benchmarks.md"
LEAST_PAIRS = 100
"""With fewer nothing is concluded."""
MOST_IN_PROMPTS = 0.5
"""Share of answer windows that stand in prompts, above which the prompts leak the answers."""
SELFHASH_PROMPTS = (
    "a selfhash list hangs on single ids of its window, so that what prompts showed of it cannot be left out"
)
EXPLANATIONS = [
    "prompts that held our outputs with small changes, which the model undid",
    "a public data set that holds outputs of ours",
    "a third model in between, made from our outputs, whose outputs were used",
    "forgery: somebody who holds the key, or learnt the marks, made the text so",
]
PROMPTS_UNKNOWN = "prompts that are not in the transcripts may have held our outputs"


def calibrated_to(key: Key, test: str) -> float:
    """Level down to which a test of `LEVELS` was seen to hold under this key's scheme."""
    parameters = key.profile.parameters
    variant = str(parameters.get("seeding", "")) or ("two keys" if parameters.get("dual_key") is True else "")
    if key.profile.scheme == "synthid-text":
        variant = key.profile.prf
    return LEVELS.get((key.profile.scheme, variant), {}).get(test, FEW_REDRAWS_TO)


def keyed_test(
    key: Key,
    name: str,
    null: str,
    judged: Judged,
    *,
    decides: bool,
    details: dict[str, Any],
    extra: list[str],
    calibrated: float,
) -> Test:
    """The test of one key; its p-value is the one that counts."""
    evidence, rank = judged.evidence, judged.rank
    law = evidence.law
    if judged.rank_counts:
        law = (
            f"rank among {rank.decoys} decoy keys, which says more than ten times {evidence.law}"
            if rank
            else law
        )
    facts = dict(details)
    lawful = evidence.exact and not judged.rank_counts
    if rank is not None:
        facts |= {
            "decoys": rank.decoys,
            "decoys_at_least_as_high": rank.above,
            "rank_p_value": rank.p_value,
            "rank_floor": rank.floor,
            "law_log10_p_value": _log10(evidence.log_p),
        }
    if evidence.log_saddlepoint is not None:
        facts["saddlepoint_log10_p"] = _log10(evidence.log_saddlepoint)
    if key.detector.weak:
        facts["weak"] = key.detector.weak
    return Test(
        name=name,
        subject=key.name,
        null=null,
        statistic=evidence.statistic,
        n=evidence.scored,
        p_value=max(math.exp(min(judged.log_p, 0.0)), SMALLEST),
        log10_p_value=_log10(judged.log_p),
        law=law,
        exact=lawful and not any(details.get(one) for one in ("contexts_in_prompts", "prompts_unknown")),
        calibrated_to=rank.floor if judged.rank_counts and rank else calibrated,
        calibration=CALIBRATION,
        decides=decides,
        alternatives=[*EXPLANATIONS, *extra],
        details=facts,
    )


def rank_test(key: Key, name: str, judged: Judged) -> list[Test]:
    """The rank by itself, for information; none without decoys."""
    rank = judged.rank
    if rank is None:
        return []
    return [
        Test(
            name=name,
            subject=key.name,
            null="the key is one of the decoys, drawn as they were and not known to who made the text",
            statistic=float(rank.above),
            n=rank.decoys,
            p_value=rank.p_value,
            log10_p_value=math.log10(rank.p_value),
            law=f"rank among {rank.decoys} decoy keys; no smaller p-value than {rank.floor:.2g} is possible",
            exact=True,
            calibrated_to=rank.floor,
            calibration=CALIBRATION,
            decides=False,
            alternatives=EXPLANATIONS,
            details={"law_agrees": abs(judged.evidence.log_p - math.log(rank.p_value)) <= DISAGREE},
        )
    ]


def doubts_about(pairs: Pairs, key: Key, *, prompted: bool) -> list[str]:
    """Why nothing can be concluded from a body; `prompted` where a prompt stands with it."""
    if prompted and key.profile.parameters.get("seeding") == "selfhash":
        return [SELFHASH_PROMPTS]
    if pairs.in_prompts > MOST_IN_PROMPTS * pairs.tokens:
        share = pairs.in_prompts / pairs.tokens
        return [
            f"the prompts leak the answers: {share:.0%} of the answers' windows stand in prompts or beside"
        ]
    standing = int(pairs.standing.sum())
    if standing < LEAST_PAIRS:
        return [f"{standing} distinct windows are fewer than {LEAST_PAIRS}"]
    return []


def sizes_of(pairs: Pairs) -> dict[str, Any]:
    """Sizes of a body, for the details of a test."""
    most = int(np.max(pairs.seen, initial=0))
    return {
        "windows": pairs.tokens,
        "in_prompts": pairs.in_prompts,
        "distinct": int(pairs.standing.sum()),
        "most_often": most,
        "contexts_in_prompts": int(np.sum(pairs.touched & pairs.standing)),
    }


def _log10(log_p: float) -> float | None:
    return log_p / LN10 + 0.0 if math.isfinite(log_p) else None
