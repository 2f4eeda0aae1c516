"""Several keys asked for jointly: all of them are redrawn, and the p-value of the first is counted.

Its weights hang on the others' scores, so every draw has a law of its own: what is drawn is -ln p itself.
`check` holds it against `explained`, `weights_of` and `judge`.
"""

from functools import cache
from typing import Any

import numba
import numpy as np

from calibration_redraws import Redraw
from countermark.attribute.keyed import judge
from countermark.attribute.radioactivity import joint
from countermark.attribute.radioactivity.weights import GAIN, LARGEST_LACK, STEPS, weights_of
from redraw_bodies import CLOSED, OPEN, Pairs, Sources
from redraw_scores import Marks

KEYS = 10_000_000
ASKED = 3
"""Keys, as in the benchmark's three teachers."""
PAIRS = 80
"""Not 1 more than a multiple of `joint.BINS`: then no edge of a bin is a score, and ranks alone tell bins."""
_EDGES = (PAIRS - 1) * np.arange(1, joint.BINS) / joint.BINS
_BINS = (np.arange(PAIRS)[:, None] > _EDGES).sum(axis=1)
_NUMBER, _LEAST, _GAIN, _STEPS, _LARGEST = joint.BINS, joint.LEAST, GAIN, STEPS, LARGEST_LACK


@numba.njit
def _ranked(left: Any, order: Any, begins: Any) -> None:
    """Places in order of falling `left`, which is about uniform: by cells, then by insertion."""
    n, cells = len(left), len(begins) - 1
    begins[:] = 0
    for at in range(n):
        begins[cells - min(int(left[at] * cells), cells - 1)] += 1
    for cell in range(cells):
        begins[cell + 1] += begins[cell]
    for at in range(n):
        cell = cells - 1 - min(int(left[at] * cells), cells - 1)
        order[begins[cell]] = at
        begins[cell] += 1
    for at in range(1, n):
        one, place = order[at], at
        while place > 0 and left[order[place - 1]] < left[one]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = one


@numba.njit
def _add_lift(left: Any, seen: Any, expected: Any, scratch: Any, factor: Any) -> None:
    """Add another key's lift less one, as `joint.lift` has it, to `factor`."""
    order, begins, bins = scratch
    _ranked(left, order, begins)
    counts, masses = np.ones(_NUMBER), np.ones(_NUMBER)
    for rank in range(len(order)):
        counts[bins[rank]] += seen[order[rank]]
        masses[bins[rank]] += expected[order[rank]]
    whole = counts.sum() / masses.sum()
    for rank in range(len(order)):
        factor[order[rank]] += counts[bins[rank]] / masses[bins[rank]] / whole - 1


@numba.njit
def signed_bound(x: Any, weights: Any, cell: Any) -> Any:
    """`stats.chernoff.signed_exponentials`; with no negative weight it is `weighted_exponentials`."""
    unit, mean, spread, below = 0.0, 0.0, 0.0, False
    for w in weights:
        unit = max(unit, w)
        below |= w < 0
    if unit <= 0:
        return 0.0
    edge = cell if below else 0.0
    for w in weights:
        mean += w / unit + (edge * -w / unit if w < 0 else 0.0)
        spread += (w / unit) ** 2
    x /= unit
    if x <= mean:
        return 0.0
    low, high, t = 0.0, 1.0 - 1e-15, min((x - mean) / spread, 0.5)
    for _ in range(100):
        slope, bend = 0.0, 0.0
        for one in weights:
            w = one / unit
            left = 1 - w * t
            slope += w / left
            bend += (w / left) ** 2
            if w < 0:
                slope -= edge * w / (1 + edge * left)
        if slope < x:
            low = t
        else:
            high = t
        step = t + (x - slope) / bend
        step = step if low < step < high else (low + high) / 2
        if abs(step - t) < 1e-6 * t:
            break
        t = step
    k = 0.0
    for one in weights:
        left = 1 - one / unit * t
        k -= np.log(left)
        if one < 0:
            k += np.log1p(edge * left)
    return min(k - t * x, 0.0)


@numba.njit
def joint_log_p(fill: Any, data: Any, keys: Any, pairs: Any, bins: Any, cell: Any) -> Any:
    """-ln p of the first of each row of keys, shape (rows, keys, words), given the others."""
    seen, expected, lacks, prior = pairs
    n = len(seen)
    out, weights = np.zeros(len(keys)), np.empty(n)
    left, own, factor = np.empty(n), np.empty(n), np.empty(n)
    scratch = np.empty(n, np.int64), np.empty(257, np.int64), bins
    for at in range(len(keys)):
        factor[:] = 1.0
        for other in range(1, keys.shape[1]):
            fill(data, keys[at, other], left)
            _add_lift(left, seen, expected, scratch, factor)
        fill(data, keys[at, 0], own)
        statistic = 0.0
        for i in range(n):
            g = np.log((seen[i] + prior) / (expected[i] * max(factor[i], _LEAST) + prior))
            weight = 1 - 1 / (1 + _GAIN * g) if g > 0 else max(g, -_LARGEST) if lacks[i] else 0.0
            weights[i] = np.round(weight * _STEPS) / _STEPS
            if weights[i]:
                statistic -= weights[i] * np.log(own[i])
        out[at] = -signed_bound(statistic, weights, cell)
    return out


def several(sources: Sources, marks: Marks) -> Redraw:
    """Three keys at once over bodies of controls, text alone and logits."""
    bodies = [(name, setting) for setting in (CLOSED, OPEN) for name in sources.controls(setting)]

    @cache
    def chosen(text: int) -> tuple[Pairs, Any]:
        name, setting = bodies[text]
        pairs = sources.body(name, setting, marks.width).few(PAIRS, text)
        return pairs, marks.data(pairs.windows)

    def drawn(generator: np.random.Generator, count: int) -> np.ndarray:
        return marks.draw(generator, count * ASKED).reshape(count, ASKED, -1)

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        pairs, data = chosen(text)
        facts = pairs.seen, pairs.expected, pairs.lacks, float(pairs.prior)
        keys = drawn(generator, count)
        return np.asarray(joint_log_p(marks.fill, data, keys, facts, _BINS, 2.0**-marks.bits))

    def log_p(text: int, statistic: float) -> float:  # noqa: ARG001
        return -statistic

    def check() -> None:
        for text in range(len(bodies)):
            rows = drawn(np.random.default_rng(1), 40)
            for row, ours in zip(rows, statistics(text, np.random.default_rng(1), 40), strict=True):
                pairs, (own, *others) = chosen(text)[0], [marks.key(one) for one in row]
                expected = joint.explained(own, pairs.seen, pairs.expected, pairs.windows, others)
                weights = weights_of(pairs.seen, expected, float(pairs.prior), pairs.lacks)
                theirs = judge(own, pairs.windows, weights).evidence.log_p
                if not np.isclose(-theirs, ours, rtol=1e-8, atol=1e-9):
                    raise AssertionError(
                        f"the redraw and the joint test differ: {marks.name}, {bodies[text]}"
                    )

    return Redraw(f"jointly with two, {marks.name}", KEYS, "bound", len(bodies), statistics, log_p, check)
