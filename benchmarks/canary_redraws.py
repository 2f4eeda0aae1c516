"""False positives of canary hits: one suspect of fixed choices against 10 million redraws of the options.

The suspect always takes the first option, which is as good as any: what it takes does not enter the law. 48
canaries of the mix of K that the built-in list has.

    python benchmarks/canary_redraws.py [REDRAWS]
"""

import math
import sys

import numpy as np
from scipy.stats import beta

from countermark.attribute.canary import law

SIZES = [2, 2, 3, 4, 4, 6, 6, 8] * 6
SEED = 20261130


def main(redraws: int = 10_000_000) -> None:
    """Print a row a level; exit 1 where one is exceeded with one-sided 99% confidence."""
    generator = np.random.default_rng(SEED)
    hits = np.zeros(redraws, np.int16)
    for size in SIZES:
        hits += generator.integers(0, size, redraws, dtype=np.uint8) == 0
    log_p = np.array([law.log_sf(count, SIZES) for count in range(len(SIZES) + 1)])
    print("| nominal | attained by the law | redraws that pass | rate | lower 99% | held |")
    print("| --- | --- | --- | --- | --- | --- |")
    exceeded = False
    for alpha in (1e-2, 1e-4, 1e-6):
        passing = log_p <= math.log(alpha)
        count = int(passing[hits].sum())
        lower = float(beta.ppf(0.01, count, redraws - count + 1)) if count else 0.0
        exceeded |= lower > alpha
        attained = math.exp(log_p[passing].max())
        held = "no" if lower > alpha else "yes"
        print(f"| {alpha:.0e} | {attained:.3e} | {count:,} | {count / redraws:.3e} | {lower:.3e} | {held} |")
    sys.exit(int(exceeded))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
