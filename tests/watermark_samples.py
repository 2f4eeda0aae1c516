"""Profiles, keys and ids that the watermark tests share."""

from typing import Any

import numpy as np

from countermark.watermark.profile import Engine, Profile, Tokenizer

KEY = "000102030405060708090a0b0c0d0e0f"
"""A test key; nobody marks with it."""


def own_profile(width: int = 4, vocabulary: int = 512, **changes: Any) -> Profile:
    """A profile of our own scheme."""
    fields: dict[str, Any] = {
        "engine": Engine("countermark", "1"),
        "scheme": "gumbel-siphash",
        "prf": "siphash-2-4",
        "context_width": width,
        "deduplication": "single_turn",
        "tokenizer": Tokenizer("test", "", vocabulary),
        "key_id": "key-1",
        "epoch": "1",
    }
    return Profile(**{**fields, **changes})


def random_ids(seed: int, count: int, vocabulary: int = 512) -> Any:
    """Ids that carry no mark."""
    return np.random.default_rng(seed).integers(0, vocabulary, count)
