"""Error rates and power of the three tests on answers drawn here: fixed seeds, one-sided 99%."""

from collections.abc import Sequence

import numpy as np
import pytest

from countermark.attribute.identity import power
from countermark.attribute.identity.answers import Answer
from countermark.attribute.identity.compared import Compared
from countermark.attribute.identity.paired import Pair
from countermark.stats.betting import log_capital
from countermark.stats.binomial import clopper_pearson
from countermark.stats.evalues import anytime_log_p
from countermark.stats.mmd import within_prompt
from countermark.stats.uniformity import uniformity

LENGTH, SYMBOLS = 8, 4


def law(prompt: int) -> np.ndarray:
    """Of every position's symbol: another one for every prompt."""
    return np.random.default_rng([1, prompt]).dirichlet(np.full(SYMBOLS, 0.4), LENGTH)


def drawn(generator: np.random.Generator, probabilities: np.ndarray, number: int) -> list[Answer]:
    uniforms = generator.random((number, LENGTH, 1))
    rows = (uniforms > probabilities.cumsum(-1)[None, :, :-1]).sum(-1)
    return [Answer(None, tuple(map(int, row)), "") for row in rows]


def compared(
    seed: Sequence[int], *, prompts: int = 12, ours: int = 5, theirs: int = 3, share: float = 0.0
) -> Compared:
    """Two sides of one law; each answer of the suspect is, with chance `share`, to the next prompt."""
    generator = np.random.default_rng(list(seed))
    pairs = []
    for prompt in range(prompts):
        own = drawn(generator, law(prompt), theirs)
        foreign = drawn(generator, law((prompt + 1) % prompts), theirs)
        swapped = generator.random(theirs) < share
        suspect = [f if s else o for o, f, s in zip(own, foreign, swapped, strict=True)]
        pairs.append(Pair(prompt, drawn(generator, law(prompt), ours), suspect))
    return Compared(pairs, "tokens")


def p_values(case: Compared, seed: int, draws: int) -> tuple[float, float, float]:
    generator = np.random.default_rng([7, seed])
    ranks, _ = case.ranks(seed)
    return (
        within_prompt(case.strata(), generator, permutations=draws).p_value,
        uniformity(ranks, generator, draws=draws).p_value,
        float(np.exp(anytime_log_p(float(log_capital(ranks).max())))),
    )


@pytest.mark.parametrize(
    ("number", "prompts", "draws"),
    [(500, 12, 199), (1_000, 5, 999), pytest.param(20_000, 5, 1_999, marks=pytest.mark.soak)],
)
def test_no_test_is_below_its_level_when_both_sides_have_one_law(
    number: int, prompts: int, draws: int
) -> None:
    runs = np.array([p_values(compared([2, seed], prompts=prompts), seed, draws) for seed in range(number)])
    for kind in range(3):
        for alpha in (0.3, 0.1, 0.05, 0.01, 0.001):
            hits = int((runs[:, kind] <= alpha).sum())
            assert clopper_pearson(hits, len(runs), 0.98)[0] <= alpha, (kind, alpha)


@pytest.mark.parametrize("kind", ["mmd", "rank", "e-process"])
def test_the_share_that_is_said_to_be_found_is_found(kind: str) -> None:
    """At the smallest share that the simulation gives, the real test's power is about 0.8 (over 120 new pairs
    of samples between 0.6 and 0.97), and at a third of it lower."""
    draws, alpha, size = 199, 0.05, {"prompts": 30, "ours": 8, "theirs": 4}
    case, generator = compared([3, 0], **size), np.random.default_rng(0)
    ranks, foreign = case.ranks(0)
    if kind == "mmd":
        outcome = within_prompt(case.strata(), generator, permutations=999)
        found = power.mmd_finds(case.widened(), outcome, alpha, generator)
    elif kind == "rank":
        limit = uniformity(ranks, generator, draws=999).limit(alpha)
        found = power.ranks_found(foreign, limit, generator)
    else:
        found = power.capital_found(foreign, alpha, generator)
    share = power.least_share(found)
    assert share is not None

    def rate(at: float) -> float:
        which = ("mmd", "rank", "e-process").index(kind)
        runs = [p_values(compared([4, seed], share=at, **size), seed, draws)[which] for seed in range(120)]
        return float(np.mean(np.array(runs) <= alpha))

    assert 0.6 <= rate(share) <= 0.97
    assert rate(share / 3) < rate(share)


def test_no_share_is_found_where_nothing_can_be() -> None:
    assert power.least_share(lambda share: np.zeros(10)) is None
    assert power.least_share(lambda share: np.full(10, share >= 0.3)) == 0.3
