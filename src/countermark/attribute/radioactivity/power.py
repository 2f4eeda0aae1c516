"""The smallest share of marked text that the reference-weighted test could have shown, by simulation.

**Model.** A student of a share s of marked text puts a pair of reference probability p there with the lift
1 - r + r u^((1 - p) / p) / p, r = `UPTAKE` s and u the pair's uniform: of that part of its choices the
probability is what the mark gives the token under u (Aaronson 2022), the rest is the reference's. Uniforms
are drawn anew by a fixed seed for every pair of the body, counts are Poisson around the reference's
expectations times the lift, weights and bound are the test's own. `UPTAKE` is measured: p-values of the
benchmark's students were those of r = 0.25 to 0.35 s at k = 1 and 0.11 s at k = 2; the least of these is
assumed for all.
"""

import math
from dataclasses import dataclass

import numpy as np

from countermark.attribute.keyed import Key
from countermark.attribute.power import GUMBELS, UNKNOWN
from countermark.attribute.radioactivity.body import Body
from countermark.attribute.radioactivity.weights import weights_of
from countermark.stats import chernoff
from countermark.watermark.schemes.base import FloatArray

SHARES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)
DRAWS = 3
UPTAKE = 0.1
"""Part of a mark that a student takes over."""
_SEED = 20_260_301


def weighted_share(key: Key, body: Body, prior: float, level: float, *, counted: bool) -> float | str | None:
    """The smallest of `SHARES` that passes in most draws; None where even all marked does not; `UNKNOWN` for
    a scheme without a model. `counted` says that N are counts, not masses."""
    if key.profile.scheme not in GUMBELS or body.expected is None:
        return UNKNOWN
    limits = body.pairs.limits
    visits = np.add.reduceat(np.maximum(body.seen, body.expected), limits[:-1])
    p = np.clip(body.expected / np.repeat(visits, np.diff(limits)), 1e-6, 0.99)
    simulated = _Simulated(body, body.expected, p, prior, counted)
    generator = np.random.default_rng(_SEED)
    for share in SHARES:
        passed = sum(simulated.log_p(share, generator) <= math.log(level) for _ in range(DRAWS))
        if 2 * passed > DRAWS:
            return share
    return None


@dataclass(frozen=True)
class _Simulated:
    body: Body
    expected: FloatArray
    p: FloatArray
    prior: float
    counted: bool

    def log_p(self, share: float, generator: np.random.Generator) -> float:
        """Natural log of the p-value of one simulated body."""
        u = generator.random(len(self.p))
        part = UPTAKE * share
        lift = 1 - part + part * np.exp((1 - self.p) / self.p * np.log(u) - np.log(self.p))
        mean = self.expected * lift
        seen = generator.poisson(mean).astype(np.float64) if self.counted else mean
        weights = weights_of(seen, self.expected, self.prior, self.body.lacks)
        kinds, counts = np.unique(weights, return_counts=True)
        if kinds[-1] <= 0:
            return 0.0
        return chernoff.signed_exponentials(float(weights @ -np.log1p(-u)), kinds, counts).log_bound
