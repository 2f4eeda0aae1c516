"""Are the suspect's weights independent of the reference's? MLP units are matched; `laws` has the nulls."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from countermark.attribute.base import Examined, ProgressCall
from countermark.attribute.lineage import laws, pictures
from countermark.attribute.lineage.activations import Activations
from countermark.attribute.lineage.alignment import Basis, choose
from countermark.attribute.lineage.heads import of_heads
from countermark.attribute.lineage.matching import Matched, Units, match
from countermark.attribute.lineage.order import OrderCheck
from countermark.attribute.lineage.reading import Models
from countermark.errors import Error, ExitCode
from countermark.models.checkpoint import Checkpoint
from countermark.models.tokenizer_overlap import overlap
from countermark.records.attributions import WEIGHTS_NOT_INDEPENDENT, Test, ValidityDomain
from countermark.trust.keyfiles import Secret
from countermark.trust.seeds import seed_of

DOMAIN = ValidityDomain(
    measured={
        "hidden size": [32.0, 96.0],
        "units of a layer": [96.0, 288.0],
        "layers": [2.0, 4.0],
        "projections": ["gate, up, down"],
        "stored as": ["F32"],
        "basis": ["apart", "one"],
    },
    where=laws.CALIBRATION,
)
"""Models of the benchmark."""
EXPLANATIONS = [
    "both models were initialised with the same seed",
    "both go back to the same public model, or each to a third one in between",
    "a third party merged, edited or published the reference's weights",
    "the suspect is older, and the reference goes back to it",
    "units of both were ordered alike (importance, activation-ordered quantisation)",
]
UNITS = 2_000
LEAST_UNITS, MOST_UNITS = 16, 8_000
LAYERS = 32
MOST_LAYERS = 1_000
DECIDING = 3
"""Tests that decide: fixed points, order, agreement."""
ANCESTOR_LEVEL = 1e-3


@dataclass(frozen=True)
class Compared:
    """Layers of two models, matched."""

    layers: list[Matched]
    activations: list[int]
    """Agreements on activations by layer; empty where they were not asked for or cannot be had."""
    ordered: tuple[bool, bool]
    """Whether the units of the reference and of the suspect stand in an order of their own."""
    by: str
    """The property that the order of the suspect follows most."""
    basis: Basis


class Lineage:
    """Compares suspects with one reference."""

    name = "lineage"
    positive = WEIGHTS_NOT_INDEPENDENT
    negative = "not shown"
    domain = DOMAIN
    other_explanations = EXPLANATIONS

    def __init__(
        self,
        reference: Path,
        *,
        seed: Secret | None = None,
        alpha: float = 0.01,
        layers: int = LAYERS,
        units: int = UNITS,
        re_randomise: bool = False,
        ancestors: Sequence[Path] = (),
    ) -> None:
        """`layers` and `units` (of a layer) are the most that are compared; more are sampled by the seed.

        `re_randomise` shuffles the units of both models and uses nothing that depends on their places.
        `ancestors` are models that both may go back to; where both do, the null is false and nothing is
        concluded. Raises `Error(NO_INPUT)` for a folder that is no checkpoint, `Error(USAGE)` for numbers
        out of bounds.
        """
        if not LEAST_UNITS <= units <= MOST_UNITS or not 1 <= layers <= MOST_LAYERS:
            raise Error(
                f"--units is from {LEAST_UNITS} to {MOST_UNITS:,}, --layers from 1 to {MOST_LAYERS:,}",
                exit_code=ExitCode.USAGE,
            )
        self._reference = Checkpoint.open(reference)
        self._ancestors = [Checkpoint.open(path) for path in ancestors]
        self._seed = seed
        self._alpha = alpha
        self._layers, self._units = layers, units
        self._re_randomise = re_randomise
        self._digest = self._reference.digest()
        self._known: dict[tuple[Path, Path], bool | None] = {}
        self.inputs = {"reference": reference} | {
            f"ancestor {number}": path for number, path in enumerate(ancestors, start=1)
        }

    @property
    def hypotheses(self) -> int:
        """Tests that decide."""
        return 1 if self._re_randomise else DECIDING

    @property
    def subject(self) -> str:
        """First 16 hex digits of the reference's digest."""
        return self._digest[:16]

    def examine(self, suspect: Path, progress: ProgressCall | None = None) -> Examined:
        """Test one suspect; raises `Error(NO_INPUT)` where none of its units can be held against ours."""
        opened = Checkpoint.open(suspect)
        models = Models.of(self._reference, opened)
        seed = seed_of(self._seed, "lineage", self._digest, opened.digest())
        generator = np.random.default_rng(seed)
        compared = self._compare(models, generator, progress)
        basis = compared.basis
        heads = of_heads(self._reference, opened, self.subject, generator, basis.rotation, self._layers)
        tests = [*self._tests(compared), *([heads] if heads else [])]
        deciding = [test for test in tests if test.decides]
        sizes = [layer.size for layer in compared.layers]
        return Examined(
            tests=tests,
            problems=self._problems(compared, models),
            unseen=self._unseen(compared, tests),
            minimum_detectable=self._minimum(sizes, len(deciding)),
            properties=_properties(models, basis),
            parameters=self._parameters(models, compared, seed),
            pictures={
                "layers": pictures.by_layer([one for one in tests if "layers" in one.details]),
                "matching": pictures.of_matching(compared.layers),
            },
        )

    def _compare(
        self,
        models: Models,
        generator: np.random.Generator,
        progress: ProgressCall | None = None,
    ) -> Compared:
        basis = choose(models.reference, models.suspect, generator)
        chosen = models.sampled(self._layers, generator)
        checks = OrderCheck(), OrderCheck()
        active = Activations(models.reference, models.suspect, basis.embedding, generator)
        layers, agreed, seen = [], [], set()
        for number, pair in enumerate(chosen, start=1):
            ours, theirs, labelled = models.read(pair, self._units, generator, basis.rotation)
            for check, block, units in zip(checks, (pair.ours, pair.theirs), (ours, theirs), strict=True):
                if (check, block) not in seen:
                    check.add(units)
                    seen.add((check, block))
            layers.append(match(pair.name, ours, theirs, labelled))
            agreed.append(active.agreed(*_unrotated(ours, theirs, basis)))
            if progress is not None:
                progress(number, len(chosen))
        known = [one for one in agreed if one is not None]
        ordered = checks[0].ordered(), checks[1].ordered()
        agreements = known if len(known) == len(layers) else []
        return Compared(layers, agreements, ordered, checks[1].found()[1], basis)

    def _tests(self, compared: Compared) -> list[Test]:
        layers, subject = compared.layers, self.subject
        tests = []
        labelled = [layer for layer in layers if layer.labelled]
        if not self._re_randomise:
            if labelled:
                tests.append(laws.of_fixed_points(labelled, subject, EXPLANATIONS))
            tests.append(laws.of_order(layers, subject, EXPLANATIONS))
            tests.append(laws.of_spearman(layers, subject, EXPLANATIONS))
        counts = [layer.agreed for layer in layers]
        paired = compared.basis.kind in ("apart", "one")
        tests.append(laws.of_agreement(counts, layers, subject, EXPLANATIONS, decides=paired))
        if compared.activations:
            name = "agreement of gate and up on activations"
            tests.append(
                laws.of_agreement(
                    compared.activations, layers, subject, EXPLANATIONS, name=name, decides=False
                )
            )
        return tests

    def _problems(self, compared: Compared, models: Models) -> list[str]:
        problems = []
        if all(compared.ordered) and not self._re_randomise:
            problems.append(
                "the units of both models stand in an order of their own "
                f"({compared.by}), so that unrelated units match by place; --re-randomise uses no places"
            )
        if models.towers_left:
            problems.append(
                f"{models.towers_left:,} more parts of the suspect have the reference's shapes and were not "
                "compared"
            )
        for number, ancestor in enumerate(self._ancestors, start=1):
            problems += self._of_ancestor(f"ancestor {number}", ancestor, models.suspect)
        return problems

    def _unseen(self, compared: Compared, tests: Sequence[Test]) -> list[str]:
        """What stands against `not shown`."""
        unseen = []
        if compared.basis.unseen:
            unseen.append("the embeddings could not be compared, so that a rotated model was not looked for")
        agreement = next(test for test in tests if test.name == laws.AGREEMENT)
        if not agreement.decides and agreement.p_value <= laws.AGREEMENT_TO:
            unseen.append(
                "units agree in gate and up at other places, but the embeddings have a basis in common in "
                "part or cannot tell, and in a common basis independent models may agree too"
            )
        return unseen

    def _of_ancestor(self, name: str, ancestor: Checkpoint, suspect: Checkpoint) -> list[str]:
        """What a public model takes away from the null, in words."""
        back = [self._goes_back(model, ancestor) for model in (self._reference, suspect)]
        if False in back:
            return []
        if None in back:
            which = "reference" if back[0] is None else "suspect"
            return [f"{name} cannot be compared with the {which}, so it may be a common origin"]
        return [
            f"reference and suspect are both not independent of {name}, so that they were not initialised "
            "independently"
        ]

    def _goes_back(self, model: Checkpoint, ancestor: Checkpoint) -> bool | None:
        """Whether the deciding tests show `model` not independent of `ancestor`; None: cannot be tested."""
        asked = model.folder, ancestor.folder
        if asked not in self._known:
            self._known[asked] = self._tested(model, ancestor)
        return self._known[asked]

    def _tested(self, model: Checkpoint, ancestor: Checkpoint) -> bool | None:
        try:
            models = Models.of(ancestor, model)
        except Error:
            return None
        seed = seed_of(self._seed, "lineage ancestor", ancestor.digest(), model.digest())
        compared = self._compare(models, np.random.default_rng(seed))
        tests = [test for test in self._tests(compared) if test.decides]
        return min((test.p_value for test in tests), default=1.0) * len(tests) < ANCESTOR_LEVEL

    def _minimum(self, sizes: list[int], deciding: int) -> dict[str, Any]:
        units = laws.smallest_detectable(sizes, max(deciding, 1), self._alpha, laws.BY_PLACE_TO)
        return {
            "share": None if units is None else units / max(sizes),
            "units": units,
            "model": "units of one layer found again, by the bound 1/k!, of those that were compared; "
            "as the only matter: among more hypotheses more are needed",
        }

    def _parameters(self, models: Models, compared: Compared, seed: int) -> dict[str, Any]:
        basis = compared.basis
        return {
            "seed": f"{seed:032x}",
            "layers": [layer.name for layer in compared.layers],
            "layers_in_all": len(models.pairs),
            "most_layers": self._layers,
            "most_units": self._units,
            "re_randomised": self._re_randomise,
            "basis": "as it is" if basis.rotation is None else "rotated by the embeddings",
            "embeddings_correlation": _rounded(basis.as_it_is),
            "embeddings_correlation_rotated": _rounded(basis.rotated),
            "reference_in_order": compared.ordered[0],
            "suspect_in_order": compared.ordered[1],
            "tokenizer_overlap": overlap(self._reference.folder, models.suspect.folder),
        }


def _unrotated(ours: Units, theirs: Units, basis: Basis) -> tuple[Units, Units]:
    """Activations are taken with the suspect's own embeddings, so in its own directions."""
    if basis.rotation is None:
        return ours, theirs
    turned = {view: rows @ basis.rotation for view, rows in theirs.views.items()}
    return ours, Units(theirs.labels, turned)


def _properties(models: Models, basis: Basis) -> dict[str, float | str]:
    block = models.pairs[0].ours
    views = [view for view in ("gate", "up", "down") if getattr(block, view) is not None]
    return {
        "hidden size": models.hidden,
        "units of a layer": max(pair.ours.units for pair in models.pairs),
        "layers": len({pair.ours.key for pair in models.pairs}),
        "projections": ", ".join(views),
        "stored as": models.suspect.stored,
        "basis": basis.kind,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)
