"""Seeds of transformers' green lists, low 32 bits, which are all that torch's CPU generator keeps
(transformers 5.23.0, `generation/logits_process.py`, `WatermarkLogitsProcessor.set_seed`)."""

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
UInts32 = NDArray[np.uint32]

LEFT_OUT = 0
"""The last id whose lefthash seed is 0 under every key."""
TABLE_SIZE = 1_000_003
_LOW = np.uint64(0xFFFFFFFF)


def left_seeds(key: int, vocabulary: int) -> UInts32:
    """Seeds of lefthash, (key · last id) mod (2^64 - 1), for each last id, shape (vocabulary,)."""
    ids = np.arange(vocabulary, dtype=np.uint64)
    high, low = np.uint64(key >> 32) * ids, np.uint64(key & 0xFFFFFFFF) * ids
    shifted = (high & _LOW) << np.uint64(32)
    bottom = shifted + low
    # 2^64 is 1 here: what stands above 64 bits, and each carry, is added at the bottom
    top = (high >> np.uint64(32)) + (bottom < low)
    total = bottom + top
    total += (total < top).astype(np.uint64)
    total[total == np.uint64(0xFFFFFFFFFFFFFFFF)] = 0
    seeds: UInts32 = (total & _LOW).astype(np.uint32)
    return seeds


@numba.njit(cache=True, nogil=True)
def self_seeds(ids: Ints, width: int, key: int, table: UInts32) -> UInts32:
    """Seeds of selfhash for each window of `width` ids, shape (n - width + 1,).

    `table` is `randperm(1_000_003)` under the key. Products wrap as signed 64-bit integers, and the least one
    is taken modulo 2^64 - 1.
    """
    count = max(len(ids) - width + 1, 0)
    out = np.empty(count, np.uint32)
    for i in range(count):
        token = np.int64(table[ids[i + width - 1] % TABLE_SIZE]) + 1
        least = np.int64(0x7FFFFFFFFFFFFFFF)
        for j in range(i, i + width):
            least = min(least, key * (np.int64(table[ids[j] % TABLE_SIZE]) + 1) * token)
        # a negative one, plus 2^64 - 1, is its two's complement less one
        out[i] = np.uint32((least if least >= 0 else least - 1) & 0xFFFFFFFF)
    return out
