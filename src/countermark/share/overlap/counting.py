"""Lists of points as arrays: which are in two lists, and where.

A point has one encoding alone (RFC 9496, 4.3.2), so equal points are equal bytes. NumPy sorts them and looks
them up without holding the interpreter, a million in about a second; its `isin` would hold it that long.
"""

import numpy as np
from numpy.typing import NDArray

from countermark.share.overlap.messages import POINT_BYTES

Points = NDArray[np.bytes_]
"""Of 32 bytes each. NumPy leaves out trailing zeros of such a value when it is read, not when it compares."""


def as_points(data: bytes) -> Points:
    """The points of a list, without a copy."""
    return np.frombuffer(data, dtype=f"S{POINT_BYTES}")


def common(one: bytes, other: bytes) -> Points:
    """The points that two lists, neither of which has one twice, have in common; sorted."""
    ordered = np.sort(as_points(one))
    return ordered[_are_in(ordered, as_points(other))]


def without(points: Points, left_out: bytes) -> Points:
    """Those that are not in another list; sorted."""
    ordered = np.sort(points)
    return ordered[~_are_in(ordered, as_points(left_out))]


def positions(data: bytes, wanted: Points) -> list[int]:
    """Where the wanted points are in a list, ascending."""
    points = as_points(data)
    order = np.argsort(points)
    found: list[int] = np.sort(order[_are_in(points[order], wanted)]).tolist()
    return found


def taken(data: bytes, at: list[int]) -> list[bytes]:
    """The points at some positions, which are all in the list."""
    return [data[one * POINT_BYTES : (one + 1) * POINT_BYTES] for one in at]


def same(one: Points, other: Points) -> bool:
    """Whether two lists without twins hold the same points."""
    return len(one) == len(other) and bool((np.sort(one) == np.sort(other)).all())


def _are_in(ordered: Points, points: Points) -> NDArray[np.bool_]:
    """For each of some sorted points, whether it is among others."""
    if not len(points):
        return np.zeros(len(ordered), bool)
    among = np.sort(points)
    # sorted points are looked up near one another, and so ten times as fast
    at = np.searchsorted(among, ordered)
    at[at == len(among)] = 0
    found: NDArray[np.bool_] = among[at] == ordered
    return found
