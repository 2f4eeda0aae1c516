"""Made-up incidences: heavy-tailed values and activity, strata, candidates with and without sharing."""

from dataclasses import dataclass

import numpy as np

from countermark.detect.confirm import Strata
from countermark.detect.families import BY_NAME
from countermark.detect.incidence import Incidence
from countermark.stats.binomial import clopper_pearson


@dataclass(frozen=True)
class Population:
    """Accounts of two languages: who is busier holds more values, who speaks a language uses its values."""

    incidence: Incidence
    requests: np.ndarray
    strata: Strata

    @property
    def accounts(self):
        return self.requests.size


def from_counts(accounts, rows, kinds):
    """An `Incidence` of {(account, value): uses}; `kinds` names the kind of each value."""
    keys = sorted(rows, key=lambda key: (key[1], key[0]))
    account, value = (np.array([key[i] for key in keys], np.int64) for i in (0, 1))
    uses = np.array([rows[key] for key in keys], np.int64)
    codes = np.array([BY_NAME[name].code for name in kinds], np.int64)
    bins = np.where([BY_NAME[name].bin_seconds > 0 for name in kinds], 0, -1).astype(np.int64)
    return Incidence(accounts, account, value, uses, codes, np.arange(len(kinds), dtype=np.int64), bins)


def population(generator, accounts=600, values=500, kind="prompt_family", requests=None):
    """Activity is lognormal (the busiest account has about 40 times the median), values follow Zipf's law.

    Every request carries one value, so that the number of values grows with activity. Speakers of the second
    language draw from another ranking of the same values. Strata: four activity quartiles × two languages.
    `requests` of another population make this one a second feature family of the same accounts.
    """
    if requests is None:
        requests = np.maximum(1, np.round(np.exp(generator.normal(3.0, 1.2, accounts)))).astype(np.int64)
    language = (generator.random(accounts) < 0.3).astype(np.int64)
    popularity = 1.0 / np.arange(1, values + 1) ** 1.1
    rankings = np.stack([np.arange(values), generator.permutation(values)])
    account = np.repeat(np.arange(accounts), requests)
    drawn = generator.choice(values, account.size, p=popularity / popularity.sum())
    value = rankings[language[account], drawn]
    unique, uses = np.unique(account * values + value, return_counts=True)
    rows = {(int(key // values), int(key % values)): int(n) for key, n in zip(unique, uses, strict=True)}
    quartile = np.searchsorted(np.quantile(requests, [0.25, 0.5, 0.75]), requests, side="left")
    label = quartile * 2 + language
    return Population(from_counts(accounts, rows, [kind] * values), requests, Strata(label, 8))


def one_stratum(accounts):
    """Everybody in one stratum."""
    return Strata(np.zeros(accounts, np.int64), 1)


def within_strata(generator, strata, wanted):
    """A random candidate with `wanted[stratum]` accounts of each stratum."""
    parts = [
        generator.choice(np.flatnonzero(strata.label == stratum), n, replace=False)
        for stratum, n in enumerate(wanted)
    ]
    return np.sort(np.concatenate(parts))


def sharing(people, members, generator, *, values=6, share=0.4):
    """The same incidence after `members` put a part of their requests on a few values of their own."""
    incidence = people.incidence
    first = incidence.kind.size
    own = {}
    for member in members.tolist():
        for value in generator.choice(values, 3, replace=False).tolist():
            own[member, first + value] = max(1, int(share * people.requests[member] / 3))
    account = np.concatenate([incidence.account, [key[0] for key in own]]).astype(np.int64)
    value = np.concatenate([incidence.value, [key[1] for key in own]]).astype(np.int64)
    uses = np.concatenate([incidence.uses, list(own.values())]).astype(np.int64)
    order = np.lexsort((account, value))
    kinds = np.append(incidence.kind, np.repeat(incidence.kind[:1], values))
    hashed = np.arange(kinds.size, dtype=np.int64)
    bins = np.full(kinds.size, -1, np.int64)
    return Incidence(incidence.accounts, account[order], value[order], uses[order], kinds, hashed, bins)


def relabelled(incidence, label, generator):
    """The incidence with its accounts permuted within strata: the confirmation of a wrong key."""
    renamed = np.arange(incidence.accounts)
    for stratum in np.unique(label):
        mine = np.flatnonzero(label == stratum)
        renamed[mine] = generator.permutation(mine)
    account = renamed[incidence.account]
    order = np.lexsort((account, incidence.value))
    return Incidence(
        incidence.accounts,
        account[order],
        incidence.value[order],
        incidence.uses[order],
        incidence.kind,
        incidence.hashed,
        incidence.bin,
    )


def super_uniform(p_values, levels=(0.5, 0.1, 0.01)):
    """Whether the p-values are super-uniform as far as so many can show.

    For every level a: the 99.9% Clopper–Pearson lower limit of P(p ≤ a) is at most a.
    """
    p = np.asarray(p_values)
    return all(clopper_pearson(int((p <= a).sum()), p.size, 0.998)[0] <= a for a in levels)
