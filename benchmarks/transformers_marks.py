"""Tokens a second of our scoring and of transformers' own detectors, on the same ids, one core.

    python benchmarks/transformers_marks.py [--tokens 100000] [--peer-tokens 10000] [--vocabulary 32000]

Ids follow a Zipf law. Ours is marks, distinct pairs and the law; the peers are `WatermarkDetector`, once with
and once without repeats, and SynthID's `compute_g_values` with `compute_context_repetition_mask`.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
import transformers

from countermark.trust.keyfiles import Secret
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.profile import Engine, Profile, Tokenizer
from countermark.watermark.schemes.base import Scorer
from countermark.watermark.schemes.green_list import PRF, GreenList
from countermark.watermark.schemes.synthid import MASK, TABLE, TransformersSynthId

KEY = 15485863
SYNTHID_KEYS = [(0x9E3779B97F4A7C15 * (i + 3)) % 2**63 for i in range(30)]


def profile(
    scheme: str, prf: str, width: int, deduplication: str, **parameters: int | float | str
) -> Profile:
    return Profile(
        engine=Engine("transformers", "5.23.0"),
        scheme=scheme,
        prf=prf,
        context_width=width,
        deduplication=deduplication,
        parameters=parameters,
        tokenizer=Tokenizer("none"),
        key_id="test",
        epoch="test",
    )


def green(seeding: str, width: int, vocabulary: int) -> Scorer:
    settings = {"gamma": 0.25, "delta": 2.0, "seeding": seeding, "vocab_size": vocabulary}
    made = profile("transformers-green-list", PRF, width, "none", **settings)
    return GreenList().bind(made, Secret(str(KEY).encode()))


def synthid(depth: int, weights: str) -> Scorer:
    settings = {"depth": depth, "ngram_len": 5, "weights": weights, "context_history_size": 1024}
    made = profile(
        "transformers-synthid", TABLE, 4, MASK, **settings, sampling_table_size=65536, sampling_table_seed=0
    )
    return TransformersSynthId().bind(made, Secret("\n".join(map(str, SYNTHID_KEYS[:depth])).encode()))


def score(scorer: Scorer, ids: np.ndarray) -> None:
    marks = scorer.marks(ids)
    scorer.judge(marks.at(first_occurrences(marks.fingerprints)))


def rate(name: str, tokens: int, run: Callable[[], object]) -> None:
    begin = time.perf_counter()
    run()
    seconds = time.perf_counter() - begin
    print(f"{name:<64}{tokens:>9,} tokens {seconds:>9.3f} s {tokens / seconds:>14,.0f} tokens/s")


def green_rates(ids: np.ndarray, peer_tokens: int, vocabulary: int) -> None:
    config = transformers.LlamaConfig(vocab_size=vocabulary, bos_token_id=vocabulary - 1)
    for seeding, width in (("lefthash", 1), ("selfhash", 4)):
        scorer, some = green(seeding, width, vocabulary), ids[:peer_tokens]
        score(green(seeding, width, vocabulary), ids[:50])
        rate(f"{seeding}, ours, no list drawn yet", len(ids), lambda s=scorer: score(s, ids))
        rate(f"{seeding}, ours, lists drawn", len(ids), lambda s=scorer: score(s, ids))
        fresh = green(seeding, width, vocabulary)
        rate(f"{seeding}, ours, no list drawn yet", len(some), lambda f=fresh, s=some: score(f, s))
        for unique in (False, True):
            mark = transformers.WatermarkingConfig(0.25, 2.0, KEY, seeding, width)
            peer = transformers.WatermarkDetector(config, "cpu", mark, ignore_repeated_ngrams=unique)
            row = torch.tensor(some[None])
            name = f"{seeding}, WatermarkDetector, ignore_repeated_ngrams={unique}"
            rate(name, len(some), lambda p=peer, r=row: p(r, return_dict=True))


def synthid_rates(ids: np.ndarray, depth: int) -> None:
    for weights in ("uniform", "linear"):
        scorer = synthid(depth, weights)
        score(scorer, ids[:50])
        rate(f"SynthID depth {depth}, ours, {weights}", len(ids), lambda s=scorer: score(s, ids))
    peer = transformers.SynthIDTextWatermarkLogitsProcessor(
        5, SYNTHID_KEYS[:depth], 65536, 0, 1024, torch.device("cpu")
    )
    for rows in (1, 100):
        batch = torch.tensor(ids[: len(ids) // rows * rows].reshape(rows, -1))
        rate(
            f"SynthID depth {depth}, compute_g_values, rows: {rows}",
            batch.numel(),
            lambda b=batch: peer.compute_g_values(b),
        )
        rate(
            f"SynthID depth {depth}, the same and repetition mask, rows: {rows}",
            batch.numel(),
            lambda b=batch: (peer.compute_g_values(b), peer.compute_context_repetition_mask(b)),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--peer-tokens", type=int, default=10_000)
    parser.add_argument("--vocabulary", type=int, default=32_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = np.random.default_rng(1)
    ids = generator.zipf(1.2, options.tokens) % (options.vocabulary - 1)
    green_rates(ids, options.peer_tokens, options.vocabulary)
    for depth in (10, 30):
        synthid_rates(ids, depth)


if __name__ == "__main__":
    main()
