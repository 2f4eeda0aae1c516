"""What every draft has: its mark, the words that say what it is, blanks as questions, exhibits by number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.groups import campaigns_of
from countermark.prove.package.case import created_at
from countermark.prove.report.questions import questions_in
from countermark.prove.report.words import counted, exhibits
from countermark.prove.typeset.document import Block, Document, Paragraph, Section

MARK = "Draft for counsel"
OPEN = "Open: "
"""Before a question that stands where a name or a day will stand."""


@dataclass(frozen=True)
class Window:
    """First and last day of what the findings are of, `YYYY-MM-DD`."""

    first: str
    last: str


def draft(
    dossier: Dossier,
    title: str,
    sections: Sequence[Section],
    *,
    subtitle: str = "",
    facts: Sequence[tuple[str, str]] = (),
) -> Document:
    """A document with the mark on every page, and first of all what a draft is."""
    case = ("Case", dossier.case.case_id)
    digest = ("Package, SHA-256", dossier.package_sha256 or "not sealed")
    return Document(
        title=title,
        subtitle=subtitle,
        dated=created_at(dossier.case),
        mark=MARK if dossier.sealed else f"{MARK}. Working paper: not sealed",
        facts=(*facts, case, digest),
        sections=(Section("What this is", tuple(_what_this_is(dossier))), *sections),
    )


def _what_this_is(dossier: Dossier) -> Iterator[Block]:
    text = (
        "Counsel has to check this draft, complete it and decide about it before anybody sends, signs or"
        " files it. It was filled from the case alone. Where the case and the people behind it do not say"
        " something, a question stands, and nothing in its place."
    )
    yield Paragraph(lead=f"{MARK}.", text=text, style="warning")
    if not dossier.sealed:
        text = "The case was not sealed when this was made: exhibit numbers and digests may still change."
        yield Paragraph(text=text, style="warning")
    elif dossier.verification.verdict != "VERIFIED":
        text = "Signers, log and times of the package were not checked: no trust file was given."
        yield Paragraph(text=text, style="warning")


def ask(question: str, lead: str = "") -> Paragraph:
    """An open question."""
    return Paragraph(text=question, lead=lead, style="question")


def party(dossier: Dossier, name: str, question: str) -> str:
    """A party as the facts file has it, or the question."""
    return dossier.parties.get(name) or f"{OPEN}{question}"


def named(dossier: Dossier, name: str, otherwise: str) -> str:
    """A party in a sentence, or what it is called where nobody named it."""
    return dossier.parties.get(name) or otherwise


def exhibits_of_kind(dossier: Dossier, *kinds: str) -> str:
    """`exhibit 1`, `exhibits 1 and 4`; empty where there is none of these kinds."""
    return exhibits(one.number for one in dossier.of_kind(*kinds))


def accounts(dossier: Dossier) -> str:
    """`52 accounts in 2 networks`; no number where one of them was taken out."""
    networks = campaigns_of(dossier)
    sizes = [one.get("size") for one in networks]
    known = [size for size in sizes if isinstance(size, int)]
    count = counted(sum(known), "account") if len(known) == len(sizes) else "accounts (number taken out)"
    return f"{count} in {counted(len(networks), 'network')}"


def window(dossier: Dossier) -> Window | None:
    """From the first to the last day of these networks; None where none is known."""
    windows = [one.get("window") or {} for one in campaigns_of(dossier)]
    first = [one["first"][:10] for one in windows if one.get("first")]
    last = [one["last"][:10] for one in windows if one.get("last")]
    return Window(min(first), max(last)) if first and last else None


def statements(dossier: Dossier, *facts: str) -> list[Paragraph]:
    """What persons state of these facts, as theirs."""
    return [
        Paragraph(lead=f"{one.by}, {one.dated}, states:", text=one.says)
        for fact in facts
        for one in dossier.stated(fact)
    ]


def open_questions(document: Document) -> list[str]:
    """Every open question of a document, in order, each once."""
    found = [
        f"{name}: {value.removeprefix(OPEN)}" for name, value in document.facts if value.startswith(OPEN)
    ]
    return [*found, *(one.text for one in questions_in(document.sections))]
