"""Record what DeepMind's synthid-text itself computes on a CPU: g-values, repetition masks, mean scores.

    PYTHONPATH=FOLDER python vectors/generators/record_synthid_text.py VERSION

FOLDER holds the package `synthid_text` (and jax): of the release 0.2.1, VERSION `0.2.1`, or `src` of the
repository at commit addb4a1, VERSION `addb4a1`. Writes vectors/engines/synthid-text-VERSION.json. Keys are
test keys.
"""

import random
import sys
from typing import Any

import jax
import jax.numpy as jnp
import torch
from record_transformers import SYNTHID_KEYS, WIDE_KEYS, bits, write
from synthid_text import detector_mean, logits_processing

SIZE = 512


def marked(processor: Any, tokens: int) -> list[int]:
    """Text of a random model of 512 tokens under the mark."""
    torch.manual_seed(11)
    ids = torch.tensor([[7]])
    for _ in range(tokens):
        scores, indices, _ = processor.watermarked_call(ids, 2 * torch.randn(1, SIZE))
        choice = torch.multinomial(torch.softmax(scores, 1), 1)
        ids = torch.cat([ids, indices.gather(1, choice)], 1)
    return ids[0, 1:].tolist()


def documents(version: str) -> list[object]:
    cases: list[object] = []
    for keys, ngram_len, history in [(SYNTHID_KEYS, 5, 1024), (WIDE_KEYS, 3, 8), (WIDE_KEYS[:1], 2, 3)]:
        options: dict[str, Any] = {"ngram_len": ngram_len, "keys": keys, "context_history_size": history}
        if version == "0.2.1":
            options |= {"sampling_table_size": 65536, "sampling_table_seed": 0}
        processor = logits_processing.SynthIDLogitsProcessor(
            **options, temperature=1.0, top_k=100, device=torch.device("cpu")
        )
        rng = random.Random(ngram_len)
        texts = {
            "random": [rng.randrange(SIZE) for _ in range(60)],
            "repeated": [rng.randrange(SIZE) for _ in range(9)] * 5,
            "marked": marked(processor, 120),
        }
        for name, ids in texts.items():
            row = torch.tensor([ids])
            g = processor.compute_g_values(row)
            mask = processor.compute_context_repetition_mask(row)
            plain = (jnp.asarray(g.numpy()), jnp.asarray(mask.numpy()))
            cases.append(
                {"name": name, **options, "ids": ids, "g_values": [bits(values) for values in g[0]],
                 "context_repetition_mask": bits(mask),
                 "mean_score": float(detector_mean.mean_score(*plain)[0]),
                 "weighted_mean_score": float(detector_mean.weighted_mean_score(*plain)[0])}
            )  # fmt: skip
    return cases


def main() -> None:
    version = sys.argv[1]
    head: dict[str, object] = {
        "engine": "synthid-text", "version": version, "torch": torch.__version__, "jax": jax.__version__,
        "device": "cpu", "generator": "vectors/generators/record_synthid_text.py",
    }  # fmt: skip
    write(f"synthid-text-{version}.json", head, {"documents": documents(version)})


if __name__ == "__main__":
    main()
