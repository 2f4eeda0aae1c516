"""What a detector is and what it gives: groups of accounts by number, before they have names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from countermark.detect.report.model import Signal, TopValue
from countermark.records.findings import Kind, Reason
from countermark.store.database import Database

ProgressCall = Callable[[float, float], None]


@dataclass(frozen=True)
class FoundGroup:
    """One group of accounts that passed, with everything that is said of it."""

    accounts: NDArray[np.int64]
    """Shape (members,): account numbers, ascending."""
    score: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    member_reasons: Sequence[Sequence[str]]
    log_p: float
    """Natural log."""
    log_q: float
    null: str
    discovery_families: Sequence[str]
    confirmation_families: Sequence[str]
    kind: Kind
    reasons: Sequence[Reason]
    signals: Sequence[Signal]
    top_values: Sequence[TopValue]
    edges: Sequence[tuple[int, int, float]]
    """(i, j, weight) over positions in `accounts`."""


@dataclass(frozen=True)
class Detection:
    """The outcome of one detector on one EVENTS folder."""

    account_ids: Sequence[str]
    """Name of each account number."""
    first_us: NDArray[np.int64]
    """Shape (accounts,): first request, microseconds since 1970."""
    last_us: NDArray[np.int64]
    groups: Sequence[FoundGroup]
    tested: int
    """Candidates that were tested."""
    not_testable: int
    """Candidates whose p-value could not have reached the threshold."""
    conclusive: bool
    """False when the data allow no test at all (too few accounts, no shared feature)."""
    notes: Sequence[str]
    method: Mapping[str, Any] = field(default_factory=dict)
    """Parameters, views, candidates, for `method.json`."""


@dataclass(frozen=True)
class DetectionOptions:
    """What a run of `detect` is told."""

    fdr: float = 0.01
    """Benjamini–Yekutieli level over all candidates."""
    member_fdr: float = 0.05
    """Benjamini–Hochberg level over the accounts judged for one campaign."""
    seed: int = 0


class Detector(Protocol):
    """A detector. The class is registered as a plug-in; one instance a run, `cls()`."""

    name: str

    def detect(self, database: Database, options: DetectionOptions, progress: ProgressCall) -> Detection:
        """Read the views `events`, `accounts` and `sketches` of `database`."""
        ...
