"""Finds: candidates settled on who belongs to them, and which of them are one group and which are two.

Two finds of one group settle on the same accounts; a find that met two groups settles on both, and is then
told from its parts.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from countermark.detect.profile import jaccard
from countermark.detect.search import Candidate

STRONG = 0.5
"""Smaller shares of a candidate are few."""
SAME = 0.5
"""Smallest share of the smaller of two sets that makes them one group."""
PART = 0.7
"""Share of a set inside another that makes it a part of it, and share of a set that its parts have to
cover."""
SIZEABLE = 0.1
"""Smaller sets are no parts, and a set that leaves less than that out is the whole."""
APART = 0.25
"""Parts overlap by less than this share of the smaller."""

Find = tuple[Candidate, NDArray[np.int64]]
"""A candidate and the accounts that it settled on."""
MembersOf = Callable[[Candidate], NDArray[np.int64]]
"""The accounts that a candidate let in."""
Settle = Callable[[NDArray[np.int64]], NDArray[np.int64] | None]
"""From some accounts of a group to all of its accounts; None where there is no telling."""


def finds(candidates: list[Candidate], members_of: MembersOf, settle: Settle, least_size: int) -> list[Find]:
    """What candidates settle on, unions dropped.

    A candidate starts from its members, and keeps them where there is no telling who else belongs. Where they
    are few besides, it starts from all of its accounts (the ranks that make members are coarse where a
    stratum is small or another network sits in it): a weaker start, which counts only where it settles on
    something apart from all that was found.
    """
    found, weak = list[Find](), list[Find]()
    for candidate in candidates:
        members = members_of(candidate)
        settled = settle(members)
        if settled is not None:
            found.append((candidate, settled))
        elif members.size >= STRONG * candidate.community.size:
            found.append((candidate, members))
        elif (settled := settle(candidate.community)) is not None:
            weak.append((candidate, settled))
    kept = _finest([one for one in found if one[1].size >= least_size], settle, least_size)
    known = [accounts for _, accounts in kept]
    weak = [one for one in weak if one[1].size >= least_size and _apart(one[1], known)]
    return kept + _finest(weak, settle, least_size)


def _finest(found: list[Find], settle: Settle, least_size: int) -> list[Find]:
    """Drop what is the union of others: two networks that share a habit stay two.

    From small to large, and parts are taken from what was kept: a union is no part of a larger one. Where
    one part alone is known and what is left settles on accounts of its own, that is the other part; it takes
    the union's place if it is what the candidate had found.
    """
    kept = list[Find]()
    for candidate, whole in sorted(found, key=lambda one: one[1].size):
        parts = _parts(whole, [accounts for _, accounts in kept])
        if len(parts) == 1:
            other = settle(np.setdiff1d(whole, parts[0]))
            if other is not None and _sizeable(other, whole) and _apart(other, parts):
                parts.append(other)
                held = np.intersect1d(other, candidate.community).size
                if held >= PART * candidate.community.size and other.size >= least_size:
                    kept.append((candidate, other))
        covered = np.intersect1d(np.concatenate([*parts, whole[:0]]), whole).size
        if len(parts) < 2 or covered < PART * whole.size:
            kept.append((candidate, whole))
    return kept


def _parts(whole: NDArray[np.int64], known: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Sets that lie in `whole` and apart from each other, the most contained first."""
    inside = [(np.intersect1d(whole, one).size, one) for one in known]
    parts = list[NDArray[np.int64]]()
    for common, one in sorted(inside, key=lambda pair: (-pair[0] / pair[1].size, -pair[1].size)):
        if common >= PART * one.size and _sizeable(one, whole) and _apart(one, parts):
            parts.append(one)
    return parts


def _sizeable(part: NDArray[np.int64], whole: NDArray[np.int64]) -> bool:
    return SIZEABLE * whole.size <= part.size <= (1 - SIZEABLE) * whole.size


def _apart(one: NDArray[np.int64], others: list[NDArray[np.int64]]) -> bool:
    return all(np.intersect1d(one, other).size <= APART * min(one.size, other.size) for other in others)


def alike(found: list[Find]) -> list[list[Find]]:
    """Finds of the same accounts together, the most significant of each first."""
    groups = list[list[Find]]()
    for candidate, accounts in sorted(found, key=lambda one: (one[0].confirmation.log_p, -one[1].size)):
        for group in groups:
            head = group[0][1]
            if np.intersect1d(head, accounts).size >= SAME * min(head.size, accounts.size):
                group.append((candidate, accounts))
                break
        else:
            groups.append([(candidate, accounts)])
    return groups


def agreed(group: list[Find]) -> NDArray[np.int64]:
    """The accounts of the find that the others are most like; of equals, the most significant's."""
    sets = [accounts for _, accounts in group]
    return max(sets, key=lambda one: round(sum(jaccard(one, other) for other in sets), 6))
