"""Redrawn keys over bodies of suspects that are unrelated to every key: 10 million for the laws' sizes, and
some for QQ plots.

The weighted statistic is that of `attribute radioactivity`: the same pairs and weights, the same bound;
`check` holds it against `judge`.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

from attribution_cases_marks import REFERENCE, attributor
from attribution_marked import profile_of
from calibration_redraws import Redraw, siphash_redraw
from countermark.stats import chernoff
from countermark.trust.keyfiles import Secret
from countermark.watermark.prf import siphash
from watermark_calibration import drawn, redraw_rows

PAIRS = 400
CONTROLS = ("student-k0-a-scratch", "base-00", "base-08", "student-k0-b-other")
"""Suspects whose bodies the keys are drawn over: unmarked students and bases."""
KEYS = 40
"""Keys over each whole body, for the QQ plot."""
WIDTHS = (1, 2)
CELL = 2.0**-53
"""A uniform of the keyed function is one of 2^53 cells."""


@numba.njit(nogil=True, cache=True)
def weighted_statistics(words: Any, weights: Any, keys: Any, domain: Any) -> Any:
    """Σ w (-ln(1 - u)) of the same windows under many keys, shape (keys, 2); one float a key."""
    out = np.zeros(len(keys))
    for key in range(len(keys)):
        hashes = siphash.hash_windows(words, keys[key, 0], keys[key, 1], domain)
        for at in range(len(hashes)):
            left = (np.uint64(1) << np.uint64(53)) - (hashes[at] >> np.uint64(11))
            out[key] -= weights[at] * np.log(np.float64(np.int64(left)) * 2.0**-53)
    return out


def controls(zoo: Any) -> list[str]:
    """Those that are there: all but in a quick run."""
    return [name for name in CONTROLS if zoo.has(f"suspects/{name}-25k")]


def body_of(zoo: Any, name: str, width: int) -> tuple[Any, Any]:
    """Windows of a suspect's 25,000 tokens with their weights, as `attribute radioactivity` makes them.

    No key enters: that of the attributor says only how long a window is.
    """
    from countermark.attribute.radioactivity.body import Bodies
    from countermark.attribute.radioactivity.options import Options

    made = attributor({"keys": (("t0", width),), "setting": "closed"}, zoo.path(REFERENCE))
    options = Options(reference=zoo.path(REFERENCE))
    body = Bodies(zoo.path(f"suspects/{name}-25k/answers.jsonl"), options).closed(made.keys[0])
    return body.pairs, made._weights(body, made.keys[0])


def weighted_redraw(zoo: Any, width: int) -> Redraw:
    """`PAIRS` weighted pairs out of each control's body, drawn without a key."""
    domain, names = siphash.domain_word(width), controls(zoo)

    @cache
    def chosen(text: int) -> tuple[Any, Any, Any]:
        pairs, weights = body_of(zoo, names[text], width)
        used, windows = np.flatnonzero(weights), pairs.windows
        few = np.sort(np.random.default_rng([31, text]).choice(used, min(PAIRS, len(used)), replace=False))
        packed = siphash.pack_windows(windows[few].astype(np.uint64).ravel(), width)[:, :: width + 1]
        return np.ascontiguousarray(packed), weights[few], windows[few]

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        keys = generator.integers(0, 1 << 64, (count, 2), dtype=np.uint64)
        words, weights, _ = chosen(text)
        return np.asarray(weighted_statistics(words, weights, keys, domain))

    @cache
    def grouped(text: int) -> tuple[Any, Any]:
        return np.unique(chosen(text)[1], return_counts=True)

    def log_p(text: int, statistic: float) -> float:
        return chernoff.signed_exponentials(statistic, *grouped(text), CELL).log_bound

    def check() -> None:
        from countermark.attribute.keyed import Key, judge

        for text in range(len(names)):
            (low, high) = np.random.default_rng(1).integers(0, 1 << 64, (1, 2), dtype=np.uint64)[0].tolist()
            secret = Secret((low.to_bytes(8, "little") + high.to_bytes(8, "little")).hex().encode())
            _, weights, windows = chosen(text)
            evidence = judge(Key(profile_of("t0", width), secret), windows, weights).evidence
            ours = float(statistics(text, np.random.default_rng(1), 1)[0])
            if not np.allclose([evidence.statistic, evidence.log_p], [ours, log_p(text, ours)], rtol=1e-9):
                raise AssertionError(f"the redraw and `judge` differ on {names[text]}")

    name = f"reference-weighted k={width}"
    return Redraw(name, 10_000_000, "bound", len(names), statistics, log_p, check)


def redraws(zoo: Any) -> Iterator[Redraw]:
    """Plain and weighted."""
    for width in WIDTHS:
        yield siphash_redraw(width)
        yield weighted_redraw(zoo, width)


def run(zoo: Any, folder: Path, documents: int) -> list[list[str]]:
    """Rows of the table: rate at 1e-2, 1e-4 and 1e-6 with one-sided 99% limits."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for redraw in redraws(zoo):
        redraw.check()
        rows += redraw_rows(redraw, drawn(redraw, documents, folder))
    return rows


def quantiles(zoo: Any) -> dict[str, list[float]]:
    """P-values of redrawn keys over whole bodies of controls, by test."""
    from countermark.attribute.keyed import Key, judge

    found: dict[str, list[float]] = {}
    for width in WIDTHS:
        for at, name in enumerate(controls(zoo)):
            pairs, weights = body_of(zoo, name, width)
            standing = pairs.windows[pairs.seen > 0]
            generator = np.random.default_rng([32, width, at])
            for _ in range(KEYS):
                key = Key(profile_of("t0", width), Secret(generator.bytes(16).hex().encode()))
                for kind, windows, how in (("plain", standing, None), ("weighted", pairs.windows, weights)):
                    log_p = judge(key, windows, how).evidence.log_p
                    found.setdefault(f"{kind}, k={width}", []).append(float(np.exp(log_p)))
    return found
