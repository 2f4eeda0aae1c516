"""Reading the units of two checkpoints that correspond, sampled and shuffled by the recorded seed."""

from dataclasses import dataclass

import numpy as np

from countermark.attribute.lineage.matching import Floats, Indices, Units
from countermark.errors import Error, ExitCode
from countermark.models.checkpoint import MOST, Checkpoint
from countermark.models.layers import Block, blocks, gain

LEAST_UNITS = 2


@dataclass(frozen=True)
class Models:
    """Reference and suspect, and their blocks that correspond."""

    reference: Checkpoint
    suspect: Checkpoint
    pairs: list[tuple[Block, Block]]
    """Blocks with the same numbers in their names."""

    @classmethod
    def of(cls, reference: Checkpoint, suspect: Checkpoint) -> "Models":
        """Raises `Error(NO_INPUT)` where no unit of one can be held against one of the other."""
        theirs = {block.key: block for block in blocks(suspect)}
        ours = blocks(reference)
        for model, found in ((reference, ours), (suspect, theirs)):
            if not found:
                raise _unusable(f"{model.folder} has no MLP whose names are known")
        pairs = [(block, theirs[block.key]) for block in ours if block.key in theirs]
        pairs = [(a, b) for a, b in pairs if len(_views(a, b)) > 1 and min(a.units, b.units) >= LEAST_UNITS]
        if not pairs:
            raise _unusable("no layer of the suspect corresponds to one of the reference")
        for a, b in pairs:
            for view in _views(a, b):
                here, there = getattr(a, view).inputs, getattr(b, view).inputs
                if here != there:
                    raise _unusable(
                        f"the shapes do not match: {view}-projections of the reference have {here:,} "
                        f"numbers a unit, those of the suspect {there:,}"
                    )
        return cls(reference, suspect, pairs)

    @property
    def hidden(self) -> int:
        """Inputs of a unit."""
        return self.pairs[0][0].up.inputs

    def read(
        self,
        pair: tuple[Block, Block],
        most: int,
        generator: np.random.Generator,
        rotation: Floats | None = None,
    ) -> tuple[Units, Units, bool]:
        """Units of both, shuffled, at most `most` of each, and whether both layers have one width.

        Of layers of one width the same places are drawn from both. `rotation`, (hidden, hidden), takes the
        suspect's directions into the reference's.
        """
        ours, theirs = pair
        labelled = ours.units == theirs.units
        first = _drawn(ours.units, most, generator)
        second = first if labelled else _drawn(theirs.units, most, generator)
        views = _views(ours, theirs)
        a = _units(self.reference, ours, views, generator.permutation(first), None)
        b = _units(self.suspect, theirs, views, generator.permutation(second), rotation)
        return a, b, labelled


def _views(ours: Block, theirs: Block) -> list[str]:
    return [
        view for view in ("gate", "up", "down") if getattr(ours, view) is not None and getattr(theirs, view)
    ]


def _drawn(units: int, most: int, generator: np.random.Generator) -> Indices:
    if units <= most:
        return np.arange(units)
    return np.sort(generator.choice(units, most, replace=False)).astype(np.int64)


def _units(
    model: Checkpoint, block: Block, views: list[str], index: Indices, rotation: Floats | None
) -> Units:
    """The gain of the norm before the block is folded in: a model may keep it in either place."""
    scale = gain(model, block)
    read = {}
    for view in views:
        values = getattr(block, view).read(model, index)
        if view != "down" and scale is not None and scale.size == values.shape[1]:
            with np.errstate(over="ignore"):
                values = values * scale
            if not (np.abs(values) <= MOST).all():
                raise _unusable(f"{model.folder} has weights beyond {MOST:g} with the norm's gain")
        read[view] = values if rotation is None else values @ rotation.T
    return Units(index, read)


def _unusable(why: str) -> Error:
    return Error(why, hint="lineage compares MLP units of one hidden size", exit_code=ExitCode.NO_INPUT)
