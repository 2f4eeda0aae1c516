"""Recover all keys of a transformers SynthID deployment from marked text: seconds, and how many are right.

    python benchmarks/synthid_key_recovery.py [--tokens 3000] [--depth 10] [--seed 1]

The text is sampled from random logits under transformers' own logits processor (needs torch and it).
The attack knows the public settings and the text, no key. A layer's key counts modulo the table's size
only, 65,536, and one Fourier transform gives the share of ones under every class at once
(`countermark.watermark.schemes.synthid_law`); the classes of the layers' keys stand out. A forger needs no
more: which layer a key is of does not matter to the mean score.
"""

import argparse
import time

import numpy as np
import torch
import transformers

from countermark.watermark.distinct import first_occurrences
from countermark.watermark.prf import lcg
from countermark.watermark.prf.torch_random import random_bits
from countermark.watermark.schemes.synthid_law import TableHash

SIZE, NGRAM_LEN, VOCABULARY = 1 << 16, 5, 4096


def marked_text(keys: list[int], tokens: int, seed: int) -> np.ndarray:
    """Ids of one response, shape (tokens,)."""
    torch.manual_seed(seed)
    processor = transformers.SynthIDTextWatermarkLogitsProcessor(
        ngram_len=NGRAM_LEN,
        keys=keys,
        sampling_table_size=SIZE,
        sampling_table_seed=0,
        context_history_size=1024,
        device=torch.device("cpu"),
    )
    ids = torch.zeros((1, 1), dtype=torch.long)
    for _ in range(tokens):
        scores = processor(ids, 2 * torch.randn(1, VOCABULARY))
        ids = torch.cat([ids, torch.multinomial(torch.softmax(scores, 1), 1)], 1)
    return ids[0, 1:].numpy()


def recovered(ids: np.ndarray, depth: int) -> set[int]:
    """Key classes of the layers, from the text alone."""
    contexts, states = lcg.states(ids, NGRAM_LEN, 0)
    states = states[~lcg.repeated(contexts, 1024, False)]
    states = states[first_occurrences(states)]
    hashed = TableHash(lcg.offsets(1, [0], NGRAM_LEN), random_bits(SIZE, 0))
    best = np.argsort(hashed.layers(states, None).counts)[-depth:]
    return {int(one) for one in (best - int(lcg.offsets(1, [0], NGRAM_LEN)[0])) % SIZE}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=3000)
    parser.add_argument("--depth", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    keys = generator.integers(0, 2**63, options.depth).tolist()
    ids = marked_text(keys, options.tokens, options.seed)
    recovered(ids[:100], options.depth)  # compiles the kernels
    begin = time.perf_counter()
    found = recovered(ids, options.depth)
    seconds = time.perf_counter() - begin
    right = len(found & {key % SIZE for key in keys})
    print(f"{options.tokens:,} tokens, {options.depth} layers: {right} keys recovered in {seconds:.4f} s")


if __name__ == "__main__":
    main()
