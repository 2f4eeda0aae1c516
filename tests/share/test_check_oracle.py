"""What answers teach: who sees p-values of texts that it changes by what it saw makes a text that passes.

Such a text is not independent of the key, so no correction is at fault; docs/joint-check.md gives the number
of answers that it takes, and why quotas bound it and do not end it.
"""

import math

import numpy as np
import pytest
from check_samples import Party, make_party, marked_text, word

from countermark.share.check.correction import correct
from countermark.share.check.register import Register, Registered, registered_family

ALPHA, FAMILY = 0.01, 300


@pytest.fixture(scope="module")
def beta(tmp_path_factory: pytest.TempPathFactory) -> Party:
    return make_party(tmp_path_factory.mktemp("oracle"), "beta", keys=1)


def answers_until_marked(beta: Party, seed: int, most: int, *, told: bool) -> int | None:
    """Checks of one matter until a text of nobody's passes; a word is changed at random and kept where the
    figure fell. Without being told figures every change is kept."""
    rng = np.random.default_rng(seed)
    words = marked_text(None, tokens=404, seed=seed).split()
    best = 0.0
    for ordinal in range(1, most + 1):
        tried = list(words)
        tried[rng.integers(4, len(words) - 4)] = word(int(rng.integers(512)))
        (row,) = beta.detectors.answer(" ".join(tried))[0].keys
        figure = row.log10_p or 0.0
        if not told or figure <= best:
            words, best = tried, figure
        if figure + math.log10(FAMILY) + math.log10(ordinal * (ordinal + 1)) <= math.log10(ALPHA):
            return ordinal
    return None


def test_about_a_hundred_and_fifty_figures_make_a_text_that_passes(beta: Party) -> None:
    counts = [answers_until_marked(beta, seed, 600, told=True) for seed in range(8)]
    assert all(counts)
    middle = float(np.median([one or 0 for one in counts]))
    print(f"answers until a text of nobody's passes: {sorted(one or 0 for one in counts)}")
    assert 90 <= middle <= 230


def test_the_word_alone_teaches_nothing_of_the_kind(beta: Party) -> None:
    assert [answers_until_marked(beta, seed, 300, told=False) for seed in range(3)] == [None] * 3


def test_under_the_least_length_nothing_is_told(beta: Party) -> None:
    """One pair more or less in a short text would say what the key thinks of that pair."""
    words = marked_text("beta", tokens=203).split()
    figures = {beta.detectors.answer(" ".join(words[:n]))[0].keys[0].log10_p for n in range(1, 204)}
    assert figures == {0.0}


def test_a_check_is_judged_as_the_loop_above_judges(beta: Party) -> None:
    text = marked_text("beta")
    many = Register(Registered("beta", pool) for pool in beta.pools)
    found = correct(beta.detectors.answer(text), registered_family(many, ["beta"]), ordinal=2, alpha=ALPHA)
    row = found.rows[0]
    assert row.log10_adjusted == pytest.approx(row.log10_p + math.log10(6), abs=0.0101)
