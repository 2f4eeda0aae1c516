"""Campaign p-values where what is asked changes by the day: who was there at the same time is no campaign."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from synthetic_accounts import one_stratum, super_uniform
from synthetic_events import START, events_table, opened

from countermark.detect.confirm import Confirmer
from countermark.detect.incidence import prepare, read_incidence
from countermark.detect.strata import read_strata

ACCOUNTS, CANDIDATES, MEMBERS = 600, 50, 20
DAILY_VALUES = 40
DAYS = 10
"""Twice the fewest bins: where accounts live for a day or two, the bins have to follow."""


@pytest.fixture(scope="module")
def short_lived():
    """First day of each account, its requests, incidence and strata.

    Accounts live one or two days; given the day, every request draws one of that day's values on its own.
    """
    random = np.random.default_rng(0)
    first = np.arange(ACCOUNTS) % DAYS
    popularity = 1.0 / np.arange(1, DAILY_VALUES + 1)
    rows = []
    for account, day in enumerate(first.tolist()):
        days = day + random.integers(0, 2) * (np.arange(random.integers(4, 30)) % 2)
        values = random.choice(DAILY_VALUES, days.size, p=popularity / popularity.sum())
        rows += [
            {"account_id": f"a{account:03d}", "ts": START + timedelta(days=d), "object_hash": 1_000 * d + v}
            for d, v in zip(days.tolist(), values.tolist(), strict=True)
        ]
    requests = np.unique([row["account_id"] for row in rows], return_counts=True)[1]
    no_families = pa.table({"prompt_hash": pa.array([], pa.int64()), "family": pa.array([], pa.int64())})
    with opened(events_table(rows)) as database:
        prepare(database, no_families)
        incidence = read_incidence(database, ACCOUNTS).of(("content",), with_bins=False)
        return first, requests, incidence, read_strata(database, requests)


def p_of_accounts_of_one_day(short_lived, strata):
    first, requests, incidence, _ = short_lived
    confirmer = Confirmer(incidence, strata, requests)
    p = []
    for number in range(CANDIDATES):
        generator = np.random.default_rng([30, number])
        there = np.flatnonzero(first == number % DAYS)
        members = np.sort(generator.choice(there, MEMBERS, replace=False))
        p.append(np.exp(confirmer.confirm(members, generator).log_p))
    return np.array(p)


def test_accounts_of_one_day_are_no_campaign(short_lived):
    p = p_of_accounts_of_one_day(short_lived, short_lived[3])
    assert p.min() >= 1e-3
    assert super_uniform(p)


def test_without_the_day_in_the_strata_accounts_of_one_day_look_guilty(short_lived):
    """The check above can fail: they share what was asked that day."""
    assert (p_of_accounts_of_one_day(short_lived, one_stratum(ACCOUNTS)) < 1e-3).mean() > 0.9
