"""The rhythm family: when and how much, for sources that log no prompts.

A group whose accounts are alike in volume, hours and lengths of requests and answers, more than random
accounts of their stratum are. It confirms; it does not discover, and it says nothing about content.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from countermark.detect.confirm import Confirmation, Strata
from countermark.detect.incidence import Incidence
from countermark.detect.members import Membership, near_accounts, rank
from countermark.detect.profile import scores
from countermark.stats.permutation import StratifiedDraws, besag_clifford
from countermark.store.database import Database

RHYTHM_SQL = """
SELECT account.account AS account,
       count(*) * 1.0 / count(DISTINCT epoch_us(ts) // 86400000000) AS per_day,
       avg(cos(2 * pi() * (epoch_us(ts) // 1000000 % 86400) / 86400.0)) AS hour_cos,
       avg(sin(2 * pi() * (epoch_us(ts) // 1000000 % 86400) / 86400.0)) AS hour_sin,
       coalesce(avg(ln(1.0 + input_tokens)), 0) AS input_length,
       coalesce(avg(ln(1.0 + output_tokens)), 0) AS output_length
FROM events JOIN account ON events.account_id = account.account_id
GROUP BY account.account ORDER BY account
"""


def read_rhythm(database: Database) -> NDArray[np.float64]:
    """Shape (accounts, 5): normal scores of each measure, rounded so that summation order cannot matter."""
    table = database.query(RHYTHM_SQL)
    measures = [table.column(i).to_numpy().round(9) for i in range(1, table.num_columns)]
    return np.stack([(rankdata(m) - 0.5) / max(m.size, 1) for m in measures], axis=1)


MOST_DRAWS = 400_000
ROUNDING = 1e-12
"""A draw this close below the observed set is a tie: one set in two orders may differ in the last digit."""


class RhythmConfirmer:
    """Tests candidates by how alike their accounts' rhythms are: permutation within strata."""

    def __init__(self, measures: NDArray[np.float64], strata: Strata) -> None:
        self.measures, self.strata = measures, strata

    def confirm(
        self, members: NDArray[np.int64], generator: np.random.Generator, *, threshold: float
    ) -> Confirmation:
        """Sequential permutation of minus the within-group variance of the measures' ranks.

        `threshold` is the smallest p that the multiplicity correction may ask for; the draws are sized to
        it.
        """
        draws = StratifiedDraws(self.strata.label, members)
        p = besag_clifford(
            float(self._alike(members[None, :])[0]) - ROUNDING,
            lambda rng, n: self._alike(draws.draw(rng, n)),
            generator,
            threshold=threshold,
            most=MOST_DRAWS,
            batch=int(np.clip(60_000 // members.size, 50, 5_000)),
        )
        return Confirmation(
            math.log(p.p_value),
            self.measures.shape[1],
            [],
            permutation_p=p.p_value,
            log_floor=math.log(p.floor),
        )

    def judge(
        self,
        candidate: NDArray[np.int64],
        discovery: Incidence,
        requests: NDArray[np.int64],
        also: NDArray[np.int64] | None = None,
    ) -> Membership | None:
        """Rank each account's distance to the middle of the candidate's other accounts."""
        inside = np.zeros(discovery.accounts, bool)
        inside[candidate] = True
        near = near_accounts(inside, scores(discovery, inside, requests))
        if near is None:
            return None
        total = self.measures[inside].sum(axis=0)
        own = np.where(inside[:, None], self.measures, 0.0)
        middle = (total - own) / (candidate.size - inside[:, None])
        score = -np.sqrt(((self.measures - middle) ** 2).sum(axis=1))
        return rank(score, near, also, np.ones(near.size, np.int64), self.strata.label)

    def _alike(self, groups: NDArray[np.int64]) -> NDArray[np.float64]:
        alike: NDArray[np.float64] = -self.measures[groups].var(axis=1).sum(axis=1)
        return alike
