"""Whether the suspect's hidden directions are the reference's, or a rotation of them, as the embeddings say.

A model computes the same when all that reads from and writes to its residual stream is rotated (norms folded
in). The embeddings E of the tokens, which both know by their ids, then show the rotation: the orthogonal R
closest to E' = E R is U V' of the singular value decomposition of E' E transposed (Schönemann 1966).

The choice of a basis sees embeddings only. Relabelling the units of an MLP changes no embedding, so the law
of a matching in the chosen basis is the same.
"""

from dataclasses import dataclass

import numpy as np

from countermark.attribute.lineage.matching import Floats, unit
from countermark.models.checkpoint import Checkpoint
from countermark.models.layers import embeddings as names

AS_IT_IS = 0.5
"""Correlation of the embeddings above which the suspect's directions are taken as they are."""
ROTATED = 0.6
"""Correlation after rotation above which they are rotated."""
ALIKE = 0.3
"""Correlation of the cosines between tokens below which no rotation is looked for."""
APART = 0.1
"""Correlation up to which the embeddings show no basis in common: independent models of the benchmark have at
most 0.05."""
ONE = 0.95
"""Correlation from which they are one and the same, also after fine-tuning and rotation."""
MOST_NAMES = 4
"""Matrices of the suspect that are tried as its embeddings."""
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

    rotation: Floats | None = None
    """(hidden, hidden): suspect rows times its transpose are in the reference's directions; None: as is."""
    as_it_is: float | None = None
    """Correlation of the embeddings; None where they cannot be compared."""
    rotated: float | None = None
    """The same after the best rotation; None where it was not looked for."""
    unseen: bool = True
    """Whether a rotation could not be seen if there were one."""
    embedding: str | None = None
    """Name of the suspect's embeddings that this is from."""

    @property
    def correlation(self) -> float | None:
        """Of the embeddings in this basis."""
        return self.as_it_is if self.rotation is None else self.rotated

    @property
    def kind(self) -> str:
        """What the two have in common: `apart`, `one` and the same, `shared` in part, or `unknown`."""
        if self.correlation is None:
            return "unknown"
        if abs(self.correlation) <= APART:
            return "apart"
        return "one" if self.correlation >= ONE else "shared"


def choose(reference: Checkpoint, suspect: Checkpoint, generator: np.random.Generator) -> Basis:
    """The basis of the comparison: of all that may be the suspect's embeddings, by those that fit best."""
    found = [_basis(reference, suspect, name, generator) for name in names(suspect)[:MOST_NAMES]]
    return max(found, key=lambda one: -1.0 if one.correlation is None else one.correlation, default=Basis())


def _basis(reference: Checkpoint, suspect: Checkpoint, name: str, generator: np.random.Generator) -> Basis:
    pair = embeddings(reference, suspect, name, generator)
    if pair is None or pair[0].shape != pair[1].shape:
        return Basis()
    ours, theirs = pair
    size = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    tokens, hidden = ours.shape
    if size == 0:
        return Basis()
    plain = float(np.vdot(ours, theirs)) / size
    if plain >= AS_IT_IS:
        return Basis(None, plain, None, False, name)
    if hidden > MOST_HIDDEN or tokens < hidden:
        return Basis(None, plain, None, True, name)
    if not _alike(ours, theirs):
        return Basis(None, plain, None, False, name)
    u, spectrum, v = np.linalg.svd(ours.T @ theirs)
    rotated = float(spectrum.sum()) / size
    rotation = (u @ v).astype(np.float32) if rotated >= ROTATED else None
    return Basis(rotation, plain, rotated, False, name)


def embeddings(
    reference: Checkpoint,
    suspect: Checkpoint,
    name: str | None,
    generator: np.random.Generator,
    most: int = MOST_TOKENS,
) -> tuple[Floats, Floats] | None:
    """Embeddings of the same tokens in both, (tokens, hidden), each row to length 1; of the suspect those of
    this name. Where one has more tokens (padding, added ones) the first are compared. None without any."""
    ours = next(iter(names(reference)), None)
    if ours is None or name is None:
        return None
    shapes = reference.shape(ours), suspect.shape(name)
    tokens = min(shape[0] for shape in shapes)
    if tokens == 0 or any(shape[1] > WIDEST for shape in shapes):
        return None
    index = np.arange(tokens)
    if tokens > most:
        index = np.sort(generator.choice(tokens, most, replace=False))
    return unit(reference.rows(ours, index)), unit(suspect.rows(name, index))


def _alike(ours: Floats, theirs: Floats) -> bool:
    """Whether the cosines between tokens, which no rotation changes, are correlated in the two models. It
    spares unrelated models of some size the decomposition; a rotation that fits has about ROTATED squared."""
    some = np.linspace(0, len(ours) - 1, min(COSINES, len(ours))).astype(np.int64)
    upper = np.triu_indices(some.size, 1)
    cosines = [(rows[some] @ rows[some].T)[upper] for rows in (ours, theirs)]
    centred = [one - one.mean() for one in cosines]
    size = float(np.linalg.norm(centred[0]) * np.linalg.norm(centred[1]))
    return size > 0 and float(centred[0] @ centred[1]) / size >= ALIKE
