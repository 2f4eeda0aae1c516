"""A notice of breach: the terms that applied, what was found, what is demanded, what stays reserved."""

from collections.abc import Sequence

from countermark.prove.claims.assess import Assessed
from countermark.prove.custody.terms import TermsEntry
from countermark.prove.dossier.dossier import Dossier
from countermark.prove.drafts.accepted import accounts_with_record
from countermark.prove.drafts.findings import found, found_blocks
from countermark.prove.drafts.form import (
    Window,
    accounts,
    ask,
    draft,
    exhibits,
    many,
    named,
    party,
    statements,
    window,
)
from countermark.prove.drafts.preservation_letter import LINKS
from countermark.prove.typeset.document import Block, Document, Items, Paragraph, Section, Signature, Table


def breach_notice(dossier: Dossier, assessed: Sequence[Assessed]) -> Document:
    """The notice, to the defendant as the facts file names it."""
    facts = (
        ("To", party(dossier, "defendant", "Who is the party in breach: name and address?")),
        ("From", party(dossier, "claimant", "Who gives this notice?")),
        ("By", party(dossier, "counsel", "Which counsel signs this notice?")),
        ("Date", "Open: On which day, and in which form and to which address do the terms ask for notice?"),
    )
    sections = (
        Section("The terms that applied", tuple(_terms(dossier))),
        Section("What was found", tuple(_found(dossier))),
        Section("Whose accounts these are", tuple(_whose(dossier))),
        Section("What is demanded", tuple(_demands(dossier))),
        Section("What stays reserved", tuple(_reserved(dossier, assessed))),
    )
    return draft(dossier, "Notice of breach", sections, facts=facts)


def _terms(dossier: Dossier) -> list[Block]:
    days = window(dossier)
    applied = [one for one in dossier.terms if _in_force(one, days)]
    if not applied:
        return [ask("Which terms were in force on the days of the conduct, and where is their text?")]
    counts = accounts_with_record(dossier, days.last) if days else {}
    rows = [_terms_row(one, counts.get((one.id or "", one.version or ""), 0), dossier) for one in applied]
    table = Table(
        columns=("Terms", "In force", "SHA-256 of the text", "Accounts with a record of acceptance"),
        rows=tuple(rows),
        widths=(0.24, 0.2, 0.32, 0.24),
        mono=(2,),
        questions=tuple(at for at, row in enumerate(rows) if row[3].endswith("?")),
    )
    seen = exhibits(dossier, "acceptances")
    note = (
        f"The records are {seen}. An account without one is not counted as bound by these terms."
        if seen
        else "The package has no records of acceptance."
    )
    clauses = ask("Which clauses of these terms does the conduct breach: number and words of each?")
    return [table, Paragraph(text=note, style="note"), clauses]


def _in_force(entry: TermsEntry, days: Window | None) -> bool:
    """Whether the version applied on some day of the window; a day that was taken out shows nothing."""
    if days is None or not entry.effective:
        return False
    return entry.effective <= days.last and (not entry.ended or entry.ended >= days.first)


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
    if not found(dossier):
        return [ask("What is the conduct? No result of this case was shown.")]
    text = (
        "Each finding has its class. Confirmatory: question and test were fixed before the data were"
        " acquired. Exploratory: they were not."
    )
    return [Paragraph(text=text, style="note"), *found_blocks(dossier)]


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
    who = named(dossier, "claimant", "The claimant")
    text = (
        f"{who} reserves all rights, claims and remedies, those not named here too. This notice waives"
        " nothing, admits nothing, is no election of a remedy, and gives no licence."
    )
    blocks: list[Block] = [Paragraph(text=text)]
    if assessed:
        titles = "; ".join(f"{one.claim.jurisdiction}: {one.claim.title}" for one in assessed)
        blocks.append(Paragraph(lead="Reserved in particular.", text=f"{titles}."))
        gaps = sum(one.count("gap") for one in assessed)
        text = f"{many(gaps, 'element')} of these claims open in this case; the report lists them."
        blocks.append(Paragraph(text=text, style="note"))
    blocks.append(Signature(who=named(dossier, "counsel", "Counsel")))
    return blocks
