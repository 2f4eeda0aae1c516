"""How large a list is made, so that its size tells little about the set (spec/identifiers.md)."""

from countermark.share.overlap.messages import MOST_POINTS, PLANTED

LEAST_POINTS = 1024


def padded_size(items: int) -> int:
    """Points of a list of so many items; the planted, which come on top, are counted in here.

    The next m times 2^e with m from 8 to 15, at least `LEAST_POINTS`: at most an eighth more than needed.
    ValueError where that is more than `MOST_POINTS`.
    """
    if items < 0:
        raise ValueError("a number of items")
    needed = max(items + PLANTED, LEAST_POINTS)
    step = 1 << (needed.bit_length() - 4)
    size = -(-needed // step) * step
    if size > MOST_POINTS:
        raise ValueError(f"a list has at most {MOST_POINTS:,} points")
    return size
