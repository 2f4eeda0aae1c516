"""Whether the suspect's hidden directions are the reference's, or a rotation of them, as the embeddings say.

A model computes the same when all that reads from and writes to its residual stream is rotated (norms folded
in). The embeddings E of the tokens, which both know by their ids, then show the rotation: the orthogonal R
closest to E' = E R is U V' of the singular value decomposition of E' E transposed (Schönemann 1966).

The choice of a basis sees embeddings only. Relabelling the units of an MLP changes no embedding, so the law
of a matching in the chosen basis is the same.
"""

from dataclasses import dataclass

import numpy as np

from countermark.attribute.lineage.matching import Floats, Indices, unit
from countermark.models.checkpoint import Checkpoint
from countermark.models.layers import embedding

AS_IT_IS = 0.5
"""Correlation of the embeddings above which the suspect's directions are taken as they are."""
ROTATED = 0.6
"""Correlation after rotation above which they are rotated."""
ALIKE = 0.3
"""Correlation of the cosines between tokens below which no rotation is looked for."""
COSINES = 1_024
"""Tokens for it."""
MOST_TOKENS = 8_192
WIDEST = 1 << 16
"""Embeddings of more numbers are not read."""
MOST_HIDDEN = 8_192
"""No rotation is looked for in larger models: the decomposition takes minutes."""


@dataclass(frozen=True)
class Basis:
    """How the suspect's directions are read."""

    rotation: Floats | None
    """(hidden, hidden): suspect rows times its transpose are in the reference's directions; None: as is."""
    as_it_is: float | None
    """Correlation of the embeddings; None where they cannot be compared."""
    rotated: float | None
    """The same after the best rotation; None where it was not looked for."""
    tokens: int


def choose(reference: Checkpoint, suspect: Checkpoint, generator: np.random.Generator) -> Basis:
    """The basis of the comparison."""
    pair = embeddings(reference, suspect, generator)
    if pair is None or pair[0].shape != pair[1].shape:
        return Basis(None, None, None, 0)
    ours, theirs, _ = pair
    size = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    tokens, hidden = ours.shape
    if size == 0:
        return Basis(None, None, None, tokens)
    plain = float(np.vdot(ours, theirs)) / size
    if plain >= AS_IT_IS or hidden > MOST_HIDDEN or tokens < hidden or not _alike(ours, theirs):
        return Basis(None, plain, None, tokens)
    u, spectrum, v = np.linalg.svd(ours.T @ theirs)
    rotated = float(spectrum.sum()) / size
    return Basis((u @ v).astype(np.float32) if rotated >= ROTATED else None, plain, rotated, tokens)


def embeddings(
    reference: Checkpoint, suspect: Checkpoint, generator: np.random.Generator, most: int = MOST_TOKENS
) -> tuple[Floats, Floats, Indices] | None:
    """Embeddings of the same tokens in both, (tokens, hidden), each row to length 1; None where the
    vocabularies have not one size."""
    ours, theirs = embedding(reference), embedding(suspect)
    if ours is None or theirs is None:
        return None
    shapes = reference.shape(ours), suspect.shape(theirs)
    if any(len(shape) != 2 or shape[1] > WIDEST for shape in shapes) or shapes[0][0] != shapes[1][0]:
        return None
    tokens = shapes[0][0]
    index = np.arange(tokens)
    if tokens > most:
        index = np.sort(generator.choice(tokens, most, replace=False))
    return unit(reference.rows(ours, index)), unit(suspect.rows(theirs, index)), index


def _alike(ours: Floats, theirs: Floats) -> bool:
    """Whether the cosines between tokens, which no rotation changes, are correlated in the two models. It
    spares unrelated models of some size the decomposition; a rotation that fits has about ROTATED squared."""
    some = np.linspace(0, len(ours) - 1, min(COSINES, len(ours))).astype(np.int64)
    upper = np.triu_indices(some.size, 1)
    cosines = [(rows[some] @ rows[some].T)[upper] for rows in (ours, theirs)]
    centred = [one - one.mean() for one in cosines]
    size = float(np.linalg.norm(centred[0]) * np.linalg.norm(centred[1]))
    return size > 0 and float(centred[0] @ centred[1]) / size >= ALIKE
