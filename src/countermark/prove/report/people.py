"""What named persons state, printed as theirs; and the chain of custody."""

from collections.abc import Iterator

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.statements import fact_words
from countermark.prove.report.words import capital, clock, counted, exhibits, said, short
from countermark.prove.typeset.document import Block, Paragraph, Section, Table

MOST_ROWS = 200
THEIRS = (
    "What follows is stated by the persons named, and is theirs. No test of this report shows it, and none"
    " contradicts it."
)


def statements_section(dossier: Dossier) -> Section:
    """Each statement with who makes it, when, and the exhibits that go with it."""
    if not dossier.statements:
        return Section("What persons state", (Paragraph(text="No person states anything in this case."),))
    rows = [
        (
            capital(fact_words(one.fact)),
            f"“{short(one.says, 2000)}”",
            short(one.by, 200),
            one.dated,
            exhibits(each.number for each in dossier.of_kind("statement") if each.fact == one.fact) or "none",
        )
        for one in dossier.statements[:MOST_ROWS]
    ]
    table = Table(
        columns=("Fact", "Says", "By", "Dated", "Exhibits"),
        rows=tuple(rows),
        caption="Statements.",
        widths=(0.16, 0.42, 0.18, 0.11, 0.13),
    )
    return Section("What persons state", (Paragraph(text=THEIRS, style="note"), table))


def custody_section(dossier: Dossier) -> Section:
    """Acquisitions, holds, and who handled the evidence since."""
    return Section("Chain of custody", tuple(_custody(dossier)))


def _custody(dossier: Dossier) -> Iterator[Block]:
    custody = dossier.custody
    if not custody.acquisitions and not custody.holds and not custody.actions:
        yield Paragraph(text="Nothing is recorded.")
    if custody.acquisitions:
        rows = [
            (
                said(one.id),
                f"{said(one.what)} ({counted(len(one.items), 'file')})",
                f"{said(one.by)}, {said(one.role)}",
                f"{said(one.source)}, {said(one.method)}",
                f"{clock(said(one.started))} to {clock(said(one.ended))}",
                {"routine": "routine", "case": "for this case"}.get(one.purpose or "", "not shown"),
            )
            for one in custody.acquisitions[:MOST_ROWS]
        ]
        yield Table(
            columns=("Id", "What", "By", "From, how", "When (UTC)", "Kept"),
            rows=tuple(rows),
            caption="Acquisitions. “Routine” was kept in the ordinary course of business.",
        )
    if custody.holds:
        held = [
            (
                said(one.id),
                said(one.by),
                clock(said(one.started)),
                said(one.anticipated),
                _number(one.accounts),
            )
            for one in custody.holds[:MOST_ROWS]
        ]
        yield Table(
            columns=("Id", "By", "Since", "Anticipated", "Accounts"), rows=tuple(held), caption="Holds."
        )
    if custody.actions:
        done = [
            (clock(said(one.at)), said(one.action), said(one.what), said(one.by), one.to or "-")
            for one in custody.actions[:MOST_ROWS]
        ]
        yield Table(
            columns=("At (UTC)", "Action", "What", "By", "To"), rows=tuple(done), caption="Handling since."
        )


def _number(value: int | None) -> str:
    return "taken out" if value is None else f"{value:,}"
