"""Reference-weighted tests of SynthID under redrawn keys.

The table reads 16 bits of a layer's key, so the weight under every class is counted once and keys look it up.
Of the later hash every bit is made: its p-value is a bound only if the hash were ideal, and here it is seen
what it is on bodies of models.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

from calibration_engines import DEPTH, TABLE, WIDTH, _synthid
from calibration_redraws import Redraw
from countermark.attribute.keyed import Key, judge
from countermark.stats import chernoff
from countermark.watermark.decoys import draw_words, key_of
from countermark.watermark.prf import lcg, torch_random
from countermark.watermark.profile import Engine, Profile
from countermark.watermark.schemes.synthid_law import LayerLaw, TableHash, bound
from redraw_bodies import CLOSED, Sources

KEYS = 10_000_000
TABLE_PAIRS, PAIRS = 250, 48
_SIZES = {"sampling_table_size": TABLE, "sampling_table_seed": 0}
PROFILES = {
    "transformers-synthid": lambda: _synthid(
        Engine("transformers", "5.23.0"), "transformers-synthid", "synthid-table", **_SIZES
    ),
    "synthid-text 0.2.1": lambda: _synthid(
        Engine("synthid-text", "0.2.1"), "synthid-text", "synthid-table", **_SIZES
    ),
    "synthid-text addb4a1": lambda: _synthid(
        Engine("synthid-text", "addb4a1"), "synthid-text", "synthid-iterated"
    ),
}

Chosen = Callable[[int], tuple[np.ndarray, np.ndarray]]


def _title(setting: str, name: str) -> str:
    return f"weighted, {'' if setting == CLOSED else 'logits, '}{name} k={WIDTH}"


def _chosen(sources: Sources, setting: str, count: int) -> Chosen:
    names = sources.controls(setting)

    @cache
    def chosen(text: int) -> tuple[np.ndarray, np.ndarray]:
        pairs = sources.body(names[text], setting, WIDTH).few(count, text, signs=False)
        return pairs.windows, pairs.weights(signs=False)

    return chosen


def _states(windows: np.ndarray) -> np.ndarray:
    return lcg.states(np.ascontiguousarray(windows).ravel(), WIDTH + 1, 0)[1][:: WIDTH + 1].copy()


def _check(profile: Profile, chosen: Chosen, statistics: Any, log_p: Any, texts: int) -> None:
    for text in range(texts):
        words, (windows, weights) = draw_words(profile, np.random.default_rng(1), 5), chosen(text)
        for one, ours in zip(words, statistics(text, np.random.default_rng(1), 5).tolist(), strict=True):
            evidence = judge(Key(profile, key_of(profile, one)), windows, weights).evidence
            theirs = [evidence.statistic, evidence.log_p]
            if not np.allclose(theirs, [ours / DEPTH / weights.sum(), log_p(text, ours)], rtol=1e-9):
                raise AssertionError(f"the redraw and `judge` differ: {profile.scheme}, {text}")


def table(sources: Sources, name: str, setting: str) -> Redraw:
    """The table hash, of either engine."""
    profile, texts = PROFILES[name](), len(sources.controls(setting))
    chosen, carried = _chosen(sources, setting, TABLE_PAIRS), pow(int(lcg.MULTIPLIER), WIDTH + 1, TABLE)

    @cache
    def counts(text: int) -> np.ndarray:
        windows, weights = chosen(text)
        hashed = TableHash(lcg.offsets(1, [0], WIDTH + 1), torch_random.random_bits(TABLE, 0))
        return hashed.layers(_states(windows), weights).counts

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        classes = (draw_words(profile, generator, count).astype(np.int64) + carried) & (TABLE - 1)
        return counts(text)[classes].sum(axis=1)

    @cache
    def law(text: int) -> LayerLaw:
        return LayerLaw.of(counts(text), rounded=True)

    def log_p(text: int, statistic: float) -> float:
        return bound(law(text), statistic, np.ones(DEPTH)).log_bound

    def check() -> None:
        _check(profile, chosen, statistics, log_p, texts)

    return Redraw(_title(setting, name), KEYS, "bound", texts, statistics, log_p, check)


@numba.njit
def _iterated(states: Any, weights: Any, offsets: Any) -> Any:
    out = np.zeros(len(offsets))
    for at in range(len(offsets)):
        for layer in range(offsets.shape[1]):
            bits = lcg.iterated_bits(states, offsets[at, layer])
            for i in range(len(states)):
                out[at] += weights[i] * bits[i]
    return out


def iterated(sources: Sources, setting: str) -> Redraw:
    """synthid-text's later hash."""
    name = "synthid-text addb4a1"
    profile, texts = PROFILES[name](), len(sources.controls(setting))
    chosen, power = _chosen(sources, setting, PAIRS), pow(int(lcg.MULTIPLIER), WIDTH + 1, 1 << 64)

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        windows, weights = chosen(text)
        words = draw_words(profile, generator, count)
        starts = [lcg.start_value(keys) for keys in words.astype(np.int64).tolist()]
        carried = np.array([start * power % (1 << 64) for start in starts], np.uint64)
        return np.asarray(_iterated(_states(windows), weights, words + carried[:, None]))

    def log_p(text: int, statistic: float) -> float:
        kinds, counts = np.unique(chosen(text)[1], return_counts=True)
        return chernoff.weighted_bernoullis(statistic, kinds, counts * DEPTH, 0.5).log_bound

    def check() -> None:
        _check(profile, chosen, statistics, log_p, texts)

    return Redraw(_title(setting, name), KEYS, "bound", texts, statistics, log_p, check)
