"""The terms of a case, applied: for each campaign the versions that bound its accounts in its window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from countermark.prove.clauses.acceptances import Acceptances, read_acceptances, read_members
from countermark.prove.clauses.applying import Stretch, forbidding, stretches
from countermark.prove.clauses.conduct import Bearing, bears_on, conduct_of
from countermark.prove.clauses.policy import Clause, Conduct, Policies, held_against
from countermark.prove.custody.terms import day_of
from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.groups import campaigns_of


@dataclass(frozen=True)
class Group:
    """Accounts of a campaign that were bound alike."""

    stretches: tuple[Stretch, ...]
    accounts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CampaignTerms:
    """One campaign."""

    number: int
    """Of the group, as every paper of the case numbers it."""
    campaign_id: str
    kind: str
    first: date
    last: date
    """The days of its window (UTC)."""
    bearings: tuple[Bearing, ...]
    """The conduct that it bears on."""
    groups: tuple[Group, ...]
    """The largest first; every member that the case names is in one."""

    @property
    def conduct(self) -> frozenset[Conduct]:
        """The conduct alone."""
        return conduct_of(self.bearings)

    @property
    def accounts(self) -> int:
        """Members that the case names."""
        return sum(len(group.accounts) for group in self.groups)


@dataclass(frozen=True, kw_only=True)
class TermsApplied:
    """All of a case."""

    policies: Policies
    campaigns: tuple[CampaignTerms, ...]
    acceptances: Acceptances
    has_acceptances: bool
    """Whether the case holds a table of acceptances."""
    has_members: bool
    result_class: str = ""
    """`confirmatory` or `exploratory`, of the findings."""
    left_out: tuple[str, ...] = ()
    """Campaigns whose id or window is not in this copy."""

    def clauses(self, campaign: CampaignTerms, stretch: Stretch) -> list[Clause]:
        """Clauses in force in a stretch that forbid what the campaign bears on."""
        if stretch.reason:
            return []
        policy = self.policies.by_key[stretch.terms_id, stretch.version]
        return forbidding(policy, campaign.conduct)


def apply_terms(dossier: Dossier, policies: Policies) -> TermsApplied:
    """Hold the policies against the sealed terms, and these against each account and day."""
    held = held_against(policies, dossier.terms)
    members = read_members(dossier.members)
    accounts = {account for group in members.values() for account in group}
    acceptances = read_acceptances(dossier.acceptances, accounts, held.ids)
    campaigns: list[CampaignTerms] = []
    left_out: list[str] = []
    for number, campaign in enumerate(campaigns_of(dossier), 1):
        name, window = campaign.get("campaign_id"), _window(campaign)
        if name is None or window is None:
            left_out.append(str(name or "a campaign without its id"))
        else:
            found = _campaign(number, campaign, window, held, members.get(name, ()), acceptances)
            campaigns.append(found)
    return TermsApplied(
        policies=held,
        campaigns=tuple(campaigns),
        acceptances=acceptances,
        has_acceptances=dossier.acceptances is not None,
        has_members=dossier.members is not None,
        result_class=next((one.result_class for one in dossier.of_kind("networks")), ""),
        left_out=tuple(left_out),
    )


def _campaign(
    number: int,
    campaign: Mapping[str, Any],
    window: tuple[date, date],
    policies: Policies,
    members: Sequence[str],
    acceptances: Acceptances,
) -> CampaignTerms:
    first, last = window
    groups: dict[tuple[Stretch, ...], list[str]] = {}
    known: dict[tuple[tuple[str, str, str], ...], tuple[Stretch, ...]] = {}
    for account in members:
        rows = acceptances.by_account.get(account, ())
        pattern = tuple((str(row.terms_id), str(row.version), row.day) for row in rows)
        if pattern not in known:  # most accounts accepted alike
            known[pattern] = stretches(policies, rows, first, last)
        groups.setdefault(known[pattern], []).append(account)
    ordered = sorted(groups.items(), key=lambda one: -len(one[1]))
    return CampaignTerms(
        number=number,
        campaign_id=campaign["campaign_id"],
        kind=campaign.get("kind") or "kind not in this copy",
        first=first,
        last=last,
        bearings=bears_on(campaign),
        groups=tuple(Group(found, tuple(accounts)) for found, accounts in ordered),
    )


def _window(campaign: Mapping[str, Any]) -> tuple[date, date] | None:
    """The days of a campaign's window; None where they were taken out, or are none."""
    window = campaign.get("window") or {}
    try:
        first, last = day_of(window["first"][:10]), day_of(window["last"][:10])
    except (ValueError, KeyError, TypeError):
        return None
    return (first, last) if first <= last < date.max else None
