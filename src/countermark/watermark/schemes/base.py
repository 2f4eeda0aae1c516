"""What a scheme is: it turns tokens into marks under a key, and judges marks under a stated null.

The null is everywhere the same: the text is independent of the key. The source of the text is not the key,
and no p-value says how the text came about.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Profile

IntArray = NDArray[np.int64]
UIntArray = NDArray[np.uint64]
FloatArray = NDArray[np.float64]

NULL = "the text is independent of this key"


@dataclass(frozen=True)
class Marks:
    """What a document shows under one key: an entry a (context, token) pair, in text order, with repeats.

    Three or four arrays of one length.
    """

    fingerprints: UIntArray
    """What truly enters the keyed function; two pairs that agree here are one piece of evidence."""
    values: UIntArray
    """Outcome of the keyed function, packed in the scheme's own way."""
    positions: IntArray
    """Index of each pair's token in the document."""
    weights: FloatArray | None = None
    """Optional weight of each pair, chosen without the key."""

    def __len__(self) -> int:
        return len(self.fingerprints)

    def at(self, chosen: NDArray[np.bool_] | IntArray | slice) -> "Marks":
        """The marks at these places."""
        weights = None if self.weights is None else self.weights[chosen]
        return Marks(self.fingerprints[chosen], self.values[chosen], self.positions[chosen], weights)

    @staticmethod
    def empty() -> "Marks":
        """No marks."""
        return Marks(np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int64))


@dataclass(frozen=True)
class Evidence:
    """A statistic over distinct marks and its upper tail under the null."""

    scored: int
    statistic: float
    log_p: float
    """Natural log of the p-value: of the exact law where there is one, else of a proven bound."""
    law: str
    """The law or the bound, in words."""
    exact: bool
    """Whether `log_p` is of the exact law."""
    log_saddlepoint: float | None = None
    """Natural log of the saddlepoint figure beside a bound; for information."""


@dataclass(frozen=True)
class EngineScore:
    """What the engine's own detector says of one document."""

    scored: int
    statistic: float
    log_p: float | None
    """Natural log of its p-value, also where its own arithmetic underflows; None where it has none."""
    rule: str
    """How the engine counts repeats, in words."""


class Scorer(Protocol):
    """A scheme bound to a profile and a key."""

    def marks(self, ids: IntArray) -> Marks:
        """Marks of one document of token ids, repeats included; empty where it is too short."""
        ...

    def judge(self, marks: Marks) -> Evidence:
        """Statistic and p-value of marks that are distinct already."""
        ...

    def engine_score(self, ids: IntArray) -> EngineScore | None:
        """What the engine's own detector would say of this document; None where there is no such detector."""
        ...


class Scheme(Protocol):
    """What stands behind the door `countermark.schemes`."""

    name: str
    weak: str
    """Why the engine's keyed function or key space is weak, empty if it is not; stands in every result."""

    def check(self, profile: Profile) -> None:
        """Raise `Error` on a missing, unknown or out-of-range parameter, and on an unknown version."""
        ...

    def bind(self, profile: Profile, key: Secret) -> Scorer:
        """Take the content of a key file; an `Error` on a malformed one never repeats it."""
        ...
