"""Within-prompt MMD: the statistic by its definition, p by enumeration of all labels, validity, power."""

import itertools
import math

import numpy as np
import pytest

from countermark.stats.binomial import clopper_pearson
from countermark.stats.mmd import Stratum, hamming_gram, within_prompt


def naive_kernel(one: list[int], other: list[int], positions: int) -> float:
    def at(row: list[int], place: int) -> int:
        return row[place] if place < len(row) else -1

    return sum(at(one, place) == at(other, place) for place in range(positions)) / positions


def naive_statistic(prompts: list[tuple[list[list[int]], list[list[int]]]], positions: int) -> float:
    """Gretton et al. (2012), equation 5, prompt by prompt, in plain loops."""
    total = 0.0
    for ours, theirs in prompts:
        within = sum(naive_kernel(a, b, positions) for a in ours for b in ours) / len(ours) ** 2
        within += sum(naive_kernel(a, b, positions) for a in theirs for b in theirs) / len(theirs) ** 2
        across = sum(naive_kernel(a, b, positions) for a in ours for b in theirs) / len(ours) / len(theirs)
        total += (within - 2 * across) * len(ours) * len(theirs) / (len(ours) + len(theirs))
    return total


def naive_p(prompts: list[tuple[list[list[int]], list[list[int]]]], positions: int) -> float:
    """The share of all labellings within prompts whose statistic reaches the observed one."""
    observed = naive_statistic(prompts, positions)
    ways = []
    for ours, theirs in prompts:
        everything = ours + theirs
        ways.append(
            [
                (
                    [everything[at] for at in chosen],
                    [everything[at] for at in range(len(everything)) if at not in chosen],
                )
                for chosen in itertools.combinations(range(len(everything)), len(ours))
            ]
        )
    values = [naive_statistic(list(one), positions) for one in itertools.product(*ways)]
    return sum(value >= observed - 1e-9 for value in values) / len(values)


def strata(prompts: list[tuple[list[list[int]], list[list[int]]]], positions: int) -> list[Stratum]:
    made = []
    for ours, theirs in prompts:
        rows = np.array([[*row, *[-1] * (positions - len(row))] for row in (*ours, *theirs)])
        made.append(Stratum(hamming_gram(rows), len(ours)))
    return made


def sampled(
    generator: np.random.Generator, sizes: list[tuple[int, int]], shift: float = 0.0
) -> list[tuple[list[list[int]], list[list[int]]]]:
    def answer(lean: float) -> list[int]:
        length = int(generator.integers(1, 5))
        return [int(generator.random() < 0.5 + lean) for _ in range(length)]

    return [([answer(0) for _ in range(n)], [answer(shift) for _ in range(m)]) for n, m in sizes]


@pytest.mark.parametrize("sizes", [[(3, 2), (2, 2)], [(1, 3), (2, 1), (2, 2)], [(4, 4)]])
@pytest.mark.parametrize("seed", range(4))
def test_statistic_and_p_are_those_of_all_labels_in_plain_loops(
    sizes: list[tuple[int, int]], seed: int
) -> None:
    prompts = sampled(np.random.default_rng(seed), sizes, 0.2)
    found = within_prompt(strata(prompts, 5), np.random.default_rng(0), permutations=9_999)
    assert found.exact
    assert found.statistic == pytest.approx(naive_statistic(prompts, 5))
    assert found.p_value == pytest.approx(naive_p(prompts, 5))
    assert found.null.size == math.prod(math.comb(n + m, n) for n, m in sizes)


def test_drawn_labels_agree_with_all_labels() -> None:
    """Clopper-Pearson at 99.9% around the exact p."""
    prompts = sampled(np.random.default_rng(3), [(4, 3), (3, 3), (2, 4)], 0.15)
    exact = naive_p(prompts, 5)
    drawn = within_prompt(strata(prompts, 5), np.random.default_rng(1), permutations=5_000)
    assert not drawn.exact
    low, high = clopper_pearson(round(drawn.p_value * 5_001) - 1, 5_000, 0.999)
    assert low <= exact <= high


def test_the_floor_counts_the_swap_of_equal_sides() -> None:
    one = within_prompt(strata([([[1]] * 3, [[2]] * 3)], 1), np.random.default_rng(0), permutations=999)
    assert (one.p_value, one.floor) == (pytest.approx(0.1), pytest.approx(0.1))  # 2 of C(6, 3)
    uneven = within_prompt(strata([([[1]] * 3, [[2]] * 2)], 1), np.random.default_rng(0), permutations=999)
    assert (uneven.p_value, uneven.floor) == (pytest.approx(0.1), pytest.approx(0.1))  # 1 of C(5, 3)
    many = within_prompt(strata([([[1]] * 3, [[2]] * 3)] * 9, 1), np.random.default_rng(0), permutations=999)
    assert (many.p_value, many.floor) == (1e-3, 1e-3)


def test_equal_answers_everywhere_show_nothing() -> None:
    same = within_prompt(
        strata([([[1, 2]] * 5, [[1, 2]] * 5)] * 6, 2), np.random.default_rng(0), permutations=999
    )
    assert same.p_value == 1.0


def test_prompts_with_other_laws_of_their_own_show_nothing() -> None:
    """Labels change places within a prompt only: prompts may differ as they like."""
    prompts = [([[at]] * 4, [[at]] * 4) for at in range(8)]
    assert within_prompt(strata(prompts, 1), np.random.default_rng(0), permutations=999).p_value == 1.0


def test_valid_under_the_null() -> None:
    """P(p ≤ a) ≤ a for one law on both sides and sides of unequal size: Clopper-Pearson, one-sided 99%."""
    p_values = []
    for seed in range(1_500):
        generator = np.random.default_rng([5, seed])
        prompts = sampled(generator, [(4, 3), (3, 3), (5, 2), (2, 2), (4, 1)])
        p_values.append(within_prompt(strata(prompts, 5), generator, permutations=199).p_value)
    values = np.array(p_values)
    for alpha in (0.3, 0.1, 0.05, 0.01):
        assert clopper_pearson(int((values <= alpha).sum()), values.size, 0.98)[0] <= alpha


def test_another_law_is_found() -> None:
    prompts = sampled(np.random.default_rng(9), [(6, 6)] * 30, 0.4)
    assert within_prompt(strata(prompts, 5), np.random.default_rng(0), permutations=999).p_value == 1e-3
