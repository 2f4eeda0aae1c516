"""200 keys of our scheme, each over every document of a kind of text: how far one key strays from nominal."""

import math
import sys
from pathlib import Path

import numpy as np

from calibration_texts import KINDS, documents
from countermark.stats import gamma
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.prf.siphash import domain_word, gumbel_statistics, hash_windows, pack_windows
from countermark.watermark.tokens import load_tokenizer
from tables import table

KEYS = 200
LENGTH = 504
NOMINAL = 0.01
WIDTHS = (4, 2, 1)


def fixed_key_tables(tokenizer: Path, most: int, folder: Path) -> str:
    """Rates a key at a nominal 1%, a row a kind of text and width; pooled bodies; operational alpha."""
    rows = []
    for kind in KINDS:
        ids = _kept(kind, tokenizer, most, folder)
        for width in WIDTHS:
            log_p, pooled, repeats = _log_p_values(ids, width)
            rates = (log_p <= math.log(NOMINAL)).mean(axis=0)
            rows.append(
                [kind, width, f"{len(ids):,}", f"{repeats:.0%}"]
                + [f"{value:.3%}" for value in (rates.mean(), rates.min(), np.median(rates), rates.max())]
                + [f"10^{math.floor(10 * operational(log_p) / math.log(10)) / 10:.1f}"]
                + [f"{(pooled <= math.log(NOMINAL)).sum()} of {KEYS}"]
            )
            print(*rows[-1], file=sys.stderr, flush=True)
    heads = ["text", "k", "documents", "pairs in other documents", "mean rate", "least", "median", "largest"]
    return table([*heads, "operational alpha for 1%", "keys that pass, one pooled body"], rows)


def operational(log_p: np.ndarray) -> float:
    """Natural log of the largest level at which no key passes more than `NOMINAL` of its documents."""
    allowed = int(NOMINAL * len(log_p))
    return float(np.sort(log_p, axis=0)[allowed].min())


def _log_p_values(ids: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, float]:
    """ln p of each document under each key, of all documents as one body, and the share of shared pairs."""
    keys = np.random.default_rng(17).integers(0, 1 << 64, (KEYS, 2), dtype=np.uint64)
    domain = domain_word(width)
    distinct = []
    log_p = np.empty((len(ids), KEYS))
    for row, one in enumerate(ids):
        words = _distinct(pack_windows(one.astype(np.uint64), width), width)
        log_p[row] = gamma.log_sf(gumbel_statistics(words, keys, domain), words.shape[1])
        distinct.append(words)
    every = np.concatenate(distinct, axis=1)
    once = _distinct(every, width)
    pooled = gamma.log_sf(gumbel_statistics(once, keys, domain), once.shape[1])
    return log_p, np.asarray(pooled), 1 - once.shape[1] / every.shape[1]


def _distinct(words: np.ndarray, width: int) -> np.ndarray:
    new = first_occurrences(hash_windows(words, np.uint64(1), np.uint64(2), domain_word(width)))
    return np.ascontiguousarray(words[:, new])


def _kept(kind: str, tokenizer: Path, most: int, folder: Path) -> np.ndarray:
    """Documents of a kind, made once."""
    path = folder.parent / f"texts-{kind}-{most}.npy"
    if not path.exists():
        np.save(path, documents(kind, load_tokenizer(tokenizer), LENGTH, most).astype(np.int32))
    return np.load(path, allow_pickle=False)
