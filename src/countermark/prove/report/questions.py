"""The open questions of a report: whatever a section prints as one, gathered in one list."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from countermark.prove.typeset.document import Block, Paragraph, Section, Table


@dataclass(frozen=True)
class Question:
    """One open question."""

    section: str
    """Heading of the section, or part of it, that asks."""
    text: str


def questions_in(sections: Iterable[Section]) -> list[Question]:
    """Every question in these sections, in order; one that a part asks twice stands once."""
    asked = (one for section in sections for one in _walk(section, section.heading))
    return list(dict.fromkeys(asked))


def _walk(section: Section, where: str, level: int = 1) -> Iterator[Question]:
    """Below the second level the heading of that one says where it is: `Sources` says it of no claim."""
    for block in section.blocks:
        if isinstance(block, Section):
            yield from _walk(block, block.heading if level == 1 else where, level + 1)
        else:
            yield from (Question(where, text) for text in _asked(block))


def _asked(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph) and block.style == "question":
        lead = block.lead.removesuffix(".")
        yield f"{lead}: {block.text}" if lead else block.text
    if isinstance(block, Table):
        for number in block.questions:
            yield from _of_row(block.rows[number])


def _of_row(row: tuple[str, ...]) -> Iterator[str]:
    """The lines of a row that end in a question mark, with what the row is about; one that asks nothing is
    asked about elsewhere."""
    lines = [line for cell in row for line in cell.splitlines() if line.endswith("?")]
    if lines:
        yield f"{row[0]}: {' '.join(lines)}"


def questions_section(questions: list[Question]) -> Section:
    """All of them, numbered, each with the part that asks."""
    if not questions:
        return Section("Open questions", (Paragraph(text="No question is open."),))
    rows = tuple((str(number), one.text, one.section) for number, one in enumerate(questions, 1))
    table = Table(
        columns=("No.", "Question", "Asked in"),
        rows=rows,
        caption="Each stands where an answer is missing. No figure was put in its place.",
        widths=(0.07, 0.57, 0.36),
    )
    return Section("Open questions", (table,))
