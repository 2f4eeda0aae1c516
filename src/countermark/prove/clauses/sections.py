"""The terms as a section of a report: which clauses bound how many accounts on which days, and why not."""

from collections.abc import Sequence

from countermark.prove.clauses.conduct import BEARINGS
from countermark.prove.clauses.outcome import CampaignTerms, TermsApplied
from countermark.prove.clauses.policy import Clause, Policy
from countermark.prove.clauses.summary import VersionCount, bound_at_all, counts
from countermark.prove.typeset.document import Paragraph, Section, Table

_RULE = (
    "For each account and each day the version counts that the account accepted last, by the records of "
    "acceptance in this case; it counts on the days on which it was effective, and from the whole day of its acceptance. Without a record no clause is "
    "shown to have bound the account. Days are those of UTC. Whether a record of acceptance is assent, and "
    "whether the conduct was a breach, is for the court."
)
_ASKED = "Did anything else bind these accounts on these days, and what shows it?"
_NO_MEMBERS = "The case does not name the members of its campaigns: no account can be held against the terms."
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
    blocks += [_campaign(applied, one) for one in applied.campaigns]
    policies = list(applied.policies.by_key.values())
    blocks += [_texts(policies)] if policies else []
    blocks += [_clauses(policy) for policy in policies]
    return (Section("Terms in force", tuple(blocks), new_page=True),)


def _campaign(applied: TermsApplied, campaign: CampaignTerms) -> Section:
    bound = bound_at_all(applied, campaign)
    days = f"{campaign.first.isoformat()} to {campaign.last.isoformat()}"
    text = (
        f"{campaign.accounts:,} accounts, {days}. At least one clause on such conduct is shown to have been "
        f"in force for {bound:,} of them on one day or more; for {campaign.accounts - bound:,} none is."
    )
    blocks: list[Paragraph | Table] = [Paragraph(text=text), _bearings(campaign)]
    if rows := counts(applied, campaign):
        blocks.append(_versions(rows))
    class_of = f"{applied.result_class.capitalize()}: c" if applied.result_class else "C"
    return Section(f"{class_of}ampaign {campaign.campaign_id} ({campaign.kind})", tuple(blocks))


def _bearings(campaign: CampaignTerms) -> Table:
    rows = tuple((_words(one.conduct), one.shows, one.does_not_show) for one in campaign.bearings)
    others = ", ".join(_words(one.conduct) for one in BEARINGS if one not in campaign.bearings)
    return Table(
        columns=("Conduct", "What the finding shows", "What it does not show"),
        rows=rows,
        caption=f"What the finding bears on. It says nothing of: {others}.",
        widths=(0.2, 0.4, 0.4),
    )


def _versions(rows: list[VersionCount]) -> Table:
    return Table(
        columns=("Policy and version", "Clauses on such conduct", "All days", "Some days", "Between"),
        rows=tuple(
            (
                f"{one.terms_id} {one.version}".strip(),
                f"{_sentence(one.reason)}\n{_ASKED}" if one.reason else _titles(one.clauses),
                f"{one.whole:,}",
                f"{one.part:,}",
                f"{one.first} and {one.last}",
            )
            for one in rows
        ),
        caption="Accounts that were bound on all days of the window, and on some of them; and why others "
        "were not.",
        widths=(0.22, 0.38, 0.1, 0.1, 0.2),
        numbers=(2, 3),
        questions=tuple(place for place, one in enumerate(rows) if one.reason),
    )


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
    table = Table(columns=columns, rows=rows, widths=(0.2, 0.2, 0.25, 0.35), mono=(3,))
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
