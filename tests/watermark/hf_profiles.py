"""Profiles and recorded vectors for the tests of the transformers and synthid-text schemes."""

import json
from pathlib import Path
from typing import Any

from countermark.watermark.profile import Engine, Profile, Tokenizer

VECTORS = Path(__file__).parents[2] / "vectors" / "engines"


def vectors(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / name).read_text())


def green_profile(
    *,
    seeding: str = "lefthash",
    width: int = 1,
    gamma: float = 0.25,
    vocab: int = 512,
    unique: bool = False,
    version: str = "5.23.0",
) -> Profile:
    return Profile(
        engine=Engine("transformers", version),
        scheme="transformers-green-list",
        prf="torch-cpu-randperm",
        context_width=width,
        deduplication="ignore_repeated_ngrams" if unique else "none",
        parameters={"gamma": gamma, "delta": 2.0, "seeding": seeding, "vocab_size": vocab},
        tokenizer=Tokenizer("test"),
        key_id="k",
        epoch="2026-1",
    )


def synthid_profile(
    *,
    depth: int = 10,
    ngram_len: int = 5,
    weights: str = "uniform",
    size: int = 65536,
    seed: int = 0,
    history: int = 1024,
    engine: str = "transformers",
    version: str = "5.23.0",
) -> Profile:
    later = version == "addb4a1"
    table = {} if later else {"sampling_table_size": size, "sampling_table_seed": seed}
    return Profile(
        engine=Engine(engine, version),
        scheme="transformers-synthid" if engine == "transformers" else "synthid-text",
        prf="synthid-iterated" if later else "synthid-table",
        context_width=ngram_len - 1,
        deduplication="context_repetition_mask",
        parameters={
            "depth": depth,
            "ngram_len": ngram_len,
            "weights": weights,
            "context_history_size": history,
            **table,
        },
        tokenizer=Tokenizer("test"),
        key_id="k",
        epoch="2026-1",
    )
