"""A notice of breach: the terms that applied, what was found, what is demanded, what stays reserved."""

from collections import Counter
from collections.abc import Sequence

from countermark.prove.claims.assess import Assessed
from countermark.prove.clauses.acceptances import read_acceptances, read_members
from countermark.prove.clauses.outcome import TermsApplied
from countermark.prove.clauses.sections import terms_sections
from countermark.prove.custody.terms import TermsEntry
from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.groups import campaigns_of
from countermark.prove.drafts.findings import found_blocks
from countermark.prove.drafts.form import (
    Window,
    accounts,
    ask,
    draft,
    exhibits_of_kind,
    named,
    party,
    statements,
    window,
)
from countermark.prove.drafts.preservation_letter import LINKS
from countermark.prove.typeset.document import Block, Document, Items, Paragraph, Section, Signature, Table


def breach_notice(
    dossier: Dossier, assessed: Sequence[Assessed], applied: TermsApplied | None = None
) -> Document:
    """The notice, to the defendant as the facts file names it; with the clauses of `applied`, if given."""
    facts = (
        ("To", party(dossier, "defendant", "Who is the party in breach: name and address?")),
        ("From", party(dossier, "claimant", "Who gives this notice?")),
        ("By", party(dossier, "counsel", "Which counsel signs this notice?")),
        ("Date", "Open: On which day, and in which form and to which address do the terms ask for notice?"),
    )
    sections = (
        Section("The terms that applied", tuple(_terms(dossier, applied))),
        *(terms_sections(applied) if applied else ()),
        Section("What was found", tuple(_found(dossier))),
        Section("Whose accounts these are", tuple(_whose(dossier))),
        Section("What is demanded", tuple(_demands(dossier))),
        Section("What stays reserved", tuple(_reserved(dossier, assessed))),
    )
    return draft(dossier, "Notice of breach", sections, facts=facts)


def _terms(dossier: Dossier, applied: TermsApplied | None) -> list[Block]:
    days = window(dossier)
    in_force = [one for one in dossier.terms if _in_force(one, days)]
    if days is None or not in_force:
        return [ask("Which terms were in force on the days of the conduct, and where is their text?")]
    accepting = _accepting(dossier, in_force, days.last)
    counts = [accepting[one.id, one.version] for one in in_force]
    rows = [_terms_row(one, count, dossier) for one, count in zip(in_force, counts, strict=True)]
    table = Table(
        columns=("Terms", "In force", "SHA-256 of the text", "Accounts with a record of acceptance"),
        rows=tuple(rows),
        caption="Versions in force on a day of the conduct.",
        widths=(0.24, 0.2, 0.32, 0.24),
        mono=(2,),
        questions=tuple(at for at, count in enumerate(counts) if not count),
    )
    seen = exhibits_of_kind(dossier, "acceptances")
    note = (
        f"The records are {seen}. An account without one is not counted as bound by these terms."
        if seen
        else "The package has no records of acceptance."
    )
    clauses = (
        "On which of the clauses in force does the claimant rely?"
        if applied
        else "Which clauses of these terms does the conduct breach: number and words of each?"
    )
    return [table, Paragraph(text=note, style="note"), ask(clauses)]


def _in_force(entry: TermsEntry, days: Window | None) -> bool:
    """Whether the version applied on some day of the window; a day that was taken out shows nothing."""
    if days is None or not entry.effective:
        return False
    return entry.effective <= days.last and (not entry.ended or entry.ended >= days.first)


def _accepting(
    dossier: Dossier, entries: Sequence[TermsEntry], until: str
) -> Counter[tuple[str | None, str | None]]:
    """By id and version: accounts of the networks with a record of acceptance not later than that day."""
    listed = read_members(dossier.members)
    members = {account for one in campaigns_of(dossier) for account in listed.get(one["campaign_id"], ())}
    found = read_acceptances(dossier.acceptances, members, [one.id for one in entries if one.id])
    return Counter(
        version
        for rows in found.by_account.values()
        for version in {(row.terms_id, row.version) for row in rows if row.day <= until}
    )


def _terms_row(entry: TermsEntry, count: int, dossier: Dossier) -> tuple[str, str, str, str]:
    until = f" to {entry.ended}" if entry.ended else ", no end recorded"
    recorded = (
        f"{count:,}; the networks have {accounts(dossier)}"
        if count
        else "Which record shows that these accounts accepted this version, and when?"
    )
    title = f"{entry.title or 'Terms'}, version {entry.version or 'not shown'}"
    return title, f"from {entry.effective}{until}", entry.sha256, recorded


def _found(dossier: Dossier) -> list[Block]:
    blocks = found_blocks(dossier)
    if not blocks:
        return [ask("What is the conduct? No result of this case was shown.")]
    text = (
        "Each finding has its class. Confirmatory: question and test were fixed before the data. Exploratory:"
        " they were not."
    )
    disclose = ask(
        "Which of these findings are told to the other side now? Who knows of marks and keys can remove them."
    )
    return [disclose, Paragraph(text=text, style="note"), *blocks]


def _whose(dossier: Dossier) -> list[Block]:
    said = statements(dossier, *LINKS)
    if said:
        note = (
            "These are statements of the persons named. No test of this case shows who is behind an account."
        )
        return [*said, Paragraph(text=note, style="note")]
    return [ask("Who states whose accounts these are, and what shows it? No test of this case shows that.")]


def _demands(dossier: Dossier) -> list[Block]:
    who = named(dossier, "claimant", "the claimant")
    return [
        Items(
            (
                "End all access through these accounts and any other, and open no further ones.",
                f"Name every account that you hold or use at the services of {who}, and who opened it.",
                "Say what was done with the answers received: where they are, who has them, and in which data"
                " sets and models they were used.",
                "Do not use, hand on or publish these answers, or what was made with them, until this is"
                " settled.",
                "Keep all evidence, as the demand to preserve evidence says.",
                "Confirm in writing, signed by a person with authority, that each of these is done.",
            ),
            numbered=True,
        ),
        ask("By which day, and what time to cure do the terms give?"),
        ask("Do the terms allow suspension or termination, and has it been declared?"),
        ask("Which sum is claimed now, if any, and on which inputs does it rest?"),
    ]


def _reserved(dossier: Dossier, assessed: Sequence[Assessed]) -> list[Block]:
    """The claims by name; how far the case has them is nothing for the other side."""
    who = named(dossier, "claimant", "The claimant")
    text = (
        f"{who} reserves all rights, claims and remedies, those not named here too. This notice waives"
        " nothing, admits nothing, is no election of a remedy, and gives no licence."
    )
    blocks: list[Block] = [Paragraph(text=text)]
    if assessed:
        titles = "; ".join(f"{one.claim.jurisdiction}: {one.claim.title}" for one in assessed)
        blocks.append(Paragraph(lead="Reserved in particular.", text=f"{titles}."))
    blocks.append(Signature(who=named(dossier, "counsel", "Counsel")))
    return blocks
