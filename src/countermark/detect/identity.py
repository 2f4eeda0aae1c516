"""Campaign ids: given at first sight, kept as days are added; splits and merges are recorded.

A campaign continues an earlier one when it holds most of it, or most of its own accounts come from it.
Without earlier findings an id is derived from the founder, the account whose first request is the earliest:
the same days give the same id, and a later day does not change who came first.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from countermark.records.canonical import content_id

CONTINUES = 0.5
"""Smallest share of the smaller of two account sets that makes one the continuation of the other."""


@dataclass(frozen=True)
class Named:
    """The id of a campaign and the ids that it replaces."""

    campaign_id: str
    supersedes: list[str]


def founder_id(accounts: Set[str], first_seen: Mapping[str, int]) -> str:
    """Id from the earliest account; ties go to the smaller name."""
    founder = min(accounts, key=lambda account: (first_seen[account], account))
    return content_id("campaign", {"founder": founder, "first_request_us": str(first_seen[founder])})


def name_campaigns(
    current: list[frozenset[str]],
    earlier: Mapping[str, Set[str]],
    superseded: Mapping[str, Sequence[str]],
    first_seen: Mapping[str, int],
) -> list[Named]:
    """Name each set of accounts.

    `earlier` maps the ids of the last findings to their accounts, `superseded` those that had replaced other
    ids to these: what they replaced stays replaced, and its id is given to nobody again.

    The pair with the largest overlap is matched first. A set that holds most of several earlier campaigns
    (a merge) keeps the best id and supersedes the rest; one that is left of a split campaign gets an id of
    its own and supersedes the old one.
    """
    overlaps = sorted(
        (
            (-len(accounts & old), name, i)
            for i, accounts in enumerate(current)
            for name, old in earlier.items()
            if len(accounts & old) >= CONTINUES * min(len(accounts), len(old)) > 0
        ),
    )
    kept: dict[int, str] = {}
    for _, name, i in overlaps:
        if i not in kept and name not in kept.values():
            kept[i] = name
    recorded = {name: set(old) for name, old in superseded.items()}
    # ids of campaigns that ended too: an analyst may have written of them
    taken = set(earlier).union(*recorded.values())
    named = []
    for i, accounts in enumerate(current):
        name = kept.get(i) or _fresh(accounts, first_seen, taken)
        taken.add(name)
        # no circles: what has superseded this one is not superseded by it when it comes back
        related = {old for _, old, j in overlaps if j == i and name not in recorded.get(old, ())}
        recorded[name] = (related | recorded.get(name, set())) - {name}
        named.append(Named(name, sorted(recorded[name])))
    return named


def _fresh(accounts: Set[str], first_seen: Mapping[str, int], taken: set[str]) -> str:
    left = set(accounts)
    while left:
        name = founder_id(left, first_seen)
        if name not in taken:
            return name
        left.discard(min(left, key=lambda account: (first_seen[account], account)))
    return content_id("campaign", {"accounts": sorted(accounts)})
