"""Open owners: accounts that do not hide that they belong together.

A company's keys, a class's accounts or a test machine's bots sit at one address and are paid with one card
(or carry one company's e-mail domain), all of them. Such a cell is reported, but it is never part of a
wider group: a network that borrows a company's prompt library does not include the company.
"""

import numpy as np
from numpy.typing import NDArray

from countermark.detect.families import BY_NAME
from countermark.detect.incidence import Incidence

SETTLED = 0.8
"""Share of an account's requests from one address prefix that makes it the account's place."""
EXCLUSIVE = 0.8
"""Share of a card's or domain's holders that have the same place."""
LEAST = 3
RARE = 0.02
"""A card or domain that more accounts than this share hold is nobody's own (free mail)."""


def open_owners(incidence: Incidence, requests: NDArray[np.int64]) -> NDArray[np.int64]:
    """Shape (accounts,): the place (number of its value) of the open owner that an account belongs to, -1
    for none."""
    place = _places(incidence, requests)
    owner = np.full(incidence.accounts, -1, np.int64)
    for name in ("payment", "email_domain"):
        rows = incidence.kind[incidence.value] == BY_NAME[name].code
        account, value = incidence.account[rows], incidence.value[rows]
        for one in np.unique(value).tolist():
            holders = account[value == one]
            if holders.size < LEAST or holders.size > max(LEAST, RARE * incidence.accounts):
                continue
            places, counts = np.unique(place[holders][place[holders] >= 0], return_counts=True)
            if counts.size and counts.max() >= max(LEAST, EXCLUSIVE * holders.size):
                mine = holders[place[holders] == places[np.argmax(counts)]]
                owner[mine] = places[np.argmax(counts)]
    return owner


def _places(incidence: Incidence, requests: NDArray[np.int64]) -> NDArray[np.int64]:
    rows = incidence.kind[incidence.value] == BY_NAME["prefix"].code
    rows &= incidence.uses >= SETTLED * requests[incidence.account]
    place = np.full(incidence.accounts, -1, np.int64)
    place[incidence.account[rows]] = incidence.value[rows]
    return place


def without_owners(members: NDArray[np.int64], owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """The members less those of open owners; the owner's own accounts where nearly all are of one owner."""
    owners, counts = np.unique(owner[members][owner[members] >= 0], return_counts=True)
    keep = owner[members] < 0
    if counts.size and counts.max() >= EXCLUSIVE * members.size:
        keep = owner[members] == owners[np.argmax(counts)]
    kept: NDArray[np.int64] = members[keep]
    return kept
