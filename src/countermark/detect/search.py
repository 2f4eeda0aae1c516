"""Every view's candidates, tested together: discovery first, then one multiplicity correction for all."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from countermark.detect.confirm import Confirmation, Confirmer, Strata
from countermark.detect.families import RHYTHM, View
from countermark.detect.graph import GraphOptions, communities, pairs, strongest_edges
from countermark.detect.incidence import Incidence, parents, read_incidence
from countermark.detect.members import Membership, judge
from countermark.detect.profile import distinct, settle
from countermark.detect.rhythm import RhythmConfirmer, read_rhythm
from countermark.stats.multiplicity import benjamini_yekutieli, benjamini_yekutieli_threshold
from countermark.store.database import Database

ProgressCall = Callable[[float, float], None]


@dataclass(frozen=True)
class SearchOptions:
    """What the search may spend and what it asks for; recorded in `method.json`."""

    fdr: float = 0.01
    member_fdr: float = 0.05
    graph: GraphOptions = field(default_factory=GraphOptions)
    seed: int = 0


@dataclass(frozen=True)
class Candidate:
    """A community that one view found, with its test."""

    view: View
    community: NDArray[np.int64]
    confirmation: Confirmation
    log_q: float
    membership: Membership | None
    """Only of candidates whose q-value passes."""
    data: "ViewData"
    """What the view reads, to judge further accounts."""

    def members(self, fdr: float) -> NDArray[np.int64]:
        """The judged accounts that pass."""
        if self.membership is None:
            return np.empty(0, np.int64)
        return self.membership.accounts[self.membership.q <= fdr]


@dataclass(frozen=True)
class Search:
    """All candidates of all views; those with a membership passed."""

    candidates: list[Candidate]
    not_testable: int
    """Candidates that did not pass and whose permutation floor lies above the threshold."""
    threshold: float
    """Benjamini–Yekutieli: what the smallest p-value had to reach."""


class ViewData:
    """What one view reads: the discovery and the confirmation side."""

    def __init__(
        self, database: Database, view: View, whole: Incidence, strata: Strata, requests: NDArray[np.int64]
    ) -> None:
        self.view = view
        split = view.split_days
        found = read_incidence(database, whole.accounts, 0) if split else whole
        held = read_incidence(database, whole.accounts, 1) if split else whole
        self.discovery = found.of(view.discovery)
        self.confirmation = held.of(view.confirmation, with_bins=split)
        self._profile = found.of(view.discovery, with_bins=False)
        self._database = database
        if RHYTHM in view.confirmation:
            self.confirmer: Confirmer | RhythmConfirmer = RhythmConfirmer(read_rhythm(database), strata)
        else:
            self.confirmer = Confirmer(self.confirmation, strata, requests)

    def candidates(self, requests: NDArray[np.int64], options: SearchOptions) -> list[NDArray[np.int64]]:
        """Communities of the graph, each settled on the accounts that its values fit, without repetitions."""
        parent = parents(self._database, self.discovery)
        graph = pairs(self._database, self.discovery, parent, requests, options.graph)
        reduced = strongest_edges(graph, options.graph.strongest)
        groups = communities(reduced, options.graph, options.seed)
        settled = [settle(group, self._profile, requests) for group in groups]
        return distinct([group for group in settled if group.size >= options.graph.least_size])

    def confirm(
        self, group: NDArray[np.int64], generator: np.random.Generator, threshold: float
    ) -> Confirmation:
        """The p-value of one candidate."""
        if isinstance(self.confirmer, RhythmConfirmer):
            return self.confirmer.confirm(group, generator, threshold=threshold)
        return self.confirmer.confirm(group, generator)

    def judge(
        self, community: NDArray[np.int64], requests: NDArray[np.int64], also: NDArray[np.int64] | None = None
    ) -> Membership | None:
        """Judge the accounts of a community that passed, what is near it, and `also`."""
        if isinstance(self.confirmer, RhythmConfirmer):
            return self.confirmer.judge(community, self.discovery, requests, also)
        return judge(community, self.discovery, self.confirmation, requests, also)


def search(
    database: Database,
    views: list[View],
    whole: Incidence,
    strata: Strata,
    requests: NDArray[np.int64],
    options: SearchOptions,
    progress: ProgressCall,
) -> Search:
    """Discover under every view, then confirm all candidates and judge the members of those that pass."""
    data = [ViewData(database, view, whole, strata, requests) for view in views]
    found: list[tuple[ViewData, NDArray[np.int64]]] = []
    for i, one in enumerate(data):
        found += [(one, group) for group in one.candidates(requests, options)]
        progress(i + 1, 2 * len(data))
    threshold = benjamini_yekutieli_threshold(options.fdr, len(found))
    tested = []
    for i, (one, group) in enumerate(found):
        generator = np.random.default_rng([options.seed, i])
        tested.append(one.confirm(group, generator, threshold))
        progress(len(data) * (1 + (i + 1) / len(found)), 2 * len(data))
    log_q = benjamini_yekutieli([confirmation.log_p for confirmation in tested])
    candidates = []
    not_testable = 0
    for (one, group), confirmation, q in zip(found, tested, log_q.tolist(), strict=True):
        passed = q <= math.log(options.fdr)
        not_testable += int(not passed and confirmation.log_floor > math.log(threshold))
        membership = one.judge(group, requests) if passed else None
        candidates.append(Candidate(one.view, group, confirmation, q, membership, one))
    return Search(candidates, not_testable, threshold)
