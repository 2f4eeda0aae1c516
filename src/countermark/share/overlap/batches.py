"""The arithmetic of a private overlap for whole lists, on several threads.

Threads, not processes: libsodium is called without the interpreter's lock and takes 95% of the time, so two
threads are as fast as two processes (measured), and no scalar leaves the process. Lists are bytes, 32 for
each point.
"""

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from countermark.errors import Error
from countermark.share.overlap import group
from countermark.share.overlap.hash_to_group import MOST_INPUT, group_expander
from countermark.share.overlap.messages import POINT_BYTES
from countermark.share.overlap.sodium import functions
from countermark.share.overlap.voprf import CONTEXT
from countermark.trust.keyfiles import Secret

ProgressCall = Callable[[float, float], None]
Work = Callable[[int, int], int | None]
"""Does what stands from one position to another; where something is wrong, its position."""
WORKERS = 2
"""Threads; 0 is one a core."""
_CHUNK = 256
"""Points that a thread does whatever happens: some 20 ms."""
_SMALL = 2 * _CHUNK
"""Fewer points are done in the calling thread."""


def blind_all(
    items: Sequence[bytes], scalar: Secret, workers: int = WORKERS, progress: ProgressCall | None = None
) -> bytes:
    """scalar·H(item) of every item, in order, H being HashToGroup of RFC 9497 in mode VOPRF."""
    for position, item in enumerate(items):
        if len(item) > MOST_INPUT:
            raise Error(f"item {position} has {len(item)} bytes, over {MOST_INPUT}")
    factor, expand = _factor(scalar), group_expander(CONTEXT)
    multiply, from_hash = functions().multiply, functions().from_hash
    result = _room(len(items))

    def work(begin: int, end: int) -> int | None:
        point = ctypes.create_string_buffer(POINT_BYTES)
        target = result.ctypes.data + POINT_BYTES * begin
        for position in range(begin, end):
            from_hash(point, expand(items[position]))
            if multiply(target, factor, point) != 0:
                return position
            target += POINT_BYTES
        return None

    wrong = _run(work, len(items), workers, progress)
    if wrong is not None:
        raise Error(f"item {wrong} has no point")  # a chance of 2^-250
    return result.tobytes()


def multiply_all(
    points: bytes,
    scalar: Secret,
    workers: int = WORKERS,
    progress: ProgressCall | None = None,
    what: str = "the list",
) -> bytes:
    """scalar·point of every point, in order.

    `Error` naming the position (from 0) of the first that is not the one encoding of a point, or is the
    identity.
    """
    count = _count(points, what)
    factor, multiply = _factor(scalar), functions().multiply
    read, result = np.frombuffer(points, np.uint8), _room(count)
    # libsodium ignores the top bit, so that a point would have two encodings
    doubles = (read[POINT_BYTES - 1 :: POINT_BYTES] >= 0x80).nonzero()[0]
    usable = int(doubles[0]) if doubles.size else count

    def work(begin: int, end: int) -> int | None:
        source, written = read.ctypes.data, result.ctypes.data
        for offset in range(POINT_BYTES * begin, POINT_BYTES * min(end, usable), POINT_BYTES):
            if multiply(written + offset, factor, source + offset) != 0:
                return offset // POINT_BYTES
        return usable if begin <= usable < end else None

    wrong = _run(work, count, workers, progress)
    if wrong is not None:
        raise Error(f"point {wrong} of {what} is not a point of ristretto255 other than the identity")
    return result.tobytes()


def check_all(points: bytes, what: str = "the list", workers: int = 1) -> None:
    """`Error` naming the position of the first point that is not in its one encoding, or is the identity."""
    count = _count(points, what)
    rows = np.frombuffer(points, np.uint8).reshape(count, POINT_BYTES)
    # libsodium ignores the top bit, and takes the identity
    odd = np.flatnonzero((rows[:, -1] >= 0x80) | ~rows.any(axis=1))
    usable = int(odd[0]) if odd.size else count
    source, is_valid = rows.ctypes.data, functions().is_valid

    def work(begin: int, end: int) -> int | None:
        for offset in range(POINT_BYTES * begin, POINT_BYTES * min(end, usable), POINT_BYTES):
            if is_valid(source + offset) != 1:
                return offset // POINT_BYTES
        return usable if begin <= usable < end else None

    wrong = _run(work, count, workers, None)
    if wrong is not None:
        raise Error(f"point {wrong} of {what} is not a point of ristretto255 other than the identity")


def random_points(count: int, workers: int = WORKERS, progress: ProgressCall | None = None) -> bytes:
    """Uniform points whose logarithms nobody knows, to pad a list with."""
    random, result = functions().random, _room(count)

    def work(begin: int, end: int) -> None:
        written = result.ctypes.data
        for offset in range(POINT_BYTES * begin, POINT_BYTES * end, POINT_BYTES):
            random(written + offset)

    _run(work, count, workers, progress)
    return result.tobytes()


def repeated(points: bytes, what: str = "the list") -> int | None:
    """Position of a point that stands before it in the list too; None where all are different.

    A point that is sent twice would be told by its two equal tags, whatever the order that they are in.
    """
    count = _count(points, what)
    seen = np.frombuffer(points, f"S{POINT_BYTES}")
    first = np.unique(seen, return_index=True)[1]
    if len(first) == count:
        return None
    again = np.ones(count, bool)
    again[first] = False
    return int(again.argmax())


def _run(work: Work, count: int, workers: int, progress: ProgressCall | None) -> int | None:
    """`work` on all positions; the first that it finds wrong. Ctrl-C and errors end all threads."""
    begins = range(0, count, _CHUNK)

    def chunk(begin: int) -> int | None:
        return work(begin, min(begin + _CHUNK, count))

    workers = workers or os.cpu_count() or 1
    if workers == 1 or count <= _SMALL:
        return _first(map(chunk, begins), count, progress)
    with ThreadPoolExecutor(workers, "overlap") as pool:
        try:
            waiting = [pool.submit(chunk, begin) for begin in begins]
            return _first((future.result() for future in waiting), count, progress)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _first(results: Iterator[int | None], count: int, progress: ProgressCall | None) -> int | None:
    for number, wrong in enumerate(results, 1):
        if wrong is not None:
            return wrong
        if progress is not None:
            progress(min(number * _CHUNK, count), count)
    return None


def _count(points: bytes, what: str) -> int:
    if len(points) % POINT_BYTES:
        raise Error(f"{what} has {len(points)} bytes, which are not points of {POINT_BYTES}")
    return len(points) // POINT_BYTES


def _factor(scalar: Secret) -> bytes:
    return group.decode_scalar(scalar.reveal()).reveal()


def _room(count: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Room for points. Who writes to its address has to hold it too, or it might be gone after two Ctrl-C."""
    return np.zeros(POINT_BYTES * count, np.uint8)
