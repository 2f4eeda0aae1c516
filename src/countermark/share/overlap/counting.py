"""Lists of points as arrays: which are in two lists, and where.

A point has one encoding alone (RFC 9496, 4.3.2), so equal points are equal bytes. NumPy sorts them without
holding the interpreter: a million in a quarter of a second.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from countermark.share.overlap.messages import POINT_BYTES

Points = NDArray[np.bytes_]
"""Of 32 bytes each. NumPy leaves out trailing zeros of such a value when it is read, not when it compares."""


def as_points(data: bytes) -> Points:
    """The points of a list, without a copy."""
    return np.frombuffer(data, dtype=f"S{POINT_BYTES}")


def common(one: bytes, other: bytes) -> Points:
    """The points that two lists, neither of which has one twice, have in common."""
    return np.intersect1d(as_points(one), as_points(other), assume_unique=True)


def without(points: Points, left_out: bytes) -> Points:
    """Those that are not in another list."""
    return points[np.isin(points, as_points(left_out), invert=True)]


def positions(data: bytes, wanted: Points) -> list[int]:
    """Where the wanted points are in a list, ascending."""
    found: list[int] = np.flatnonzero(np.isin(as_points(data), wanted)).tolist()
    return found


def taken(data: bytes, at: list[int]) -> list[bytes]:
    """The points at some positions, which are all in the list."""
    return [data[one * POINT_BYTES : (one + 1) * POINT_BYTES] for one in at]


def same(one: Any, other: Any) -> bool:
    """Whether two arrays without twins hold the same points."""
    return len(one) == len(other) and bool(np.isin(one, other).all())
