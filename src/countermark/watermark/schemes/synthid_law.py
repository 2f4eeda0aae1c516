"""The null laws of SynthID's hashes.

Table hash: a g-value is `table[(state + key) mod size]` (table reordered, `lcg.table_by_sum`), so of a
layer's key only its class modulo the size counts. With m_s pairs in state s, the layer's count of ones is
C(k) = Σ_s m_s table[s + k] under class k: a circular correlation, all classes by one Fourier transform. Under
a key drawn uniformly, C takes each of these values with probability 1 / size, *whatever* the text is: no
ideal function is assumed, repeats of a state do no harm, and where every state is equally frequent the law is
a point, and nothing is found. Layers of independent keys have that same law each, and their sum its
depth-fold convolution.

Iterated hash: taken as fair bits, independent for distinct states and layers (ideal PRF), which they are not.
Over all offsets, g-values of two states correlate by 0.03 (root mean square over differences of states; 0.09
the largest of 600 random ones, 0.29 where they differ by a power of two; measured). Signs vary, so the
variance over a text is some 4% off to either side: little at 1e-6, orders of ten at 1e-100. A text can be
made in which most pairs agree (states that differ by j M^-2 meet after the first shift), and then the model
is wrong by any factor. The figure is Chernoff's bound under the model, and no bound without it.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.special import logsumexp

from countermark.stats import chernoff, convolution
from countermark.watermark.prf import lcg

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
UInts = NDArray[np.uint64]
LATTICE = 1 << 15
"""Up to so many points of a weighted sum its law is convolved; above, it is bounded."""
_GRID = 1 << 12


@dataclass(frozen=True)
class LayerLaw:
    """Equally likely classes, grouped by value: what one layer's count is under a uniform key."""

    values: Floats
    """Ascending."""
    probabilities: Floats

    @staticmethod
    def of(counts: Floats, *, rounded: bool) -> "LayerLaw":
        """Of the counts of all classes; `rounded` up to a grid, which no tail probability falls by."""
        if rounded:
            low, step = float(counts.min()), float(np.ptp(counts)) / _GRID or 1.0
            counts = low + np.ceil((counts - low) / step) * step
        values, number = np.unique(counts, return_counts=True)
        return LayerLaw(values, number / len(counts))

    @cached_property
    def whole(self) -> tuple[int, Floats]:
        """Least value, and the probabilities of it and of each integer above."""
        low = int(self.values[0])
        pmf = np.zeros(int(self.values[-1]) - low + 1)
        pmf[self.values.astype(np.int64) - low] = self.probabilities
        return low, pmf


def log_weighted_sf(law: LayerLaw, total: int, weights: Ints) -> float | None:
    """Natural log of P(Σ_l weights_l C_l >= total), exact; None where it would be long work."""
    low, pmf = law.whole
    kinds, powers = np.unique(weights, return_counts=True)
    if len(kinds) > 1 and (len(pmf) - 1) * int(weights.sum()) >= LATTICE:
        return None
    parts = []
    for weight, power in zip(kinds.tolist(), powers.tolist(), strict=True):
        spread = np.zeros((len(pmf) - 1) * weight + 1)
        spread[::weight] = pmf
        parts.append((spread, power))
    return convolution.log_sf(total - low * int(weights.sum()), parts)


def bound(law: LayerLaw, total: float, weights: Floats) -> chernoff.Tail:
    """Chernoff's bound on P(Σ_l weights_l C_l >= total), weights > 0, and the saddlepoint figure."""
    log_p, top = np.log(law.probabilities), float(law.values[-1])
    centred = law.values - top
    mean = float(law.values @ law.probabilities)
    total = chernoff.just_below(min(total, top * float(weights.sum())))
    if total <= mean * float(weights.sum()):
        return chernoff.Tail(0.0, math.log(0.5))

    def cumulant(t: float) -> tuple[float, float, float]:
        log_terms = log_p + t * np.multiply.outer(weights, centred)
        log_mgf = logsumexp(log_terms, axis=1)
        tilted = np.exp(log_terms - log_mgf[:, None])
        means = tilted @ law.values
        variances = (tilted * (law.values - means[:, None]) ** 2).sum(axis=1)
        k = float(log_mgf.sum()) + t * top * float(weights.sum())
        return k, float(weights @ means), float(weights**2 @ variances)

    return chernoff.tail(total, cumulant, math.inf)


@dataclass(frozen=True)
class Tail:
    """What `Evidence` says of an upper tail."""

    log_p: float
    law: str
    exact: bool
    log_saddlepoint: float | None = None


@dataclass(frozen=True)
class TableLayers:
    """The layers of a text under the table hash."""

    ones: Floats
    """Number, or weight, of pairs whose g-value is 1, shape (depth,)."""
    counts: Floats
    """The same under every key class."""
    weighted: bool

    def tail(self, weights: Ints) -> Tail:
        """Tail of the layers' sum, each times its weight."""
        law, total = LayerLaw.of(self.counts, rounded=self.weighted), float(weights @ self.ones)
        law_name = f"each layer's key uniform over {len(self.counts):,} classes"
        if not self.weighted:
            log_p = log_weighted_sf(law, round(total), weights)
            if log_p is not None:
                return Tail(log_p, f"{law_name}: exact convolution of the layers", True)
        bounded = bound(law, total, weights.astype(np.float64))
        return Tail(bounded.log_bound, f"{law_name}: Chernoff's bound", False, bounded.log_saddlepoint)


class TableHash:
    """The table hash of one deployment under its keys, ready to be correlated with texts."""

    def __init__(self, offsets: UInts, table: NDArray[np.uint8]) -> None:
        """`offsets` (`lcg.offsets`), shape (depth,); `table`, shape (size,), size a power of two, of bits."""
        self._low = np.uint64(len(table) - 1)
        self._classes = (offsets & self._low).astype(np.int64)
        self._table = lcg.table_by_sum(table)
        self._spectrum = rfft(self._table.astype(np.float64))

    def bits(self, states: UInts, layer: int) -> NDArray[np.uint8]:
        """One layer's g-value of each state, shape (n,)."""
        places = (states & self._low).astype(np.int64) + self._classes[layer]
        g_values: NDArray[np.uint8] = self._table[places & int(self._low)]
        return g_values

    def layers(self, states: UInts, weights: Floats | None) -> TableLayers:
        """`states` of ngrams hashed from 0, shape (n,), repeats count; optional weights of the same shape."""
        size = len(self._spectrum) * 2 - 2
        held = np.bincount((states & self._low).astype(np.int64), weights, minlength=size)
        counts: Floats = irfft(np.conj(rfft(held.astype(np.float64))) * self._spectrum, size)
        if weights is None:
            counts = np.rint(counts)
        return TableLayers(counts[self._classes], counts, weights is not None)


@dataclass(frozen=True)
class IteratedLayers:
    """The layers of a text under the iterated hash, whose g-values are fair bits under an ideal PRF."""

    ones: Floats
    weights: Floats
    """Distinct weights of pairs, shape (k,)."""
    numbers: Ints
    """Number of pairs of each weight, shape (k,)."""

    def tail(self, weights: Ints) -> Tail:
        """Tail of the layers' sum, each times its weight.

        The model's bound, also where fair bits would have the binomial law: the bits are correlated in pairs,
        and more than the nominal share of null texts passed under the binomial
        (docs/watermark-benchmarks.md).
        """
        total = float(weights @ self.ones)
        bounded = chernoff.weighted_bernoullis(
            total, np.multiply.outer(weights, self.weights).ravel(), np.tile(self.numbers, len(weights)), 0.5
        )
        law = "Chernoff's bound, if the hash were ideal"
        return Tail(bounded.log_bound, law, False, bounded.log_saddlepoint)


class IteratedHash:
    """The iterated hash under its keys."""

    def __init__(self, offsets: UInts) -> None:
        """`offsets` (`lcg.offsets`), shape (depth,)."""
        self._offsets = offsets

    def bits(self, states: UInts, layer: int) -> NDArray[np.uint8]:
        """One layer's g-value of each state, shape (n,)."""
        return lcg.iterated_bits(states, self._offsets[layer])

    def layers(self, states: UInts, weights: Floats | None) -> IteratedLayers:
        """As `TableHash.layers`."""
        each = np.ones(len(states)) if weights is None else weights
        ones = [each @ lcg.iterated_bits(states, offset) for offset in self._offsets]
        return IteratedLayers(np.array(ones), *np.unique(each, return_counts=True))
