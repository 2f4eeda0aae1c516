"""Who is listed in the end."""

import numpy as np
from synthetic_accounts import from_counts

from countermark.detect import fit
from countermark.detect.fit import refine

GROUP, OTHERS = 20, 2_000


def test_with_one_family_there_is_no_telling_who_else_belongs():
    """Most accounts act once: to two normal classes, whoever does not is like the group."""
    generator = np.random.default_rng(0)
    requests = np.where(generator.random(GROUP + OTHERS) < 0.99, 1, 9)
    requests[:GROUP] = generator.integers(9, 40, GROUP)
    rows = {(account, value): int(generator.integers(1, 9)) for account in range(GROUP) for value in range(3)}
    rows |= {(account, 3 + account % 700): 1 for account in range(GROUP, GROUP + OTHERS)}
    incidence = from_counts(GROUP + OTHERS, rows, ["object"] * 703)
    members = np.arange(GROUP)
    assert refine(members, [incidence], requests, requests.astype(float)) is None


def network(generator, late=0):
    """Two families in which a group shares values; `late` accounts of it have few requests on few days.

    Gives (incidences, requests, days).
    """
    size, others = 60, 2_000
    days = np.full(size + others, 5)
    requests = np.concatenate([generator.poisson(130, size), generator.geometric(0.05, others)])
    days[:late], requests[:late] = 3, generator.integers(9, 13, late)
    days[size:] = np.minimum(5, requests[size:])
    families = []
    for kind in ("prompt_family", "prefix"):
        rows = {}
        for account in range(size):
            for value in generator.choice(15, 4, replace=False):
                rows[account, int(value)] = 1 + int(requests[account]) // 5
        for account in range(size, size + others):
            rows[account, int(generator.integers(0, 400))] = int(max(1, requests[account] // 2))
        families.append(from_counts(size + others, rows, [kind] * 400))
    return families, requests, days


def test_half_of_a_network_settles_on_the_whole_of_it():
    families, requests, days = network(np.random.default_rng(1))
    settled = refine(np.arange(0, 60, 2), families, requests, requests / days)
    assert set(settled.tolist()) >= set(range(60)) - {58, 59}
    assert settled.size <= 63


def test_a_low_rate_known_from_few_requests_leaves_nobody_out():
    families, requests, days = network(np.random.default_rng(2), late=5)
    settled = set(refine(np.arange(5, 60), families, requests, requests / days).tolist())
    assert len(settled & set(range(5))) >= 4


def test_strangers_in_the_midst_do_not_spread():
    """Ten strangers of 70 do not bring in more of their like, whether or not they stay."""
    families, requests, days = network(np.random.default_rng(3))
    start = np.concatenate([np.arange(60), np.arange(500, 510)])
    settled = refine(start, families, requests, requests / days)
    assert np.isin(np.arange(60), settled).mean() >= 0.95
    assert np.count_nonzero(settled >= 60) <= 10


def scripted(monkeypatch, *answers):
    """What is settled on with no trim, the first and so on; with the last answer also beyond."""
    answers += answers[-1:] * (len(fit.TRIMS) - len(answers))
    script = dict(zip(fit.TRIMS, map(np.array, answers), strict=True))
    monkeypatch.setattr(fit, "_repeated", lambda *arguments: script[arguments[-1]])
    families, requests, days = network(np.random.default_rng(4))
    settled = refine(np.arange(40), families, requests, requests / days)
    return None if settled is None else settled.tolist()


def test_the_answer_is_the_first_that_hardly_changes_when_less_is_learned_from(monkeypatch):
    few, nearly, many = list(range(60)), list(range(58)), list(range(120))
    assert scripted(monkeypatch, few, nearly, many) == few
    assert scripted(monkeypatch, many, few, nearly) == few
    assert scripted(monkeypatch, many, few, list(range(48))) == few
    assert scripted(monkeypatch, many, few, list(range(47)), list(range(36))) is None
    assert scripted(monkeypatch, many, few, nearly[:40], nearly[:39]) == nearly[:40]


def test_there_is_no_telling_from_a_handful_or_from_everybody():
    families, requests, days = network(np.random.default_rng(5))
    assert refine(np.arange(9), families, requests, requests / days) is None
    everybody = np.arange(requests.size)
    assert np.array_equal(refine(everybody, families, requests, requests / days), everybody)
