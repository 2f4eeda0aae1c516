"""The order of a list: drawn from the system's generator, so that a place in it tells nothing."""

import secrets
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countermark.errors import Error, ExitCode
from countermark.share.overlap.messages import POINT_BYTES

Order = NDArray[Any]
"""uint32: which point of the one list stands at a place of the other."""


def random_order(count: int) -> Order:
    """A uniform permutation: the order of distinct random numbers."""
    while True:
        keys = np.frombuffer(secrets.token_bytes(8 * count), np.uint64)
        order = np.argsort(keys)
        if len(np.unique(keys)) == count:
            return order.astype("<u4")


def ordered(points: bytes, order: Order) -> bytes:
    """The points in that order."""
    return np.frombuffer(points, np.uint8).reshape(-1, POINT_BYTES)[order].tobytes()


def order_from(data: bytes, count: int) -> Order:
    """A permutation from its bytes, 4 a place, little-endian; `Error` for what is none."""
    order = np.frombuffer(data, "<u4") if len(data) == 4 * count else np.zeros(0, "<u4")
    if len(order) != count or not np.array_equal(np.sort(order), np.arange(count)):
        raise Error("the order of the tags is damaged", exit_code=ExitCode.VERIFICATION_FAILED)
    return order
