"""Our marked outputs are at hand (Sander et al. 2024, section 4, the supervised setting): only contexts that
occur in them are asked about, since a student can have learnt nothing of the others.

**Why by context and never by pair.** The known outputs were drawn with the key, so the pairs in them have
high values whoever is the suspect. Their contexts depend on the key too, but only through the order of
visits.

**The bound.** Let c_1, c_2, … be the contexts in order of their first visit while the known outputs were
made, T_c the suspect's pairs with context c, w their weights; all but the visits is independent of the key
under the null. Whether and when c is visited is decided by values of contexts visited before, so at its
first visit the values of c are fresh, and each score s is at most Exp(1). So for a fixed t in (0, 1/max w),
with K(x) = -ln(1 - x), the product over visited contexts of exp(t Σ w s - Σ K(t w)) is a supermartingale
that begins at 1, and its end has expectation at most 1 although the set of contexts was chosen as it went.
By Markov's inequality p = exp(-t S + Σ K(t w)) is a p-value for each t; the smallest over a grid of `GRID`
values that was fixed beforehand, times `GRID`, is one by the union bound. Chernoff's optimal t would depend
on the set, and is not allowed; nor would a grid in units of the largest weight *of the set*, so it is in
units of the largest of the whole body.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from countermark.attribute.answers import read_answers
from countermark.attribute.keyed import Judged, Key, chosen_marks
from countermark.attribute.keyed_tests import keyed_test
from countermark.attribute.pairs import among
from countermark.attribute.radioactivity.body import Body
from countermark.errors import Error, ExitCode
from countermark.records.attributions import Test
from countermark.watermark.profile import Profile
from countermark.watermark.schemes.base import Evidence, FloatArray, UIntArray
from countermark.watermark.windows import PairScorer, fingerprints

GRID = 64
SCHEMES = ("gumbel-siphash", "vllm-gumbel")
"""Whose scores are at most Exp(1), fresh for each context."""
_LEAST, _MOST = 1e-3, 0.99
"""Ends of the grid, in units of 1 / the body's largest weight."""


@dataclass(frozen=True)
class KnownContexts:
    """Contexts of the known outputs at which a token was drawn."""

    names: UIntArray
    """Fingerprints, ascending."""
    documents: int

    @staticmethod
    def read(path: Path, key: Key, tokenizer: Path | None) -> "KnownContexts":
        """Of a file of transcripts or texts; `Error` where it holds none."""
        rows = read_answers(path, key.profile, tokenizer).rows
        parts = [
            fingerprints(row.answer[:-1], key.length - 1) for row in rows if len(row.answer) >= key.length
        ]
        if not parts:
            raise Error(f"{path} holds no known output", exit_code=ExitCode.NO_INPUT)
        return KnownContexts(np.unique(np.concatenate(parts)), len(parts))


def check_scheme(profile: Profile) -> None:
    """Raise where the argument does not hold for the scheme."""
    if profile.scheme not in SCHEMES:
        raise Error(
            f"known outputs are not supported for scheme {profile.scheme}",
            hint=f"leave --known off; it is for {', '.join(SCHEMES)}",
            exit_code=ExitCode.USAGE,
        )


def grid_bound(statistic: float, weights: FloatArray, largest: float) -> float:
    """Natural log of GRID · min over the grid of exp(-t S + Σ K(t w)), at most 0.

    `weights` of the pairs in the sum, all > 0, shape (n,); `largest` is no less than any of them, and the
    same whichever contexts were visited.
    """
    if not len(weights):
        return 0.0
    kinds, counts = np.unique(weights / largest, return_counts=True)
    t = np.geomspace(_LEAST, _MOST, GRID)
    logs = -t * statistic / largest - np.log1p(-np.outer(t, kinds)) @ counts
    return min(float(logs.min()) + float(np.log(GRID)), 0.0)


def known_test(
    key: Key,
    body: Body,
    weights: FloatArray | None,
    known: KnownContexts,
    unknown: list[str],
    calibrated: float,
) -> Test:
    """The deciding test where known outputs are given; `calibrated` as `keyed_tests.calibrated_to` says."""
    inside = np.repeat(among(body.pairs.contexts, known.names), np.diff(body.pairs.limits))
    # of lacks nothing is said: where the suspect was shown known outputs, they would not be fresh
    all_weights = np.ones(len(body.pairs)) if weights is None else np.maximum(weights, 0.0)
    marks = chosen_marks(key.detector, body.pairs.windows[inside], all_weights[inside])
    scorer, used = key.detector.scorer, np.zeros(0) if marks.weights is None else marks.weights
    statistic = float(used @ scorer.scores(marks)) if isinstance(scorer, PairScorer) else 0.0
    law = f"supermartingale over contexts, union bound over {GRID} fixed exponents"
    log_p = grid_bound(statistic, used, float(all_weights.max(initial=0.0)))
    evidence = Evidence(len(marks), statistic, log_p, law, exact=False)
    details = {"known_contexts": len(known.names), "known_documents": known.documents, "pairs": len(marks)}
    null = (
        f"the suspect's answers are independent of key {key.name}, given the prompts that it was shown; "
        "our known outputs were drawn with the key from prompts independent of it"
    )
    return keyed_test(
        key,
        "radioactivity, contexts of known outputs",
        null,
        Judged(evidence, None),
        decides=True,
        details=details,
        extra=unknown,
        calibrated=calibrated,
    )
