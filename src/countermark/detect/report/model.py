"""What the report shows: plain values that the detector fills in; nothing here computes a finding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from countermark.records.findings import Campaign

HOURS = 24


@dataclass(frozen=True)
class MemberRow:
    """One account of a campaign, as in `members.parquet`."""

    account_id: str
    score: float
    member_p: float
    """p-value of this account, computed with the account left out of its campaign."""
    member_q: float
    reasons: Sequence[str] = ()


@dataclass(frozen=True)
class Signal:
    """One figure of the members beside the same figure of the ordinary accounts."""

    name: str
    members_value: float | None
    """None where it could not be computed."""
    ordinary_value: float | None
    unit: str
    """`share` for a fraction of 1 (printed in per cent); any other unit is printed after the figure."""
    text: str = ""
    """What the figure is, in plain words."""


@dataclass(frozen=True)
class TopValue:
    """A value that members share (a template, a network, a payment method), and who else uses it."""

    kind: str
    label: str
    """A keyed hash or a log's own string: untrusted."""
    members_using: int
    members: int
    ordinary_using: int
    ordinary: int
    log10_p: float


@dataclass(frozen=True)
class CampaignPage:
    """One campaign with what its pictures and tables show."""

    campaign: Campaign
    members: Sequence[MemberRow]
    days: Sequence[str] = ()
    """ISO dates in UTC, ascending; the sequences per day below are as long."""
    requests_per_day: Sequence[int] = ()
    active_members_per_day: Sequence[int] = ()
    ordinary_requests_per_account_day: Sequence[float] = ()
    """Mean number of requests of the ordinary accounts that were active on the day."""
    member_hours: Sequence[float] = ()
    """Share of the members' requests in each hour of the day (UTC); 24 values, or none."""
    ordinary_hours: Sequence[float] = ()
    edges: Sequence[tuple[int, int, float]] = ()
    """(i, j, weight) over positions in `members`; the strongest 2,000 are enough."""
    signals: Sequence[Signal] = ()
    top_values: Sequence[TopValue] = ()

    def __post_init__(self) -> None:
        series = (self.requests_per_day, self.active_members_per_day, self.ordinary_requests_per_account_day)
        if any(len(values) != len(self.days) for values in series):
            raise ValueError("a sequence per day differs in length from the days")
        if {len(self.member_hours), len(self.ordinary_hours)} not in ({0}, {HOURS}):
            raise ValueError("shares of hours: 24 of the members and 24 of ordinary accounts, or none")
        if any(not 0 <= end < len(self.members) for i, j, _ in self.edges for end in (i, j)):
            raise ValueError("an edge points outside the members")


@dataclass(frozen=True)
class Report:
    """The whole page."""

    title: str
    summary: Sequence[tuple[str, str]]
    """What was read: label and text (rows, accounts, window, families there and missing, what that costs)."""
    campaigns: Sequence[CampaignPage]
    notes: Sequence[str] = ()
    """What the figures say and do not: null, candidates that are not testable, error rates of the kinds."""
    how_to_decide: str = ""
    """How an analyst's decision is recorded: the command or the file."""
    method: Mapping[str, Any] = field(default_factory=dict)
    """Parameters, versions, seeds, SQL: shown folded, one part a key."""


def member_rows(members: pa.Table, campaign_id: str) -> list[MemberRow]:
    """The rows of one campaign in a table of `MEMBER_SCHEMA`, in the table's order."""
    rows = members.filter(pc.equal(members["campaign_id"], campaign_id)).drop_columns(["campaign_id"])
    return [MemberRow(**row) for row in rows.to_pylist()]
