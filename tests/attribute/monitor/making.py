"""Batches with and without a mark of our own scheme."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from countermark.trust.keyfiles import Secret
from countermark.watermark.prf.siphash import domain_word, hash_windows, key_words, pack_windows
from countermark.watermark.schemes.gumbel_siphash import parse_key
from watermark_samples import KEY

WIDTH = 2
VOCABULARY = 512


def marked(seed: int, count: int, key: str = KEY) -> list[int]:
    """Each token is the best of 8 random ones under the key: a strong mark."""
    generator = np.random.default_rng(seed)
    words = key_words(parse_key(Secret(key.encode())))
    ids = generator.integers(0, VOCABULARY, WIDTH).tolist()
    for options in generator.integers(0, VOCABULARY, (count, 8)).tolist():
        rows = [[*ids[-WIDTH:], option] for option in options]
        hashes = [
            int(hash_windows(pack_windows(np.array(row, np.uint64), WIDTH), *words, domain_word(WIDTH))[0])
            for row in rows
        ]
        ids.append(options[int(np.argmax(hashes))])
    return ids


def batch(path: Path, answers: Sequence[Sequence[int]], **fields: Any) -> Path:
    """A line an answer."""
    lines = [
        json.dumps({"id": str(at), "token_ids": [int(one) for one in ids], **fields})
        for at, ids in enumerate(answers)
    ]
    path.write_text("".join(line + "\n" for line in lines))
    return path
