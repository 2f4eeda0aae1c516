"""transformers' green lists under many keys: lists are never drawn, a token is followed through the shuffle,
and 64 seeds go side by side so that the compiler can use vector instructions.

Bit for bit `torch_random.among_first` for `GREEN` of `SMALL` ids; whatever uses it checks that on its keys.
"""

from typing import Any

import numba
import numpy as np

from countermark.watermark.prf import green_seeds, torch_random

SMALL, GREEN = 512, 128
"""Vocabulary and green ids, gamma = 1/4; below 227 draws the generator's first words are enough."""
_LANES, _MIDDLE = 64, 397
U32, U64 = np.uint32, np.uint64


@numba.njit
def _initialise(before: Any, after: Any, i: Any) -> None:
    """The generator's word i in each lane; every cast keeps it at 32 bits."""
    for lane in range(_LANES):
        x = before[lane]
        x = U32(x ^ U32(x >> U32(30)))
        after[lane] = U32(U32(U32(1812433253) * x) + U32(i))


@numba.njit
def _places(a: Any, b: Any, c: Any, out: Any, i: Any) -> None:
    """Where step i of the shuffle swaps to, in each lane: i and a draw modulo the places left."""
    left, inverse = U32(SMALL - i), U64((1 << 32) // (SMALL - i))
    for lane in range(_LANES):
        y = U32((a[lane] & U32(0x80000000)) | (b[lane] & U32(0x7FFFFFFF)))
        y = U32(c[lane] ^ (y >> U32(1)) ^ (U32(0x9908B0DF) * (y & U32(1))))
        y ^= y >> U32(11)
        y ^= (y << U32(7)) & U32(0x9D2C5680)
        y ^= (y << U32(15)) & U32(0xEFC60000)
        y = U32(y ^ (y >> U32(18)))
        # the quotient by this inverse is right or 1 too small
        rest = U32(y - U32((U64(y) * inverse) >> U64(32)) * left)
        out[lane] = U32(U32(i) + (rest - left if rest >= left else rest))


@numba.njit
def _follow(to: Any, place: Any, hit: Any, i: Any) -> None:
    """Whether the token's place is taken at step i, and where it goes if not."""
    for lane in range(_LANES):
        hit[lane] |= U32(to[lane] == place[lane])
        place[lane] = to[lane] if place[lane] == U32(i) else place[lane]


@numba.njit
def greens(seeds: Any, tokens: Any, out: Any) -> None:
    """Whether each token is among the first `GREEN` of `randperm(SMALL)` under its seed; of one length."""
    words, place = np.empty((_MIDDLE + GREEN, _LANES), np.uint32), np.empty(_LANES, np.uint32)
    to, hit = np.empty(_LANES, np.uint32), np.empty(_LANES, np.uint32)
    for begin in range(0, len(seeds), _LANES):
        size = min(_LANES, len(seeds) - begin)
        for lane in range(_LANES):
            at = begin + min(lane, size - 1)
            words[0, lane], place[lane], hit[lane] = seeds[at], tokens[at], 0
        for i in range(1, _MIDDLE + GREEN):
            _initialise(words[i - 1], words[i], i)
        for i in range(GREEN):
            _places(words[i], words[i + 1], words[i + _MIDDLE], to, i)
            _follow(to, place, hit, i)
        for lane in range(size):
            out[begin + lane] = hit[lane] > 0


@numba.njit
def selfhash_green(windows: Any, keys: Any, number: Any, judge: Any, data: Any) -> Any:
    """`judge` of seeds and greens of windows under each key, shape (keys,).

    `windows`, shape (n, width), of ids below `number`, for only so many entries of the key's permutation are
    drawn.
    """
    n, width = windows.shape
    order = np.arange(green_seeds.TABLE_SIZE).astype(np.uint32)
    swaps, state, draws = np.empty(number, np.uint32), np.empty(624, np.uint32), np.empty(624, np.uint32)
    tokens, seeds = windows[:, width - 1].astype(np.uint32), np.empty(n, np.uint32)
    green, out = np.empty(n, np.bool_), np.empty(len(keys))
    for at in range(len(keys)):
        key = keys[at]
        torch_random._shuffle(order, swaps, number, U32(key & 0xFFFFFFFF), state, draws)
        for i in range(n):
            token, least = np.int64(order[windows[i, width - 1]]) + 1, np.int64(0x7FFFFFFFFFFFFFFF)
            for j in range(width):
                least = min(least, key * (np.int64(order[windows[i, j]]) + 1) * token)
            seeds[i] = U32((least if least >= 0 else least - 1) & 0xFFFFFFFF)
        for i in range(number):
            order[i] = i
            order[swaps[i]] = swaps[i]
        greens(seeds, tokens, green)
        out[at] = judge(seeds, green, data)
    return out


@numba.njit
def green_count(seeds: Any, green: Any, data: Any) -> Any:  # noqa: ARG001
    """Green tokens, where all seeds differ."""
    return green.sum()


@numba.njit
def weighted_greens(seeds: Any, weights: Any, tokens: Any) -> Any:
    """Weight of the green tokens under each row of seeds, shape (keys, n)."""
    out, green = np.zeros(len(seeds)), np.empty(len(weights), np.bool_)
    for at in range(len(seeds)):
        greens(seeds[at], tokens, green)
        for i in range(len(weights)):
            out[at] += weights[i] * green[i]
    return out


@numba.njit
def bernoulli_bound(x: Any, weights: Any, p: Any) -> Any:
    """`stats.chernoff.weighted_bernoullis` of weights of which some may be 0."""
    unit, most = weights.max(), weights.sum()
    x = min(x, most) / unit
    x -= 1e-12 * x
    most /= unit
    if x <= p * most:
        return 0.0
    low, high, t = 0.0, np.inf, 0.5
    for _ in range(200):
        slope, bend = 0.0, 0.0
        for one in weights:
            w = one / unit
            ones = p / (p + (1 - p) * np.exp(-w * t))
            slope += w * ones
            bend += w * w * ones * (1 - ones)
        if slope < x:
            low = t
        else:
            high = t
        step = t + (x - slope) / bend
        if not low < step < high:
            step = (low + high) / 2 if high < np.inf else 2 * t
        if abs(step - t) < 1e-7 * t:
            break
        t = step
    k = -t * x
    for one in weights:
        k += one / unit * t + np.log(p + (1 - p) * np.exp(-one / unit * t))
    return min(k, 0.0)


@numba.njit
def selfhash_log_p(seeds: Any, green: Any, data: Any) -> Any:
    """-ln p of weighted pairs, each (seed, token) once: which are one, only the key shows."""
    weights, same = data
    kept = weights.copy()
    for at in range(len(same)):
        if seeds[same[at, 0]] == seeds[same[at, 1]]:
            kept[same[at, 1]] = 0.0
    return -bernoulli_bound((kept * green).sum(), kept, GREEN / SMALL)
