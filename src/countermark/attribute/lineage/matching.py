"""Matching the units of two layers, and what the matchings say.

Everything here sees shuffled units: `Units` holds them in an order drawn from the recorded seed, the original
places stand beside. So ties (units that are equal, or all zero) are broken at random, and nothing can depend
on where a unit stood, except through `labels`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
_TINY = 1e-12


@dataclass(frozen=True)
class Units:
    """Units of one layer of one model, shuffled."""

    labels: Indices
    """(units,): the place of each in its layer."""
    views: dict[str, Floats]
    """By projection (`gate`, `up`, `down`): (units, features)."""


@dataclass(frozen=True)
class Matched:
    """Two layers matched; `a` are reference units, `b` suspect units, as places in their layers."""

    name: str
    """Of the layers."""
    size: int
    """Units of the smaller side."""
    a: Indices
    b: Indices
    """(size,): pairs of the assignment by all projections together."""
    close: NDArray[np.bool_]
    """(size,): whether each of the pair is the other's nearest."""
    agreed: int
    """Pairs that two projections, matched apart from each other, both give, and that are nearest in both."""
    labelled: bool
    """Whether both layers are of one width, so that places correspond."""

    @property
    def fixed(self) -> int:
        """Pairs at the same place in both layers."""
        return int(np.sum(self.a == self.b)) if self.labelled else 0


def match(name: str, ours: Units, theirs: Units, labelled: bool) -> Matched:
    """Assign units of the reference to units of the suspect, together and by two projections apart.

    Linear assignment of the largest total similarity (Zhu et al. 2025, "Independence tests for language
    models", algorithm 2), never a unit's nearest alone: a matching is one to one, so its law under
    relabelling is a uniform permutation's.
    """
    similar = {view: similarity(ours.views[view], theirs.views[view]) for view in ours.views}
    joint = together(similar)
    rows, columns = assign(joint)
    return Matched(
        name,
        rows.size,
        ours.labels[rows],
        theirs.labels[columns],
        nearest(joint)[rows, columns],
        agreement(*apart(similar)),
        labelled,
    )


def together(similar: dict[str, Floats]) -> Floats:
    """Mean of the similarities of all projections.

    A gated unit computes act(gate x) (up x) down, which stays the same when the signs of its row of up and of
    its column of down both change. So of these two the size of the sum counts.
    """
    rest = [similar[view] for view in ("up", "down") if view in similar]
    signed: Floats = sum(rest[1:], rest[0])
    total = similar["gate"] + np.abs(signed) if "gate" in similar else signed
    result: Floats = total / np.float32(len(similar))
    return result


def apart(similar: dict[str, Floats]) -> tuple[Floats, Floats]:
    """The two projections that are matched apart: gate and up, whose sign is free; up and down in a model
    without gates."""
    if "gate" in similar:
        return similar["gate"], np.abs(similar["up"])
    return similar["up"], similar["down"]


def agreement(first: Floats, second: Floats) -> int:
    """Pairs that both assignments give and that are nearest to each other in both.

    Counting only the nearest can but make the number smaller, so that what bounds the number of agreements
    bounds this one. It takes away pairs that an assignment of unrelated units brings together by what their
    units have in common across projections (a norm, a frequency).
    """
    rows, columns = assign(first)
    again, others = assign(second)
    both = np.zeros(first.shape, bool)
    both[rows, columns] = True
    both &= nearest(first) & nearest(second)
    return int(both[again, others].sum())


def assign(similar: Floats) -> tuple[Indices, Indices]:
    """Rows and columns of the one-to-one matching with the largest total."""
    rows, columns = linear_sum_assignment(similar, maximize=True)
    return rows.astype(np.int64), columns.astype(np.int64)


def nearest(similar: Floats) -> NDArray[np.bool_]:
    """Where an entry is the largest of its row and of its column."""
    of_row, of_column = similar.argmax(axis=1), similar.argmax(axis=0)
    both = np.zeros(similar.shape, bool)
    at = np.flatnonzero(of_column[of_row] == np.arange(similar.shape[0]))
    both[at, of_row[at]] = True
    return both


def similarity(ours: Floats, theirs: Floats) -> Floats:
    """Cosines between units, (ours, theirs), of what is left when the common is taken away.

    What all units of a layer share, and how long each is, brings unrelated units together. So each unit gets
    length 1 (or 0), features are scaled by their size in both models, the mean directions of both are
    projected out of both, and each unit gets length 1 again. Equal units stay equal, the order of the units
    does not matter, and a unit of huge numbers counts no more than another: up times c and down over c is
    the same function.
    """
    ours, theirs = unit(ours), unit(theirs)
    scale = np.sqrt(_size(ours) * _size(theirs))
    scale = np.where(scale > _TINY, scale, 1)
    sides = [(side / scale).astype(np.float32) for side in (ours, theirs)]
    common, _ = np.linalg.qr(np.stack([unit(side).mean(axis=0) for side in sides]).T)
    left = [unit(side - (side @ common) @ common.T) for side in sides]
    result: Floats = left[0] @ left[1].T
    return result


def _size(units: Floats) -> Floats:
    size: Floats = np.sqrt(np.mean(np.square(units), axis=0))
    return size


def unit(rows: Floats) -> Floats:
    """Rows at length 1; zeros stay. By the largest number of each first: squares would leave float32."""
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0)
    scaled = rows / np.where(largest > 0, largest, 1)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    result: Floats = (scaled / np.where(length > 0, length, 1)).astype(np.float32)
    return result
