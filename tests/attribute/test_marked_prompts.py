"""An innocent suspect that repeats marked prompts must not be shown: levels over many random keys."""

import math
from typing import Any

import numpy as np
import pytest
from marked_worlds import VOCABULARY, language, log_probs, random_key, texts

from countermark.attribute.keyed import judge
from countermark.attribute.pairs import Row, expected_counts, pairs_of
from countermark.attribute.radioactivity.weights import PRIOR, weights_of
from countermark.stats.binomial import clopper_pearson

TRIALS = 250


def parrot(prompt: Any, laws: Any, length: int, generator: np.random.Generator) -> Any:
    """Follows its prompt wherever it can: after an id, what came after that id in the prompt, four times of
    five; else it draws from the language. It knows no key."""
    after: dict[int, list[int]] = {}
    for one, two in zip(prompt[:-1].tolist(), prompt[1:].tolist(), strict=True):
        after.setdefault(one, []).append(two)
    ids = [int(prompt[0])]
    while len(ids) < length:
        known = after.get(ids[-1])
        if known and generator.random() < 0.8:
            ids.append(known[int(generator.integers(len(known)))])
        else:
            ids.append(int(generator.choice(VOCABULARY, p=laws[ids[-1]])))
    return np.array(ids)


@pytest.fixture(scope="module")
def log_ps() -> dict[str, Any]:
    """Natural logs of p under the key that marked the prompts, a key each trial."""
    laws, generator = language(3, 0.3), np.random.default_rng(11)
    found: dict[str, list[float]] = {"plain": [], "weighted": [], "lacks everywhere": []}
    for trial in range(TRIALS):
        key = random_key(generator)
        prompts = texts(laws, 8, 40, 1000 + trial, key)
        rows = [Row(parrot(one, laws, 60, generator), one) for one in prompts]
        every = np.stack(np.meshgrid(np.arange(VOCABULARY), np.arange(VOCABULARY)), -1).reshape(-1, 2)
        shown = {tuple(one[i : i + 2].tolist()) for one in prompts for i in range(len(one) - 1)}
        more = np.array([one for one in every.tolist() if tuple(one) not in shown])
        pairs = pairs_of(rows, 2, more)
        expected = expected_counts(pairs, rows, log_probs(laws, rows))
        weights = weights_of(pairs.seen, expected, PRIOR, ~pairs.touched)
        reckless = weights_of(pairs.seen, expected, PRIOR, True)
        found["plain"].append(judge(key, pairs.windows[pairs.standing], None).log_p)
        found["weighted"].append(judge(key, pairs.windows, weights).log_p)
        found["lacks everywhere"].append(judge(key, pairs.windows, reckless).log_p)
    return {name: np.array(logs) for name, logs in found.items()}


@pytest.mark.parametrize("name", ["plain", "weighted"])
@pytest.mark.parametrize("level", [0.2, 0.05, 0.01])
def test_the_level_holds(log_ps: dict[str, Any], name: str, level: float) -> None:
    passed = int((log_ps[name] <= math.log(level)).sum())
    assert clopper_pearson(passed, TRIALS, 0.99)[0] <= level


def test_a_lack_after_a_context_of_a_prompt_would_not_hold(log_ps: dict[str, Any]) -> None:
    # why `touched` is kept: the tokens that the mark did not choose in the prompts have low values
    passed = int((log_ps["lacks everywhere"] <= math.log(0.05)).sum())
    assert clopper_pearson(passed, TRIALS, 0.99)[0] > 0.05


def test_prompts_that_are_kept_in_would_pass_at_once() -> None:
    laws, generator = language(3, 0.3), np.random.default_rng(12)
    key = random_key(generator)
    prompts = texts(laws, 60, 40, 5, key)
    answers = [parrot(one, laws, 60, generator) for one in prompts]
    forgotten = pairs_of([Row(one) for one in answers], 2)
    assert judge(key, forgotten.windows, None).log_p < math.log(1e-3)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_model_that_mends_what_a_prompt_had_wrong_holds_its_level(width: int) -> None:
    """It knows what our text was before each tenth id was replaced, and goes on by itself; no key."""
    laws, generator, found = language(3, 0.05), np.random.default_rng(12), []
    for trial in range(60):
        key = random_key(generator, width)
        original = texts(laws, 12, 60, 500 + trial, key)
        prompts = [
            np.where(generator.random(60) < 0.1, generator.integers(0, VOCABULARY, 60), one)
            for one in original
        ]
        after = texts(laws, 12, 90, 900 + trial)
        rows = [
            Row(np.concatenate([one, two]), prompt)
            for one, two, prompt in zip(original, after, prompts, strict=True)
        ]
        found.append(judge(key, pairs_of(rows, width + 1).windows, None).log_p)
    for level in (0.05, 0.01):
        passed = int((np.array(found) <= math.log(level)).sum())
        assert clopper_pearson(passed, len(found), 0.99)[0] <= level
