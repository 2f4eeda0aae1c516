"""The smallest share of marked text that a plain test of a body could have shown, by the model of
`countermark power`: its reference distribution and entropy, and the share that passes in half of all
cases."""

from countermark.attribute.keyed import Key
from countermark.attribute.pairs import Pairs
from countermark.watermark.power import (
    DEFAULT_ENTROPY,
    GREEN,
    GUMBEL,
    Question,
    green_pair,
    gumbel_pair,
    zipf,
)
from countermark.watermark.windows import GREEN_LIST

UNKNOWN = "unknown"
GUMBELS = ("gumbel-siphash", "vllm-gumbel", "sglang-gumbel")
"""Schemes with one standard exponential a pair."""
PLAIN_MODEL = (
    f"share of distinct windows whose token the mark chose, at {DEFAULT_ENTROPY} nats a token, the others "
    "under the null; passes in half of all cases"
)


def plain_share(key: Key, pairs: Pairs, level: float) -> float | str | None:
    """The share; None where none is enough, `UNKNOWN` for a scheme without a model."""
    profile, reference = key.profile, zipf(DEFAULT_ENTROPY)
    if profile.scheme in GUMBELS:
        asked = Question(GUMBEL, gumbel_pair(reference), level)
    elif profile.scheme == GREEN_LIST:
        share, delta = (float(str(profile.parameters[name])) for name in ("gamma", "delta"))
        asked = Question(GREEN, green_pair(reference, share, delta), level)
    else:
        return UNKNOWN
    return asked.least_share(len(pairs), 0.5)
