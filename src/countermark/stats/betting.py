"""Betting against the uniform: an e-process that may be looked at after every number.

Under the null the numbers are independent and uniform on (0, 1). A bettor splits the interval into B cells
of equal width and before each number bets on the share of earlier ones in each cell, (seen + 1/2) / (t + B/2)
(Krichevsky & Trofimov 1981). The capital is multiplied by B times that share: a martingale from 1 under the
null.
The mean over several B is one too, and Ville's inequality bounds the chance that it ever reaches 1/alpha by
alpha (Shekhar & Ramdas 2023, "Nonparametric Two-Sample Testing by Betting", section 2).
"""

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
CELLS = (2, 4, 8)


def log_capital(values: FloatArray, cells: tuple[int, ...] = CELLS) -> FloatArray:
    """Natural log of the capital after every number, in the order of their arrival, for rows (…, n)."""
    paths = np.array([_log_path(values, number) for number in cells])
    return np.asarray(np.logaddexp.reduce(paths, axis=0) - math.log(len(cells)))


def _log_path(values: FloatArray, cells: int) -> FloatArray:
    at = np.minimum((values * cells).astype(np.int64), cells - 1)
    hits = at[..., None] == np.arange(cells)
    before = np.cumsum(hits, axis=-2) - hits
    seen = np.take_along_axis(before, at[..., None], axis=-1)[..., 0]
    return np.asarray(
        np.cumsum(np.log(cells * (seen + 0.5) / (np.arange(at.shape[-1]) + cells / 2)), axis=-1)
    )
