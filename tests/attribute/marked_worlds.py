"""A small language (a table of next-token laws), texts in it, marked or not, and every scheme's profile."""

from typing import Any

import numpy as np

from countermark.attribute.keyed import Key
from countermark.attribute.pairs import Row
from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Engine, Profile, Tokenizer
from countermark.watermark.sampling.numpy_sampler import Sampler
from watermark_samples import own_profile

VOCABULARY = 64
KEY_A, KEY_B, KEY_C = ("00112233445566778899aabbccddeeff", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "5" * 32)


def language(seed: int = 0, spread: float = 0.15) -> Any:
    """Next-token laws, shape (vocabulary, vocabulary)."""
    return (
        np.random.default_rng(seed).dirichlet(np.full(VOCABULARY, spread), VOCABULARY) * 0.99
        + 0.01 / VOCABULARY
    )


def own_key(text: str = KEY_A, width: int = 1) -> Key:
    return Key(own_profile(width, VOCABULARY), Secret(text.encode()))


def random_key(generator: np.random.Generator, width: int = 1) -> Key:
    return own_key(generator.bytes(16).hex(), width)


def texts(laws: Any, count: int, length: int, seed: int, key: Key | None = None) -> list[Any]:
    """Texts sampled from the table, marked under a key where one is given."""
    generator = np.random.default_rng(seed)
    out = generator.integers(0, VOCABULARY, (1, count))
    sampler = Sampler(own_profile(1), Secret(KEY_A.encode()), generator)
    if key is not None:
        sampler = Sampler(key.profile, key.secret, generator)
    answers = [sampler.start() for _ in range(count)]
    for answer, first in zip(answers, out[0].tolist(), strict=True):
        answer.append(first)
    for _ in range(length - 1):
        rows = laws[out[-1]]
        if key is None:
            chosen = (np.cumsum(rows, 1) < generator.random((count, 1))).sum(1).clip(0, VOCABULARY - 1)
        else:
            chosen = sampler.next_tokens(rows, answers)
        out = np.concatenate([out, chosen[None]])
    return list(out.T)


def log_probs(laws: Any, rows: list[Row]) -> Any:
    """What a model of the language says of every token of each answer."""
    for row in rows:
        logs = np.log(laws)[row.answer[:-1]].astype(np.float32)
        yield np.concatenate([np.zeros((1, VOCABULARY), np.float32), logs])


def leaning_text(key: Key, length: int, seed: int, choices: int = 8) -> Any:
    """Under any scheme: each token is the best scored of a few that were drawn at random."""
    generator = np.random.default_rng(seed)
    ids = generator.integers(1, VOCABULARY, key.length - 1).tolist()
    while len(ids) < length:
        tokens = generator.choice(np.arange(1, VOCABULARY), choices, replace=False)
        before = np.array(ids[len(ids) - key.length + 1 :])
        windows = np.concatenate([np.tile(before, (choices, 1)), tokens[:, None]], axis=1)
        scores = key.scores(windows)
        assert scores is not None
        ids.append(int(tokens[np.nanargmax(scores)]))
    return np.array(ids)


def engine_profile(
    engine: str, version: str, scheme: str, prf: str, repeats: str, **parameters: Any
) -> Profile:
    width = int(parameters.pop("width", 2))
    return Profile(
        engine=Engine(engine, version),
        scheme=scheme,
        prf=prf,
        context_width=width,
        deduplication=repeats,
        parameters=parameters,
        tokenizer=Tokenizer("test", "", VOCABULARY),
        key_id="k",
        epoch="e",
    )


_VLLM = {"deduplicate_contexts_max_history": 8192, "allow_target_only_watermarking": False}
_GREEN = {"gamma": 0.25, "delta": 2.0, "vocab_size": VOCABULARY}
_SYNTHID = {"depth": 10, "ngram_len": 3, "weights": "uniform", "context_history_size": 1024}
_TABLE = {"sampling_table_size": 65536, "sampling_table_seed": 0}
_LAYERS = "\n".join(str(2**40 + 12345678901 * one) for one in range(10))
SCHEMES: dict[str, tuple[Profile, str]] = {
    "own": (own_profile(2, VOCABULARY), KEY_A),
    "vllm": (
        engine_profile("vllm", "0.33.0", "vllm-gumbel", "philox4x32-10", "single_turn", **_VLLM),
        "12345678901234567",
    ),
    "vllm-dual": (
        engine_profile(
            "vllm", "0.33.0", "vllm-dual-key-gumbel", "philox4x32-10", "single_turn", alpha=0.1, **_VLLM
        ),
        "12345678901234567",
    ),
    "sglang": (
        engine_profile(
            "sglang",
            "0.5.23",
            "sglang-gumbel",
            "murmur3-x86-32",
            "request",
            dual_key=False,
            max_probability=1.0,
        ),
        "0x1234567890abcdef",
    ),
    "sglang-dual": (
        engine_profile(
            "sglang",
            "0.5.23",
            "sglang-gumbel",
            "murmur3-x86-32",
            "request",
            dual_key=True,
            max_probability=1.0,
            mixing_probability=0.5,
        ),
        "0x1234567890abcdef\n0xfedcba0987654321",
    ),
    "lefthash": (
        engine_profile(
            "transformers",
            "5.23.0",
            "transformers-green-list",
            "torch-cpu-randperm",
            "none",
            width=1,
            seeding="lefthash",
            **_GREEN,
        ),
        "15485863",
    ),
    "selfhash": (
        engine_profile(
            "transformers",
            "5.23.0",
            "transformers-green-list",
            "torch-cpu-randperm",
            "none",
            width=3,
            seeding="selfhash",
            **_GREEN,
        ),
        "15485863",
    ),
    "synthid": (
        engine_profile(
            "transformers",
            "5.23.0",
            "transformers-synthid",
            "synthid-table",
            "context_repetition_mask",
            **_SYNTHID,
            **_TABLE,
        ),
        _LAYERS,
    ),
    "synthid-text": (
        engine_profile(
            "synthid-text",
            "addb4a1",
            "synthid-text",
            "synthid-iterated",
            "context_repetition_mask",
            **_SYNTHID,
        ),
        _LAYERS,
    ),
}


def key_of(name: str) -> Key:
    profile, text = SCHEMES[name]
    return Key(profile, Secret(text.encode()))
