"""Reference-weighted tests of green lists under redrawn keys, on a body of a real model of 512 ids.

Selfhash's windows are relabelled, so that only some hundred entries of a key's permutation are drawn: which
ids are one and which are not stays.
"""

from functools import cache

import numpy as np

from calibration_engines import _green, _left_seeds
from calibration_redraws import Redraw
from countermark.attribute.keyed import Key, judge
from countermark.stats import chernoff
from countermark.watermark.decoys import draw_words, key_of
from green_redraws import GREEN, SMALL, selfhash_green, selfhash_log_p, weighted_greens
from redraw_bodies import CLOSED, Sources

KEYS = 10_000_000
PAIRS, WIDTH = 64, 4


def _title(setting: str, what: str) -> str:
    return f"weighted, {'' if setting == CLOSED else 'logits, '}green list, {what}"


def lefthash(sources: Sources, setting: str) -> Redraw:
    """Lists of the last id."""
    names, profile = sources.controls(setting, small=True), _green("lefthash", 1)

    @cache
    def chosen(text: int) -> tuple[np.ndarray, np.ndarray]:
        body = sources.body(names[text], setting, 1)
        body = body.some(np.flatnonzero(body.windows[:, 0] > 0))
        pairs = body.few(PAIRS, text, signs=False)
        return pairs.windows, pairs.weights(signs=False)

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        windows, weights = chosen(text)
        parts = []
        for begin in range(0, count, 10_000):
            keys = draw_words(profile, generator, min(10_000, count - begin))[:, 0]
            seeds = _left_seeds(keys, windows[:, 0].astype(np.uint64))
            parts.append(weighted_greens(seeds, weights, windows[:, 1].astype(np.uint32)))
        return np.concatenate(parts)

    def log_p(text: int, statistic: float) -> float:
        kinds, counts = np.unique(chosen(text)[1], return_counts=True)
        return chernoff.weighted_bernoullis(statistic, kinds, counts, GREEN / SMALL).log_bound

    def check() -> None:
        for text in range(len(names)):
            words, (windows, weights) = draw_words(profile, np.random.default_rng(1), 5), chosen(text)
            for one, ours in zip(words, statistics(text, np.random.default_rng(1), 5).tolist(), strict=True):
                evidence = judge(Key(profile, key_of(profile, one)), windows, weights).evidence
                theirs = [evidence.statistic, evidence.log_p]
                if not np.allclose(theirs, [ours, log_p(text, ours)], rtol=1e-9):
                    raise AssertionError(f"the redraw and `judge` differ: lefthash, {names[text]}")

    return Redraw(_title(setting, "lefthash"), KEYS, "bound", len(names), statistics, log_p, check)


def selfhash(sources: Sources, setting: str) -> Redraw:
    """Lists of the window itself; what is drawn is -ln p, since pairs that are one hang on the key."""
    names, profile = sources.controls(setting, small=True), _green("selfhash", WIDTH)

    @cache
    def chosen(text: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pairs = sources.body(names[text], setting, WIDTH - 1).few(PAIRS, text, signs=False)
        windows = np.unique(pairs.windows, return_inverse=True)[1].reshape(pairs.windows.shape)
        first, second = np.nonzero(np.triu(windows[:, None, -1] == windows[None, :, -1], 1))
        return windows.astype(np.int64), pairs.weights(signs=False), np.stack([first, second], 1)

    def keys(generator: np.random.Generator, count: int) -> np.ndarray:
        return draw_words(profile, generator, count)

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        windows, weights, same = chosen(text)
        words = keys(generator, count)[:, 0].astype(np.int64)
        number = int(windows.max()) + 1
        return np.asarray(selfhash_green(windows, words, number, selfhash_log_p, (weights, same)))

    def log_p(text: int, statistic: float) -> float:  # noqa: ARG001
        return -statistic

    def check() -> None:
        for text in range(len(names)):
            windows, weights, _ = chosen(text)
            words = keys(np.random.default_rng(1), 20)
            for one, ours in zip(words, statistics(text, np.random.default_rng(1), 20), strict=True):
                theirs = judge(Key(profile, key_of(profile, one)), windows, weights).evidence.log_p
                if not np.isclose(-theirs, ours, rtol=1e-8, atol=1e-9):
                    raise AssertionError(f"the redraw and `judge` differ: selfhash, {names[text]}")

    return Redraw(_title(setting, f"selfhash k={WIDTH}"), KEYS, "bound", len(names), statistics, log_p, check)
