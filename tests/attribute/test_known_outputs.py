"""The bound for known outputs: its formula by hand, its level where they decide what is asked."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from marked_worlds import key_of, language, log_probs, own_key, random_key, texts

from countermark.attribute.pairs import Row, expected_counts, pairs_of
from countermark.attribute.radioactivity.body import Body
from countermark.attribute.radioactivity.known import (
    GRID,
    KnownContexts,
    check_scheme,
    grid_bound,
    known_test,
)
from countermark.attribute.radioactivity.weights import PRIOR, weights_of
from countermark.errors import Error, ExitCode
from countermark.stats.binomial import clopper_pearson
from countermark.watermark.windows import fingerprints


def test_the_bound_is_the_smallest_over_the_grid_times_its_size() -> None:
    weights, statistic = np.array([0.5, 1.0, 2.0, 2.0]), 40.0
    logs = []
    for t in np.geomspace(1e-3, 0.99, 64) / 2.5:
        logs.append(-t * statistic - sum(math.log(1 - t * one) for one in weights.tolist()))
    assert GRID == 64
    assert grid_bound(statistic, weights, 2.5) == pytest.approx(min(logs) + math.log(64))
    assert grid_bound(0.0, weights, 2.5) == 0.0
    assert grid_bound(5.0, np.zeros(0), 0.0) == 0.0


def test_the_grid_is_the_same_whichever_contexts_were_visited() -> None:
    """Its unit is the largest weight of the body, here that of a pair nobody asked about."""
    key, laws = random_key(np.random.default_rng(5)), language(4, 0.3)
    pairs = pairs_of([Row(one) for one in texts(laws, 20, 40, 7, key)], 2)
    visited = len(pairs.contexts) // 2
    weights = np.where(np.arange(len(pairs)) < pairs.limits[visited], 0.25, 0.5)
    body = Body(pairs, pairs.seen, None, np.zeros(len(pairs), np.bool_))
    test = known_test(key, body, weights, KnownContexts(pairs.contexts[:visited], 1), [], 1e-2)
    used = np.full(int(pairs.limits[visited]), 0.25)
    assert test.statistic > 0
    assert test.log10_p_value is not None
    found = test.log10_p_value * math.log(10)
    assert found == pytest.approx(grid_bound(test.statistic, used, 0.5))
    assert found != pytest.approx(grid_bound(test.statistic, used, 0.25))


def test_the_level_holds_and_choosing_by_pairs_would_not() -> None:
    """The suspect is independent of the key; what is asked about it is chosen by marked text."""
    laws, generator, trials = language(4, 0.3), np.random.default_rng(21), 250
    rows = [Row(one) for one in texts(laws, 40, 40, 77)]
    pairs = pairs_of(rows, 2)
    expected = expected_counts(pairs, rows, log_probs(laws, rows))
    weights = weights_of(pairs.seen, expected, PRIOR, False)
    body = Body(pairs, pairs.seen, expected, np.zeros(len(pairs), np.bool_))
    passed = by_pairs = 0
    for trial in range(trials):
        key = random_key(generator)
        marked = texts(laws, 4, 20, 2000 + trial, key)
        contexts = np.unique(np.concatenate([fingerprints(one[:-1], 1) for one in marked]))
        test = known_test(key, body, weights, KnownContexts(contexts, 4), [], 1e-2)
        passed += test.p_value <= 0.05
        same = np.isin(pairs.names, np.concatenate([fingerprints(one, 2) for one in marked]))
        scores = key.scores(pairs.windows[same])
        assert scores is not None
        by_pairs += grid_bound(float(scores.sum()), np.ones(len(scores)), 1.0) <= math.log(0.05)
    assert clopper_pearson(int(passed), trials, 0.99)[0] <= 0.05
    assert by_pairs > 0.5 * trials


def test_a_marked_suspect_is_shown(tmp_path: Path) -> None:
    laws, key = language(4, 0.3), own_key()
    rows = [Row(one) for one in texts(laws, 60, 40, 1, key)]
    source = tmp_path / "known.jsonl"
    known = texts(laws, 30, 40, 2, key)
    source.write_text(
        "".join(json.dumps({"id": i, "token_ids": one.tolist()}) + "\n" for i, one in enumerate(known))
    )
    pairs = pairs_of(rows, 2)
    body = Body(pairs, pairs.seen, None, np.zeros(len(pairs), np.bool_))
    contexts = KnownContexts.read(source, key, None)
    assert contexts.documents == 30
    assert known_test(key, body, None, contexts, [], 1e-2).p_value < 1e-6
    assert known_test(random_key(np.random.default_rng(1)), body, None, contexts, [], 1e-2).p_value > 1e-3


@pytest.mark.parametrize("name", ["lefthash", "synthid", "sglang", "vllm-dual"])
def test_other_schemes_are_refused(name: str) -> None:
    with pytest.raises(Error, match="known outputs") as caught:
        check_scheme(key_of(name).profile)
    assert caught.value.exit_code == ExitCode.USAGE
