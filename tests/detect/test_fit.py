"""Who is listed in the end."""

import numpy as np
from synthetic_accounts import from_counts

from countermark.detect.fit import refine

GROUP, OTHERS = 20, 2_000


def test_with_one_family_nobody_is_listed_who_was_not_confirmed():
    """Most accounts act once: to two normal classes, whoever does not is like the group."""
    generator = np.random.default_rng(0)
    requests = np.where(generator.random(GROUP + OTHERS) < 0.99, 1, 9)
    requests[:GROUP] = generator.integers(9, 40, GROUP)
    rows = {(account, value): int(generator.integers(1, 9)) for account in range(GROUP) for value in range(3)}
    rows |= {(account, 3 + account % 700): 1 for account in range(GROUP, GROUP + OTHERS)}
    incidence = from_counts(GROUP + OTHERS, rows, ["object"] * 703)
    members = np.arange(GROUP)
    assert refine(members, [incidence], requests, requests.astype(float)).tolist() == members.tolist()
