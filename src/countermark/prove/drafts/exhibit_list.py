"""The exhibit list for an injunction: number, digest, class, and for which element of which claim."""

from collections.abc import Iterator, Sequence
from string import ascii_uppercase

from countermark.prove.claims.assess import Assessed, AssessedElement
from countermark.prove.claims.tables import bears, short_title, state_of
from countermark.prove.dossier.dossier import Dossier, Exhibit
from countermark.prove.drafts.form import ask, draft, party
from countermark.prove.typeset.document import Block, Document, Paragraph, Section, Signature, Table

NOT_SHOWN = "Tested and not shown. It supports nothing and is listed so that nothing is left out."
_CUSTODY = "Foundation: authenticity and custody (Rules 901 and 902)."
_METHOD = "Foundation: the method, its runs and its error rate (Rule 702)."
_DATA = "Foundation: the data behind the results."
FOUNDATION = {
    **dict.fromkeys(("custody", "acquisition", "hold", "timestamp"), _CUSTODY),
    **dict.fromkeys(("plan", "log", "run", "negative-controls", "key-exposure", "proficiency"), _METHOD),
    **dict.fromkeys(("members", "requests"), _DATA),
}
"""What an exhibit is offered for where it bears on no element: kinds that carry others."""
STRIKE = "This part and the next are for counsel. Strike both before the list is served or filed."
UNSEALED = "no: digest taken when this was made"


def exhibit_list(dossier: Dossier, assessed: Sequence[Assessed]) -> Document:
    """The list, with the elements that no exhibit supports below it."""
    facts = (
        ("Court", party(dossier, "court", "Which court?")),
        ("Case number", party(dossier, "case-number", "Which number does the case have in court?")),
        ("Claimant", party(dossier, "claimant", "Who is the claimant?")),
        ("Defendant", party(dossier, "defendant", "Who is the defendant?")),
    )
    sections = (
        Section("Exhibits", tuple(_exhibits(dossier, assessed))),
        Section("Digests", (_digests(dossier),)),
        Section("Signature", (Signature(who=dossier.parties.get("counsel", "Counsel")),)),
        Section("For counsel: elements that are open, or stated only", tuple(_open(assessed)), new_page=True),
        Section("For counsel: what an injunction asks for beside the claim", tuple(_injunction())),
    )
    return draft(
        dossier, "Exhibit list", sections, subtitle="Motion for a preliminary injunction", facts=facts
    )


def offered_for(exhibit: Exhibit, assessed: Sequence[Assessed]) -> str:
    """The elements that an exhibit supports, or whose statement it goes with, by the claim's letter; empty
    for none."""
    parts = []
    for letter, one in zip(ascii_uppercase, assessed, strict=False):
        titles = [found.element.title for found in one.elements if exhibit in (*found.exhibits, *found.files)]
        if titles:
            parts.append(f"{letter}: {'; '.join(titles)}")
    return "\n".join(parts)


def _exhibits(dossier: Dossier, assessed: Sequence[Assessed]) -> Iterator[Block]:
    if not assessed:
        yield ask(
            "Which claims does the motion rest on? None was named, and no exhibit is offered for one yet."
        )
    else:
        claims = zip(ascii_uppercase, assessed, strict=False)
        named = (f"{letter}: {short_title(one.claim)}." for letter, one in claims)
        yield Paragraph(lead="Claims, by their letters in the table.", text=" ".join(named))
    rows = [_row(exhibit, assessed) for exhibit in dossier.exhibits]
    yield Table(
        columns=("No.", "Exhibit", "Offered for", "Class and outcome", "Under the seal of the package"),
        rows=tuple(rows),
        caption="Exhibits, and what each is offered for.",
        widths=(0.06, 0.27, 0.37, 0.15, 0.15),
        questions=tuple(at for at, row in enumerate(rows) if row[2].endswith("?")),
    )
    text = (
        "Lists of accounts and requests hold personal data. “Under the seal of the package” says that the"
        " package's signature covers an exhibit. It is no filing under seal."
    )
    yield Paragraph(text=text, style="note")
    yield ask("Which exhibits are to be filed under seal or redacted, and on which order?")


def _row(exhibit: Exhibit, assessed: Sequence[Assessed]) -> tuple[str, str, str, str, str]:
    return (
        str(exhibit.number),
        exhibit.title,
        _offered(exhibit, assessed),
        f"{exhibit.result_class}: {exhibit.outcome}" if exhibit.result_class else "record",
        "yes" if exhibit.sealed else UNSEALED,
    )


def _offered(exhibit: Exhibit, assessed: Sequence[Assessed]) -> str:
    if exhibit.outcome == "not shown":
        return NOT_SHOWN
    if not assessed:
        return "-"
    return (
        offered_for(exhibit, assessed)
        or FOUNDATION.get(exhibit.kind)
        or f"It bears on no element of these claims: for what is exhibit {exhibit.number} offered?"
    )


def _open(assessed: Sequence[Assessed]) -> Iterator[Block]:
    found = [(one, [each for each in one.elements if each.state != "supported"]) for one in assessed]
    if not any(elements for _, elements in found):
        yield Paragraph(text="None of the claims named has one." if assessed else "No claim was named.")
        return
    yield Paragraph(text=STRIKE, style="warning")
    for one, elements in found:
        if elements:
            yield _of_claim(one, elements)


def _of_claim(one: Assessed, elements: Sequence[AssessedElement]) -> Table:
    rows = tuple((each.element.title, bears(each), state_of(each)) for each in elements)
    return Table(
        columns=("Element", "What there is", "State"),
        rows=rows,
        caption=f"{short_title(one.claim)}: elements that are open or stated only.",
        widths=(0.27, 0.54, 0.19),
        questions=tuple(at for at, each in enumerate(elements) if each.state == "gap"),
    )


def _injunction() -> Iterator[Block]:
    text = (
        "In a United States federal court, who seeks a preliminary injunction must establish four things:"
        " that he is likely to succeed on the merits, that he is likely to suffer irreparable harm without"
        " it, that the balance of equities tips in his favor, and that an injunction is in the public"
        " interest (Winter v. Natural Resources Defense Council, 555 U.S. 7, 20 (2008))."
    )
    yield Paragraph(text=text)
    yield ask("Which harm is likely before judgment that money cannot make good, and who shows it?")
    yield ask("What would the order cost the other side, and what does the claimant lose without it?")
    yield ask("Who else is touched by the order, and what of the public interest?")
    yield ask("Which security can be offered, and what exactly is to be ordered?")


def _digests(dossier: Dossier) -> Table:
    return Table(
        columns=("No.", "Name", "SHA-256"),
        rows=tuple((str(one.number), one.name, one.sha256) for one in dossier.exhibits),
        caption="Digest of each exhibit.",
        widths=(0.08, 0.38, 0.54),
        mono=(1, 2),
    )
