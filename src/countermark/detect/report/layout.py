"""Where the accounts of a campaign stand in its picture: the more two share, the closer they are."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

MOST_NODES = 100
"""A spring layout costs nodes squared, and beyond this a picture is a blot anyway."""
MOST_EDGES = 2000
ITERATIONS = 35
SEED = 0


@dataclass(frozen=True)
class Layout:
    """The part of the network that is drawn."""

    nodes: list[int]
    """Positions in the campaign's members."""
    place: NDArray[np.float64]
    """Shape (nodes, 2), within the unit disc."""
    ends: NDArray[np.int64]
    """Shape (edges, 2), positions in `nodes`; the strongest edge first."""
    weights: NDArray[np.float64]
    """Shape (edges,)."""


def lay_out(edges: Sequence[tuple[int, int, float]], most_nodes: int = MOST_NODES) -> Layout:
    """Seeded spring layout (Fruchterman and Reingold 1991) of the best connected accounts."""
    links: defaultdict[tuple[int, int], float] = defaultdict(float)
    strength: defaultdict[int, float] = defaultdict(float)
    for i, j, weight in edges:
        if i != j:
            links[min(i, j), max(i, j)] += weight
            strength[i] += weight
            strength[j] += weight
    nodes = sorted(strength, key=lambda node: (-strength[node], node))[:most_nodes]
    index = {node: position for position, node in enumerate(nodes)}
    kept = sorted(
        (-weight, index[i], index[j]) for (i, j), weight in links.items() if i in index and j in index
    )
    kept = kept[:MOST_EDGES]
    ends = np.array([pair[1:] for pair in kept], dtype=np.int64).reshape(-1, 2)
    weights = np.array([-pair[0] for pair in kept], dtype=np.float64)
    return Layout(nodes, _spring(len(nodes), ends, weights), ends, weights)


def _spring(size: int, ends: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    from sknetwork.embedding import Spring

    if size < 2 or not len(ends):
        return np.zeros((size, 2))
    relative = weights / weights.max() if weights.max() > 0 else np.ones_like(weights)
    half = sparse.csr_matrix((relative, (ends[:, 0], ends[:, 1])), shape=(size, size))
    adjacency = sparse.csr_matrix(half + half.T)
    spring = Spring(n_iter=ITERATIONS).fit(adjacency, position_init=_start(adjacency))
    return _fill_disc(spring.embedding_)


def _start(adjacency: sparse.csr_matrix) -> NDArray[np.float64]:
    """Ranks of spectral positions: groups begin apart, so that few iterations do; noise parts equals."""
    from scipy.stats import rankdata

    size = adjacency.shape[0]
    scale = 1 / np.sqrt(np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1e-12))
    similarity = adjacency.toarray() * scale[:, None] * scale[None, :]
    vectors = np.linalg.eigh(similarity)[1][:, ::-1][:, 1:3] * scale[:, None]
    vectors = np.pad(vectors, ((0, 0), (0, 2 - vectors.shape[1])))
    noise = np.random.default_rng(SEED).normal(scale=0.05, size=(size, 2))
    return np.asarray(2 * rankdata(vectors.round(9), axis=0) / size - 1 + noise)


def _fill_disc(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centred, the narrower axis stretched up to twice, and the few far-off nodes drawn in to the rim."""
    place = place - np.median(place, axis=0)
    bulk = 1.1 * np.quantile(np.abs(place), 0.95, axis=0)
    place = place / np.maximum(np.maximum(bulk, bulk.max() / 2), 1e-9)
    radius = np.maximum(np.linalg.norm(place, axis=1, keepdims=True), 1e-9)
    return np.asarray(
        place / radius * np.where(radius < 0.8, radius, 0.8 + 0.2 * np.tanh((radius - 0.8) / 0.2))
    )
