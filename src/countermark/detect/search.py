"""Every view's candidates, tested together: discovery first, then one multiplicity correction for all."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from countermark.detect.confirm import Confirmation, Confirmer, Strata
from countermark.detect.families import RHYTHM, View
from countermark.detect.graph import GraphOptions, communities, pairs, strongest_edges
from countermark.detect.incidence import Incidence, parents, read_incidence
from countermark.detect.members import Membership, judge
from countermark.detect.profile import are_parts, distinct, settle
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
    hypotheses: int
    """Candidates and possible parts of them: what the correction counts."""
    not_testable: int
    """Candidates that did not pass and whose smallest possible p-value lies above the threshold."""
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
        # who was there at the same hour is rhythm's to testify about, where it confirms
        self.discovery = found.of(view.discovery, with_bins=RHYTHM not in view.confirmation)
        self.confirmation = held.of(view.confirmation, with_bins=split)
        self._profile = found.of(view.discovery, with_bins=False)
        self._database = database
        self._strata = strata.label
        if RHYTHM in view.confirmation:
            self.confirmer: Confirmer | RhythmConfirmer = RhythmConfirmer(read_rhythm(database), strata)
        else:
            self.confirmer = Confirmer(self.confirmation, strata, requests)

    def candidates(self, requests: NDArray[np.int64], options: SearchOptions) -> list[NDArray[np.int64]]:
        """Communities of the graph, each settled on the accounts that its values fit, without repetitions."""
        parent = parents(self._database, self.discovery)
        graph = pairs(self._database, self.discovery, parent, requests, options.graph)
        self._reduced = strongest_edges(graph, options.graph.strongest)
        return self._settled(communities(self._reduced, options.graph, options.seed), requests, options)

    def within(self, group: NDArray[np.int64], options: SearchOptions) -> list[NDArray[np.int64]]:
        """Communities inside a group: what it could be split into."""
        inside = communities(csr_array(self._reduced[group][:, group]), options.graph, options.seed)
        return [group[part] for part in inside]

    def split(
        self,
        group: NDArray[np.int64],
        within: list[NDArray[np.int64]],
        requests: NDArray[np.int64],
        options: SearchOptions,
    ) -> list[NDArray[np.int64]]:
        """The parts of a group where communities within it settle on sets of their own; else nothing.

        The parts of one network settle on the whole of it again; those of two that share a habit do not.
        """
        parts = self._settled(within, requests, options)
        return parts if are_parts(parts, group) else []

    def _settled(
        self, groups: list[NDArray[np.int64]], requests: NDArray[np.int64], options: SearchOptions
    ) -> list[NDArray[np.int64]]:
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
        return judge(community, self.discovery, self.confirmation, requests, self._strata, also)


def search(
    database: Database,
    views: list[View],
    whole: Incidence,
    strata: Strata,
    requests: NDArray[np.int64],
    options: SearchOptions,
    progress: ProgressCall,
) -> Search:
    """Discover under every view, then confirm all candidates and judge the members of those that pass.

    A candidate whose p-value is at most `fdr` is tested in parts too, where it has parts; a part's p-value
    is at least its parent's. The correction counts every candidate and every part that could have been
    tested, so that the family of hypotheses is fixed by discovery alone.
    """
    data = [ViewData(database, view, whole, strata, requests) for view in views]
    found: list[tuple[ViewData, NDArray[np.int64]]] = []
    for i, one in enumerate(data):
        found += [(one, group) for group in one.candidates(requests, options)]
        progress(i + 1, 2 * len(data))
    within = [one.within(group, options) for one, group in found]
    hypotheses = len(found) + sum(len(parts) for parts in within)
    threshold = benjamini_yekutieli_threshold(options.fdr, hypotheses)
    tested: list[tuple[ViewData, NDArray[np.int64], Confirmation]] = []
    for i, (one, group) in enumerate(found):
        parent = one.confirm(group, np.random.default_rng([options.seed, i]), threshold)
        tested.append((one, group, parent))
        if parent.log_p <= math.log(options.fdr):
            for j, part in enumerate(one.split(group, within[i], requests, options)):
                child = one.confirm(part, np.random.default_rng([options.seed, i, j]), threshold)
                tested.append((one, part, replace(child, log_p=max(child.log_p, parent.log_p))))
        progress(len(data) * (1 + (i + 1) / len(found)), 2 * len(data))
    return _corrected(tested, hypotheses, requests, options)


def _corrected(
    tested: list[tuple[ViewData, NDArray[np.int64], Confirmation]],
    hypotheses: int,
    requests: NDArray[np.int64],
    options: SearchOptions,
) -> Search:
    threshold = benjamini_yekutieli_threshold(options.fdr, hypotheses)
    log_p = np.zeros(max(hypotheses, len(tested)))
    log_p[: len(tested)] = [confirmation.log_p for _, _, confirmation in tested]
    log_q = benjamini_yekutieli(log_p)
    candidates = []
    not_testable = 0
    for (one, group, confirmation), q in zip(tested, log_q.tolist(), strict=False):
        passed = q <= math.log(options.fdr)
        not_testable += int(not passed and confirmation.log_floor > math.log(threshold))
        membership = one.judge(group, requests) if passed else None
        candidates.append(Candidate(one.view, group, confirmation, q, membership, one))
    return Search(candidates, hypotheses, not_testable, threshold)
