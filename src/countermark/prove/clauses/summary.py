"""How many accounts a version bound, on which days, and why the others were not bound."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from countermark.prove.clauses.outcome import CampaignTerms, Group, TermsApplied
from countermark.prove.clauses.policy import Clause

APPLIES_SCHEMA_ID = "countermark/terms-applies/v1"


@dataclass(frozen=True, kw_only=True)
class VersionCount:
    """One version in one campaign, in force or not."""

    terms_id: str
    version: str
    """Empty where there is no record of acceptance."""
    reason: str
    """Why it did not bind; empty where it did."""
    whole: int
    """Accounts of which this holds on each day of the window."""
    part: int
    """Accounts of which it holds on some of them."""
    first: str
    last: str
    """First and last day on which it holds for any account."""
    clauses: tuple[Clause, ...]
    """In force, and forbidding what the campaign bears on."""


def counts(applied: TermsApplied, campaign: CampaignTerms) -> list[VersionCount]:
    """By policy, version and reason: first what bound, then what did not."""
    whole: Counter[tuple[str, str, str]] = Counter()
    part: Counter[tuple[str, str, str]] = Counter()
    days: dict[tuple[str, str, str], tuple[str, str]] = {}
    clauses: dict[tuple[str, str, str], tuple[Clause, ...]] = {}
    for group in campaign.groups:
        for key in {(one.terms_id, one.version, one.reason) for one in group.stretches}:
            own = [one for one in group.stretches if (one.terms_id, one.version, one.reason) == key]
            entire = own[0].first == campaign.first and own[0].last == campaign.last
            (whole if entire else part)[key] += len(group.accounts)
            first, last = own[0].first.isoformat(), own[-1].last.isoformat()
            known = days.get(key, (first, last))
            days[key] = (min(first, known[0]), max(last, known[1]))
            clauses[key] = tuple(applied.clauses(campaign, own[0]))
    return [
        VersionCount(
            terms_id=key[0],
            version=key[1],
            reason=key[2],
            whole=whole[key],
            part=part[key],
            first=days[key][0],
            last=days[key][1],
            clauses=clauses[key],
        )
        for key in sorted(days, key=lambda one: (one[0], bool(one[2]), one[1], one[2]))
    ]


def bound_at_all(applied: TermsApplied, campaign: CampaignTerms) -> int:
    """Accounts that a clause on the campaign's conduct bound on one day at least."""
    return sum(len(group.accounts) for group in campaign.groups if _has_clause(applied, campaign, group))


def to_dict(applied: TermsApplied, account: str | None = None) -> dict[str, Any]:
    """As plain data: each campaign, its groups of accounts and what bound them; one account, if named."""
    return {
        "refused": [
            {"id": key[0], "version": key[1], "reason": reason}
            for key, reason in sorted(applied.policies.refused.items())
        ],
        "has_acceptances": applied.has_acceptances,
        "has_members": applied.has_members,
        "acceptances_taken_out": applied.acceptances.unreadable,
        "campaigns_left_out": list(applied.left_out),
        "campaigns": [_campaign(applied, one, account) for one in applied.campaigns],
    }


def _campaign(applied: TermsApplied, campaign: CampaignTerms, account: str | None) -> dict[str, Any]:
    return {
        "campaign_id": campaign.campaign_id,
        "kind": campaign.kind,
        "first": campaign.first.isoformat(),
        "last": campaign.last.isoformat(),
        "bears_on": [
            {"conduct": one.conduct, "shows": one.shows, "does_not_show": one.does_not_show}
            for one in campaign.bearings
        ],
        "accounts": campaign.accounts,
        "bound": bound_at_all(applied, campaign),
        "groups": list(_groups(applied, campaign, account)),
    }


def _groups(applied: TermsApplied, campaign: CampaignTerms, account: str | None) -> Iterator[dict[str, Any]]:
    for group in campaign.groups:
        accounts = [one for one in group.accounts if account in (None, one)]
        if accounts:
            in_force = [
                {
                    "first": one.first.isoformat(),
                    "last": one.last.isoformat(),
                    "policy": one.terms_id,
                    "version": one.version or None,
                    "clauses": [clause.id for clause in applied.clauses(campaign, one)],
                    "reason": one.reason or None,
                }
                for one in group.stretches
            ]
            yield {"in_force": in_force, "accounts": accounts}


def _has_clause(applied: TermsApplied, campaign: CampaignTerms, group: Group) -> bool:
    return any(applied.clauses(campaign, one) for one in group.stretches)
