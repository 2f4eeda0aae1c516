"""Why: the values that a group shares, in words and figures, for its members, its tables and its picture."""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, triu

from countermark.detect.confirm import ValueTail
from countermark.detect.families import BY_CODE
from countermark.detect.incidence import Incidence
from countermark.detect.profile import gains
from countermark.detect.report.model import TopValue

MOST_EDGES = 2_000
MOST_VALUES = 10
REASONS_PER_MEMBER = 3


def value_label(incidence: Incidence, value: int) -> str:
    """The first half of the keyed hash, in hex; the date of a sign-up day; the number of what is no hash."""
    name, number = BY_CODE[int(incidence.kind[value])].name, int(incidence.hashed[value])
    if name == "signup_day":
        return (date(1970, 1, 1) + timedelta(days=number)).isoformat()
    if name == "email_domain":
        return f"no. {number}"
    return f"{number & (2**64 - 1):016x}"[:8]


def member_reasons(
    incidence: Incidence, members: NDArray[np.int64], requests: NDArray[np.int64]
) -> list[list[str]]:
    """For each member the values that fit it to the others best, in words."""
    inside = np.zeros(incidence.accounts, bool)
    inside[members] = True
    own = incidence.rows(inside[incidence.account] & ~_binned(incidence))
    whole = gains(incidence, inside, requests)[inside[incidence.account] & ~_binned(incidence)]
    held = np.bincount(own.value, minlength=own.kind.size)
    order = np.lexsort((own.value, -whole, own.account))
    starts = np.searchsorted(own.account[order], members)
    reasons = []
    for position, account in zip(starts.tolist(), members.tolist(), strict=True):
        best = [
            i for i in order[position : position + REASONS_PER_MEMBER].tolist() if own.account[i] == account
        ]
        reasons.append([_reason(own, i, held, requests) for i in best if whole[i] > 0])
    return reasons


def _reason(own: Incidence, row: int, held: NDArray[np.int64], requests: NDArray[np.int64]) -> str:
    value = int(own.value[row])
    kind = BY_CODE[int(own.kind[value])]
    others = int(held[value]) - 1
    label = f"{kind.label} {value_label(own, value)}, shared with {others} other members"
    if kind.table == "accounts":
        return label
    return f"{label}, on {own.uses[row] / requests[own.account[row]]:.0%} of its requests"


def top_values(incidence: Incidence, members: NDArray[np.int64], tails: list[ValueTail]) -> list[TopValue]:
    """The values with the smallest exact tails, members beside everybody else."""
    degree = incidence.degree
    others = incidence.accounts - members.size
    rows = []
    for tail in tails[:MOST_VALUES]:
        inside = np.isin(incidence.account[incidence.value == tail.value], members).sum()
        rows.append(
            TopValue(
                kind=BY_CODE[int(incidence.kind[tail.value])].label,
                label=value_label(incidence, tail.value),
                members_using=int(inside),
                members=int(members.size),
                ordinary_using=int(degree[tail.value] - inside),
                ordinary=int(others),
                log10_p=round(tail.log_p / np.log(10), 2),
            )
        )
    return rows


def edges(incidence: Incidence, members: NDArray[np.int64]) -> list[tuple[int, int, float]]:
    """The strongest links between members, by the rarity of what both hold; positions in `members`."""
    position = np.full(incidence.accounts, -1, np.int64)
    position[members] = np.arange(members.size)
    degree = incidence.degree
    rows = (position[incidence.account] >= 0) & (degree[incidence.value] < incidence.accounts / 2)
    rarity = np.sqrt(np.log(incidence.accounts / degree[incidence.value[rows]]))
    places = (position[incidence.account[rows]], incidence.value[rows])
    holds = csr_array((rarity, places), shape=(members.size, incidence.kind.size))
    links = triu(holds @ holds.T, k=1).tocoo()
    strongest = np.lexsort((links.col, links.row, -links.data.round(6)))[:MOST_EDGES]
    return [
        (int(links.row[i]), int(links.col[i]), round(float(links.data[i]), 4))
        for i in sorted(strongest.tolist())
    ]


def _binned(incidence: Incidence) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = incidence.bin[incidence.value] >= 0
    return result
