"""Reading the units of two checkpoints that correspond, sampled and shuffled by the recorded seed."""

from dataclasses import dataclass

import numpy as np

from countermark.attribute.lineage.matching import Floats, Indices, Units
from countermark.errors import Error, ExitCode
from countermark.models.checkpoint import MOST, Checkpoint
from countermark.models.layers import Block, blocks, gain, towers

LEAST_UNITS = 2
MOST_TOWERS = 4
"""Of a suspect, whose shapes fit; the largest are compared."""


@dataclass(frozen=True)
class Pair:
    """A block of the reference and one of the suspect."""

    ours: Block
    theirs: Block
    tower: int
    """Of the suspect; 0 is the one that looks like its language model."""

    @property
    def shifted(self) -> bool:
        """Whether their numbers differ."""
        return self.ours.key != self.theirs.key

    @property
    def name(self) -> str:
        """Numbers of both, and of the tower, as far as they differ."""
        ours, theirs = (".".join(map(str, block.key)) for block in (self.ours, self.theirs))
        name = f"{ours} to {theirs}" if self.shifted else ours
        return f"{name} of tower {self.tower + 1}" if self.tower else name


@dataclass(frozen=True)
class Models:
    """Reference and suspect, and their blocks that may correspond."""

    reference: Checkpoint
    suspect: Checkpoint
    pairs: list[Pair]
    """Blocks with the same numbers in their names, in every tower of the suspect; where one has fewer layers,
    also those that correspond if some were taken out before them."""
    towers_left: int
    """Towers of the suspect that fit and are not among the pairs."""

    @classmethod
    def of(cls, reference: Checkpoint, suspect: Checkpoint) -> "Models":
        """Raises `Error(NO_INPUT)` where no unit of one can be held against one of the other."""
        ours, found = blocks(reference), towers(suspect)
        for model, has in ((reference, ours), (suspect, found)):
            if not has:
                raise _unusable(f"{model.folder} has no MLP whose names are known")
        unfit: list[str] = []
        fitting = [_fitting(ours, tower, number, unfit) for number, tower in enumerate(found)]
        fitting = [pairs for pairs in fitting if pairs]
        if not fitting:
            raise _unusable(next(iter(unfit), "no layer of the suspect corresponds to one of the reference"))
        pairs = [pair for tower in fitting[:MOST_TOWERS] for pair in tower]
        return cls(reference, suspect, pairs, len(fitting[MOST_TOWERS:]))

    def sampled(self, most: int, generator: np.random.Generator) -> list[Pair]:
        """At most `most` pairs of the same number and as many others, of each tower."""
        groups: dict[tuple[int, bool], list[Pair]] = {}
        for pair in self.pairs:
            groups.setdefault((pair.tower, pair.shifted), []).append(pair)
        chosen: list[Pair] = []
        for pairs in groups.values():
            chosen += [pairs[at] for at in _drawn(len(pairs), most, generator)]
        return chosen

    @property
    def hidden(self) -> int:
        """Inputs of a unit."""
        return self.pairs[0].ours.up.inputs

    def read(
        self,
        pair: Pair,
        most: int,
        generator: np.random.Generator,
        rotation: Floats | None = None,
    ) -> tuple[Units, Units, bool]:
        """Units of both, shuffled, at most `most` of each, and whether both layers have one width.

        Of layers of one width the same places are drawn from both. `rotation`, (hidden, hidden), takes the
        suspect's directions into the reference's.
        """
        ours, theirs = pair.ours, pair.theirs
        labelled = ours.units == theirs.units
        first = _drawn(ours.units, most, generator)
        second = first if labelled else _drawn(theirs.units, most, generator)
        views = _views(ours, theirs)
        a = _units(self.reference, ours, views, generator.permutation(first), None)
        b = _units(self.suspect, theirs, views, generator.permutation(second), rotation)
        return a, b, labelled


def _fitting(ours: list[Block], theirs: list[Block], tower: int, unfit: list[str]) -> list[Pair]:
    """Blocks of a tower that may correspond to ours; why some do not is added to `unfit`."""
    known = {block.key: block for block in theirs}
    fewer = _layers(ours) - _layers(theirs)
    pairs = []
    for block in ours:
        for later in range(min(0, fewer), max(0, fewer) + 1):
            other = known.get((block.key[0] - later, *block.key[1:]) if block.key else ())
            if other is None or min(block.units, other.units) < LEAST_UNITS:
                continue
            views = _views(block, other)
            wrong = [v for v in views if getattr(block, v).inputs != getattr(other, v).inputs]
            if wrong:
                here, there = (getattr(one, wrong[0]).inputs for one in (block, other))
                unfit.append(
                    f"the shapes do not match: {wrong[0]}-projections of the reference have {here:,} "
                    f"numbers a unit, those of the suspect {there:,}"
                )
            elif len(views) > 1:
                pairs.append(Pair(block, other, tower))
    return pairs


def _layers(found: list[Block]) -> int:
    """Layers; experts of one have its number in common."""
    return len({block.key[:1] for block in found})


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
        read[view] = values if rotation is None or len(rotation) != values.shape[1] else values @ rotation.T
    return Units(index, read)


def _unusable(why: str) -> Error:
    return Error(why, hint="lineage compares MLP units of one hidden size", exit_code=ExitCode.NO_INPUT)
