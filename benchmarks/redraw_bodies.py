"""Bodies of suspects that are unrelated to every key, as `attribute radioactivity` makes them, for redraws.

Pairs, counts and expectations are those of the attributor; a redraw takes some of the pairs that have a
weight. No key enters: a profile says only how long a window is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attribution_cases_marks import REFERENCE, attributor
from countermark.attribute.radioactivity.weights import weights_of
from countermark.records.canonical import sha256_hex

CONTROLS = ("student-k0-a-scratch", "base-08")
"""An unmarked student of our texts, and a model of another language."""
SMALL_CONTROLS = ("student-stories-k0",)
"""Of 512 ids."""
CLOSED, OPEN = "closed", "open"


@dataclass(frozen=True)
class Pairs:
    """Pairs of one body; arrays of one length."""

    windows: np.ndarray
    seen: np.ndarray
    expected: np.ndarray
    lacks: np.ndarray
    prior: float

    def weights(self, *, signs: bool) -> np.ndarray:
        """As the attributor weighs them; lacks only of schemes that `takes_signs`."""
        return weights_of(self.seen, self.expected, self.prior, self.lacks & signs)

    def some(self, chosen: np.ndarray) -> "Pairs":
        """Those at these places."""
        return Pairs(
            self.windows[chosen], self.seen[chosen], self.expected[chosen], self.lacks[chosen], self.prior
        )

    def few(self, count: int, seed: int, *, signs: bool = True) -> "Pairs":
        """So many of those with a weight, half of them lacks where there are; drawn without a key."""
        weights, generator = self.weights(signs=signs), np.random.default_rng([31, seed])
        lacks = np.flatnonzero(weights < 0)
        lifts = generator.permutation(np.flatnonzero(weights > 0))[: count - min(count // 2, len(lacks))]
        lacks = generator.permutation(lacks)[: count - len(lifts)]
        return self.some(np.sort(np.concatenate([lifts, lacks])))


@dataclass(frozen=True)
class Sources:
    """Where the zoo is, and where bodies are kept."""

    zoo: Any
    kept: Path
    teacher: Path | None = None
    """The teacher of 512 ids, where it is present."""

    def controls(self, setting: str, *, small: bool = False) -> list[str]:
        """Those whose files are there."""
        names = SMALL_CONTROLS if small and self.teacher else () if small else CONTROLS
        return [name for name in names if self.zoo.has(_suspect(name, setting))]

    def body(self, name: str, setting: str, width: int) -> Pairs:
        """All pairs of a control, made once and kept beside the digest of what it was made of."""
        path = self.zoo.path(_suspect(name, setting))
        digest = sha256_hex((path / "zoo.json" if path.is_dir() else path).read_bytes())[:12]
        file = self.kept / f"body-{name}-{setting}-k{width}-{digest}.npz"
        if not file.exists():
            self.kept.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(file, **vars(self._make(name, setting, width)))
        with np.load(file) as held:
            return Pairs(**{field: held[field] for field in held.files})

    def _make(self, name: str, setting: str, width: int) -> Pairs:
        from countermark.attribute.radioactivity.body import Bodies

        small = name in SMALL_CONTROLS
        how = {"keys": (("t0", width),), "setting": setting, "vocabulary": 512 if small else 4_096}
        reference = self.teacher if small and self.teacher else self.zoo.path(REFERENCE)
        made = attributor(how, reference)
        bodies, key = Bodies(self.zoo.path(_suspect(name, setting)), made._options), made.keys[0]
        body = bodies.opened(key) if setting == OPEN else bodies.closed(key)
        return Pairs(body.pairs.windows, body.seen, body.expected, body.lacks, made._prior(body))


def _suspect(name: str, setting: str) -> str:
    return f"models/{name}" if setting == OPEN else f"suspects/{name}-25k/answers.jsonl"
