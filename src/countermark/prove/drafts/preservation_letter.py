"""A demand to the other side, or to a third party, to keep what a dispute will turn on."""

from collections.abc import Sequence

from countermark.prove.claims.assess import Assessed
from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.groups import campaigns_of
from countermark.prove.drafts.form import (
    accounts,
    ask,
    draft,
    exhibits_of_kind,
    named,
    party,
    statements,
    window,
)
from countermark.prove.report.words import capital, exhibits, listed
from countermark.prove.typeset.document import Block, Document, Items, Paragraph, Section, Signature, Table

LINKS = ("defendant-identity", "account-to-trainer")
"""Facts that say who stands behind the accounts."""

DISCLOSE = "Is more of the results to be told in this letter?"
"""It must not say of what: a question that is left in by mistake tells nothing."""
CATEGORIES = (
    ("Accounts", "Sign-up data, names, addresses, telephone numbers, API keys, devices of the accounts"),
    (
        "Requests and answers",
        "Every request sent to the services and every answer received, in any form kept",
    ),
    ("Networks", "Proxies, resellers, hosting and address contracts and logs over which requests went"),
    ("Payments", "Cards, vouchers, invoices, refunds and reimbursements for the accounts"),
    (
        "Training data",
        "Data sets with their sources, filters, versions, licences, and all code that made them",
    ),
    ("Models", "Weights, adapters and tokenizers of every version and intermediate state, with their dates"),
    ("Training and test logs", "Configurations, run logs, evaluations, trackers, repositories with history"),
    ("Messages", "E-mail, chat and documents about the services, the accounts, and where data came from"),
    ("Retention", "Deletion schedules and their changes, backups, devices of those who leave"),
)
"""What is kept, and what it covers; the case adds what it has of each."""


def preservation_letter(dossier: Dossier, assessed: Sequence[Assessed]) -> Document:
    """The letter; to a third party where the facts file names a `recipient` beside the `defendant`."""
    third = "recipient" in dossier.parties
    to = party(dossier, "recipient" if third else "defendant", "Who gets this letter: name and address?")
    facts = (
        ("To", to),
        ("From", party(dossier, "counsel", "Which counsel signs this letter, and for whom?")),
        ("Date", "Open: On which day is this letter sent?"),
    )
    sections = (
        Section("Why you get this letter", tuple(_why(dossier, assessed, third))),
        Section("What you have to keep", tuple(_what(dossier))),
        Section("How it has to be kept", tuple(_how())),
        Section("What follows where it is lost", tuple(_rule(third))),
        Section("What we ask you to answer", tuple(_answer(dossier))),
    )
    return draft(
        dossier,
        "Demand to preserve evidence",
        sections,
        subtitle="To a third party" if third else "To the other side",
        facts=facts,
    )


def _why(dossier: Dossier, assessed: Sequence[Assessed], third: bool) -> list[Block]:
    claimant = named(dossier, "claimant", "The claimant")
    text = f"{claimant} anticipates litigation about accounts at its services."
    if third:
        text += " This letter raises no claim against you. You may hold what such a case turns on."
    blocks: list[Block] = [Paragraph(text=text)]
    if "claimant" not in dossier.parties:
        blocks.append(ask("Who is the claimant?"))
    if not campaigns_of(dossier):
        blocks.append(ask("Which accounts is this about? The case shows no network of accounts."))
    else:
        blocks.append(_seen(dossier))
        blocks.append(ask(DISCLOSE))
    linked = statements(dossier, *LINKS)
    blocks += linked or [
        ask("Who states what links the accounts to the recipient, and what shows it? Nobody does yet.")
    ]
    if assessed:
        titles = "; ".join(f"{one.claim.jurisdiction}: {one.claim.title}" for one in assessed)
        blocks.append(Paragraph(lead="Claims in view.", text=f"{titles}. All other claims are reserved."))
    else:
        blocks.append(ask("Which claims does the claimant have in view?"))
    return blocks


def _seen(dossier: Dossier) -> Paragraph:
    """The accounts alone, with their class and another explanation: such a letter tells no more."""
    days = window(dossier)
    when = f" between {days.first} and {days.last}" if days else ""
    shown = next(iter(dossier.of_kind("networks")), None)
    where = f" (exhibit {shown.number}, {shown.result_class})" if shown else ""
    text = (
        f"The access log shows {accounts(dossier)}. The accounts of each network acted as one{when}{where}."
        " That has other explanations, too: a reseller or a shared workplace with ordinary users of its own."
    )
    return Paragraph(text=text)


def _what(dossier: Dossier) -> list[Block]:
    days = window(dossier)
    rows = tuple(
        (f"{number}. {name}", what, _in_this_case(dossier, name))
        for number, (name, what) in enumerate(CATEGORIES, 1)
    )
    table = Table(
        columns=("What", "It covers", "In this case"),
        rows=rows,
        caption="What has to be kept.",
        widths=(0.22, 0.42, 0.36),
        questions=tuple(at for at, row in enumerate(rows) if row[2].endswith("?")),
    )
    if days is None:
        return [table, ask("From which day on has this to be kept?")]
    text = (
        f"The accounts were seen from {days.first} to {days.last}. Keep everything from the first of these"
        " days until you are told in writing that you need not, and what is older where it bears on the same."
    )
    return [Paragraph(lead="Period.", text=text), table]


def _in_this_case(dossier: Dossier, category: str) -> str:
    """What the case has of a category, or the question that it leaves."""
    answers = {
        "Accounts": _accounts_of(dossier),
        "Requests and answers": _window_of(dossier, "requests", "networks"),
        "Networks": _window_of(dossier, "networks"),
        "Payments": "Which payments for the accounts are known, and who has the records?",
        "Training data": _bears(dossier, "corpus-marks", "text-marks")
        or "Which data sets are meant, and what shows that they exist?",
        "Models": _bears(dossier, "answer-marks", "canaries", "lineage", "identity")
        or "Which models are meant: names, versions, days of release?",
        "Training and test logs": "Which models and which months are these logs asked for?",
    }
    return answers.get(category, "All of it that bears on the rows above.")


def _accounts_of(dossier: Dossier) -> str:
    listed = exhibits_of_kind(dossier, "members")
    if not campaigns_of(dossier):
        return "Which accounts are meant, and which exhibit lists them?"
    where = (
        f"; {listed} lists them and is handed over on terms to be agreed, since it holds personal data"
        if listed
        else ""
    )
    return f"{accounts(dossier)}{where}."


def _window_of(dossier: Dossier, *kinds: str) -> str:
    days, listed = window(dossier), exhibits_of_kind(dossier, *kinds)
    if days is None or not listed:
        return "Which requests are meant, of which days?"
    return f"{days.first} to {days.last}; {listed}."


def _bears(dossier: Dossier, *kinds: str) -> str:
    """Exhibits of these kinds that were shown, by number alone."""
    shown = [one for one in dossier.of_kind(*kinds) if one.outcome == "shown"]
    classes = listed(list(dict.fromkeys(one.result_class for one in shown)))
    return f"{capital(exhibits(one.number for one in shown))}; {classes}." if shown else ""


def _how() -> list[Block]:
    return [
        Items(
            (
                "Stop every automatic deletion, overwriting and rotation that reaches this material.",
                "Keep it as it is, with its metadata. Do not delete, retrain over, rename or move it.",
                "Make exact duplicates, write down the SHA-256 of each, and keep who made them and when.",
                "Tell everybody who holds some of it in writing, and those who hold it for you.",
                "Keep devices and accounts of people who leave.",
            ),
            numbered=True,
        )
    ]


def _rule(third: bool) -> list[Block]:
    text = (
        "In a United States federal court, Fed. R. Civ. P. 37(e) applies to a party where electronically"
        " stored information that should have been preserved in the anticipation or conduct of litigation is"
        " lost because reasonable steps were not taken, and it cannot be restored or replaced through"
        " additional discovery. The court may then order measures no greater than necessary to cure the"
        " prejudice. Only where it finds the intent to deprive another party of the information's use may it"
        " presume that the information was unfavorable, tell the jury so, or dismiss the action or enter a"
        " default judgment."
    )
    question = (
        "Under which law has this third party to keep the material, and is a subpoena or an order needed?"
        if third
        else "Which court and which law on preserving evidence apply to the recipient?"
    )
    return [Paragraph(text=text), ask(question)]


def _answer(dossier: Dossier) -> list[Block]:
    holds = dossier.custody.holds
    own = (
        f"{named(dossier, 'claimant', 'The claimant')} keeps its own raw records of the accounts:"
        f" {exhibits_of_kind(dossier, 'hold')}."
        if holds
        else ""
    )
    blocks: list[Block] = [
        Items(
            (
                "Confirm in writing that you keep all of it, and since when.",
                "Say what is already lost, when and how.",
                "Name the person who answers for it.",
            ),
            numbered=True,
        ),
        ask("By which day is the answer due?"),
    ]
    blocks.append(
        Paragraph(text=own) if own else ask("Does the claimant keep its own records, and since when?")
    )
    blocks += [
        Paragraph(text="Nothing in this letter waives a right, a claim or a privilege."),
        Signature(who=named(dossier, "counsel", "Counsel (name and role to be filled in)")),
    ]
    return blocks
