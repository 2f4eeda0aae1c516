"""Engines' own keyed functions, over keys: texts of few ids, so that lists return in every batch."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from countermark.attribute.monitor.laws import sequential_law
from countermark.stats.evalues import mixed
from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Engine, Profile, Tokenizer
from countermark.watermark.scoring import Detector, Document
from watermark_samples import random_ids

KEYS = 200


def profile(engine: str, version: str, scheme: str, prf: str, width: int, again: str, **rest: Any) -> Profile:
    return Profile(
        engine=Engine(engine, version),
        scheme=scheme,
        prf=prf,
        context_width=width,
        deduplication=again,
        parameters=rest,
        tokenizer=Tokenizer("test"),
        key_id="k",
        epoch="1",
    )


VLLM = {"deduplicate_contexts_max_history": 8192, "allow_target_only_watermarking": False}
GREEN = {"gamma": 0.25, "delta": 2.0, "vocab_size": 32}
PROFILES = {
    "green-left": profile(
        "transformers",
        "5.23.0",
        "transformers-green-list",
        "torch-cpu-randperm",
        1,
        "none",
        seeding="lefthash",
        **GREEN,
    ),
    "vllm": profile("vllm", "0.33.0", "vllm-gumbel", "philox4x32-10", 2, "none", **VLLM),
    "vllm-dual": profile(
        "vllm", "0.33.0", "vllm-dual-key-gumbel", "philox4x32-10", 2, "none", alpha=0.3, **VLLM
    ),
    "sglang": profile(
        "sglang",
        "0.5.23",
        "sglang-gumbel",
        "murmur3-x86-32",
        2,
        "request",
        dual_key=False,
        max_probability=1.0,
    ),
}


@pytest.mark.parametrize("name", PROFILES)
def test_over_keys_no_level_is_reached_more_often_than_stated(name: str) -> None:
    """Three batches of one text, seen after each; one-sided 99%."""
    law = sequential_law(PROFILES[name])
    texts = [random_ids(at, 150, 24) + 4 for at in range(3)]
    generator = np.random.default_rng(4)
    largest = []
    for _ in range(KEYS):
        detector = Detector.open(PROFILES[name], Secret(str(int(generator.integers(1, 1 << 62))).encode()))
        logs, seen, best = np.zeros(len(law.bets)), np.empty(0, np.uint64), 0.0
        for ids in texts:
            marks = detector.marks(Document(ids))
            identities, first = np.unique(law.identities(marks), return_index=True)
            new = marks.at(first[~np.isin(identities, seen)])
            logs += law.log_e(new, seen)
            seen = np.union1d(seen, identities)
            best = max(best, mixed(logs))
        largest.append(best)
    for alpha in (0.5, 0.1, 0.02):
        reached = int(np.sum(np.array(largest) >= -math.log(alpha)))
        assert beta.ppf(0.01, max(reached, 1), KEYS - reached + 1) <= alpha
    assert max(largest) > 0.2  # bets were placed
