"""The terms as a section of a report: which clauses bound how many accounts on which days, and why not."""

from collections.abc import Iterator, Sequence

from countermark.prove.clauses.conduct import BEARINGS
from countermark.prove.clauses.outcome import CampaignTerms, TermsApplied
from countermark.prove.clauses.policy import Clause, Policy
from countermark.prove.clauses.summary import VersionCount, bound_at_all, counts
from countermark.prove.dossier.groups import KINDS
from countermark.prove.typeset.document import Paragraph, Section, Table

_RULE = (
    "For each account and each day the version counts that the account accepted last, by the records of "
    "acceptance in this case; it counts on the days on which it was effective, the whole day of its "
    "acceptance among them. Without a record no clause is shown to have bound the account. Days are those of "
    "UTC. Whether a record of acceptance is assent, and whether the conduct was a breach, is for the court."
)
_ASKED = "Did anything else bind them on these days, and what shows it?"
_NO_MEMBERS = "The case does not name the members of its campaigns: no account can be held against the terms."
_READ = "Policies that were read, each with the digest of the text that it was read from."
_NO_TABLE = "The case holds no records of acceptance: no clause is shown to have bound any account."


def terms_sections(applied: TermsApplied) -> tuple[Section, ...]:
    """One section, with a part for each campaign."""
    blocks: list[Paragraph | Table | Section] = [Paragraph(text=_RULE)]
    if not applied.has_members:
        blocks.append(Paragraph(text=_NO_MEMBERS, style="question"))
    if not applied.has_acceptances:
        blocks.append(Paragraph(text=_NO_TABLE, style="question"))
    blocks += [
        Paragraph(
            lead=f"{key[0]}, version {key[1]}, was not applied", text=f"{_sentence(reason)}", style="question"
        )
        for key, reason in sorted(applied.policies.refused.items())
    ]
    if applied.acceptances.unreadable:
        text = (
            f"{applied.acceptances.unreadable:,} records of acceptance were taken out of this copy in part."
        )
        blocks.append(Paragraph(text=text, style="note"))
    blocks += [
        Paragraph(lead=name, text="The id or the days of its window are not in this copy.", style="question")
        for name in applied.left_out
    ]
    if applied.campaigns:
        blocks += [_bearings(applied.campaigns), _bound(applied)]
    policies = list(applied.policies.by_key.values())
    blocks += [_texts(policies)] if policies else []
    blocks += [_clauses(policy) for policy in policies]
    return (Section("Terms in force", tuple(blocks)),)


def _bearings(campaigns: Sequence[CampaignTerms]) -> Section:
    """What the findings bear on, all groups together: the same words for each would fill pages."""
    found = [one for one in BEARINGS if any(one in campaign.bearings for campaign in campaigns)]
    others = ", ".join(_words(one.conduct) for one in BEARINGS if one not in found)
    rows = tuple(
        (
            _words(one.conduct),
            ", ".join(str(campaign.number) for campaign in campaigns if one in campaign.bearings),
            one.shows,
            one.does_not_show,
        )
        for one in found
    )
    table = Table(
        columns=("Conduct", "Groups", "What the finding shows", "What it does not show"),
        rows=rows,
        caption=f"What the findings bear on. They say nothing of: {others}.",
        widths=(0.17, 0.13, 0.38, 0.32),
    )
    return Section("What the findings bear on", (table,))


def _bound(applied: TermsApplied) -> Section:
    rows = tuple(_group(applied, campaign) for campaign in applied.campaigns)
    groups = Table(
        columns=("Group", "Accounts", "Days", "What it looks like", "Bound", "Not shown"),
        rows=rows,
        caption="Groups of accounts, the largest first. For so many of the accounts a clause on such "
        "conduct is shown to have been in force on one day or more; for the others none is.",
        widths=(0.09, 0.12, 0.3, 0.25, 0.1, 0.14),
        numbers=(1, 4, 5),
    )
    blocks: list[Paragraph | Table] = [groups, *_versions(applied)]
    if unbound := _unbound(applied):
        text = f"No version is shown to have bound {unbound:,} of these accounts on a day or more. {_ASKED}"
        blocks.append(Paragraph(text=text, style="question"))
    standing = f"{applied.result_class.capitalize()}: c" if applied.result_class else "C"
    return Section(f"{standing}lauses that bound the accounts", tuple(blocks))


def _group(applied: TermsApplied, campaign: CampaignTerms) -> tuple[str, ...]:
    bound = bound_at_all(applied, campaign)
    return (
        str(campaign.number),
        f"{campaign.accounts:,}",
        f"{campaign.first.isoformat()} to {campaign.last.isoformat()}",
        KINDS.get(campaign.kind, campaign.kind),
        f"{bound:,}",
        f"{campaign.accounts - bound:,}",
    )


def _versions(applied: TermsApplied) -> Iterator[Table]:
    found = [(campaign, one) for campaign in applied.campaigns for one in counts(applied, campaign)]
    if found:
        yield Table(
            columns=("Group", "Policy and version", "Clauses on such conduct", "All days", "Some days"),
            rows=tuple(_version(campaign, one) for campaign, one in found),
            caption="Accounts that were bound on all days of the window, and on some of them; and why others "
            "were not.",
            widths=(0.09, 0.25, 0.42, 0.12, 0.12),
            numbers=(3, 4),
        )


def _version(campaign: CampaignTerms, one: VersionCount) -> tuple[str, ...]:
    return (
        str(campaign.number),
        f"{one.terms_id} {one.version}".strip(),
        _sentence(one.reason) if one.reason else _titles(one.clauses),
        f"{one.whole:,}",
        f"{one.part:,}",
    )


def _unbound(applied: TermsApplied) -> int:
    """Accounts that no version bound on a day of the window or more."""
    found = (
        account
        for campaign in applied.campaigns
        for group in campaign.groups
        if any(one.reason for one in group.stretches)
        for account in group.accounts
    )
    return len(set(found))


def _texts(policies: Sequence[Policy]) -> Section:
    rows = tuple(
        (
            f"{one.id}, version {one.version}",
            f"{one.effective} to {one.ended}" if one.ended else f"from {one.effective}",
            f"{one.read} by {one.by}",
            one.text_sha256,
        )
        for one in policies
    )
    columns = ("Policy", "In force", "Clauses taken from the text", "SHA-256 of the sealed text")
    table = Table(columns=columns, rows=rows, caption=_READ, widths=(0.2, 0.2, 0.25, 0.35), mono=(3,))
    return Section("The policies", (table,))


def _clauses(policy: Policy) -> Section:
    table = Table(
        columns=("Clause", "Where", "Words of the text", "Read as forbidding"),
        rows=tuple((one.title, one.where, f"“{one.quote}”", _forbids(one)) for one in policy.clauses),
        caption=f"{policy.title} of {policy.provider}.",
        widths=(0.2, 0.12, 0.43, 0.25),
    )
    return Section(f"{policy.id}, version {policy.version}", (table,))


def _forbids(clause: Clause) -> str:
    parts = [", ".join(map(_words, clause.forbids))]
    parts += [f"regions: {', '.join(clause.regions)}"] if clause.regions else []
    parts += [clause.entities] if clause.entities else []
    return "; ".join(parts)


def _titles(clauses: tuple[Clause, ...]) -> str:
    return "; ".join(f"{one.title} ({one.where})" for one in clauses) or "none on such conduct"


def _words(conduct: str) -> str:
    return conduct.replace("-", " ")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
