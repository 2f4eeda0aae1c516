"""A claim in this case as a reader gets it: elements by exhibits with gaps, remedies, answers, sources."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from countermark.prove.claims.assess import Assessed, AssessedElement
from countermark.prove.claims.read import rows_of
from countermark.prove.claims.review import due_on, reviewed_on
from countermark.prove.claims.rows import Claim, Row
from countermark.prove.dossier.dossier import UNCHECKED, Exhibit
from countermark.prove.dossier.statements import PersonsStatement, fact_words
from countermark.prove.typeset.document import Block, Paragraph, Section, Table

NOTE = (
    "“Supported” says that an exhibit of this case bears on the element, no more. Whether an element is met"
    " is for the court. The rows are working notes for counsel from public sources; they are no legal advice."
)
STATUS = {
    "law": "law",
    "proposal": "a proposal, not in force",
    "disputed": "disputed",
}
NO_NOTE = "-"
"""`note` of a claim that has none."""


def claims_sections(assessed: Iterable[Assessed]) -> tuple[Section, ...]:
    """One section a claim, each with its elements, remedies, counter-arguments and sources below it."""
    return tuple(_claim_section(one) for one in assessed)


def short_title(claim: Claim) -> str:
    """`Breach of terms of use (United States)`: what a reader calls it, who knows no name of a file."""
    return f"{claim.title} ({claim.jurisdiction.partition(' (')[0]})"


def _claim_section(assessed: Assessed) -> Section:
    claim = assessed.claim
    return Section(
        f"{claim.jurisdiction}: {claim.title}",
        (
            *_opening(assessed),
            Section("Elements and what bears on them", (_elements(assessed),)),
            Section("What a court may grant", (_remedies(assessed),)),
            Section("What the other side will say", (_counter_arguments(assessed),)),
            Section("Sources", (_sources(claim),)),
        ),
    )


def _opening(assessed: Assessed) -> list[Block]:
    claim = assessed.claim
    supported, stated, gaps = (assessed.count(state) for state in ("supported", "stated", "gap"))
    whose = "Counsel's own rows, in place of those that ship. " if assessed.own else ""
    blocks: list[Block] = [
        Paragraph(
            lead=f"{_many(len(assessed.elements), 'element')}.",
            text=f"{supported} supported by an exhibit, {stated} stated by a person only, {gaps} open.",
        ),
        Paragraph(text=NOTE, style="note"),
        Paragraph(
            text=f"{whose}Status of the claim for this kind of case: {STATUS[claim.status]}."
            f" Reviewed {claim.reviewed} by {claim.reviewed_by}; next review due {claim.due}.",
        ),
    ]
    if claim.note != NO_NOTE:
        blocks.insert(1, Paragraph(lead="Before anything else.", text=claim.note))
    if past := sum(bool(assessed.past_review(row)) for row in rows_of(claim)):
        text = f"{_many(past, 'row')} of this claim past the review date, marked below: check the law first."
        blocks.append(Paragraph(text=text, style="warning"))
    return blocks


def _elements(assessed: Assessed) -> Table:
    rows = [
        (_titled(assessed, one.element), one.element.text, bears(one), state_of(one))
        for one in assessed.elements
    ]
    gaps = tuple(number for number, one in enumerate(assessed.elements) if one.state == "gap")
    return Table(
        columns=("Element", "What has to be shown", "What bears on it", "State"),
        rows=tuple(rows),
        caption="Elements of the claim, and what of this case bears on each.",
        widths=(0.2, 0.33, 0.32, 0.15),
        questions=gaps,
    )


def bears(one: AssessedElement) -> str:
    """The question of a gap, exhibits, statements, and what was tested and not shown, a line each."""
    parts = [one.question] if one.question else []
    if one.exhibits:
        parts.append(f"{exhibits_text(one.exhibits)}.")
    if one.accepted:
        of = f"{one.accepted.with_record:,} of {one.accepted.accounts:,}"
        parts.append(f"Accounts of the networks with a record of acceptance: {of}.")
    parts += [statement_text(statement) for statement in one.statements]
    if one.files:
        parts.append(f"With it: {exhibits_text(one.files)}.")
    if one.tested:
        parts.append(f"Tested and not shown: {exhibits_text(one.tested)}.")
    if one.statements and one.unstated:
        parts.append(f"Nobody states: {', '.join(map(fact_words, one.unstated))}.")
    return "\n".join(parts)


def state_of(one: AssessedElement) -> str:
    """The state of an element in words, with the half that is missing."""
    words = {"supported": "Supported", "stated": "Stated only", "gap": "Open"}[one.state]
    classes = {exhibit.result_class for exhibit in one.exhibits if exhibit.result_class}
    if one.state == "supported" and classes and "confirmatory" not in classes:
        words = f"Supported ({UNCHECKED if UNCHECKED in classes else 'exploratory'})"
    halves = one.element.exhibits and one.element.facts
    if halves and one.missing:
        return f"{words}: {one.missing if one.missing != 'both' else 'exhibit and statement'} missing"
    return words


def exhibits_text(exhibits: Sequence[Exhibit]) -> str:
    """`Exhibits 1, 3 (exploratory)`."""
    word = "Exhibit" if len(exhibits) == 1 else "Exhibits"
    return f"{word} {', '.join(map(_numbered, exhibits))}"


def _numbered(exhibit: Exhibit) -> str:
    marked = exhibit.result_class not in ("", "confirmatory")
    return f"{exhibit.number} ({exhibit.result_class})" if marked else str(exhibit.number)


def statement_text(statement: PersonsStatement) -> str:
    """What a person states, as theirs, with name and date."""
    return f"{statement.by} states on {statement.dated}: “{statement.says}”"


def _remedies(assessed: Assessed) -> Table:
    rows = tuple((_titled(assessed, one), one.kind.capitalize(), one.text) for one in assessed.claim.remedies)
    caption = "Remedies of this claim."
    columns = ("Remedy", "Kind", "What it is")
    return Table(columns=columns, rows=rows, caption=caption, widths=(0.25, 0.15, 0.6))


def _counter_arguments(assessed: Assessed) -> Table:
    rows = tuple((_titled(assessed, one), one.text, one.answer) for one in assessed.claim.counter_arguments)
    caption = "Main arguments against this claim."
    columns = ("Argument", "What is said", "Answer")
    return Table(columns=columns, rows=rows, caption=caption, widths=(0.2, 0.4, 0.4))


def _titled(assessed: Assessed, row: Row) -> str:
    """The title, with the status where it is not law, and the mark of a row past its review."""
    marks = [] if row.status == "law" else [STATUS[row.status]]
    if due := assessed.past_review(row):
        marks.append(f"past its review date (due {due})")
    return f"{row.title} [{'; '.join(marks)}]" if marks else row.title


def _sources(claim: Claim) -> Table:
    """Each source once, with the rows that rest on it and their status; a row's own dates stand with it."""
    rows: dict[tuple[str, str], list[str]] = {}
    for row in rows_of(claim):
        for source in row.sources:
            summary = "" if source.read == "text" else " (read in summary only)"
            rows.setdefault((f"{source.cite}{summary}", source.dated), []).append(_dated(claim, row))
    return Table(
        columns=("Source", "Dated", "Rows that rest on it, with their status"),
        rows=tuple((cite, dated, "; ".join(dict.fromkeys(titles))) for (cite, dated), titles in rows.items()),
        caption=f"Sources of {short_title(claim)}; rows without days of their own are due {claim.due}.",
        widths=(0.42, 0.12, 0.46),
    )


def _dated(claim: Claim, row: Row) -> str:
    own = (reviewed_on(claim, row), due_on(claim, row)) != (claim.reviewed, claim.due)
    days = f", reviewed {reviewed_on(claim, row)}, due {due_on(claim, row)}" if own else ""
    return f"{row.title} ({STATUS[row.status]}{days})"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def to_plain(assessed: Assessed) -> dict[str, Any]:
    """The same as plain data, for JSON."""
    claim = assessed.claim
    return {
        "claim": claim.claim,
        "jurisdiction": claim.jurisdiction,
        "title": claim.title,
        "status": claim.status,
        "own": assessed.own,
        "reviewed": claim.reviewed,
        "due": claim.due,
        "elements": [_plain_element(assessed, one) for one in assessed.elements],
        "past_review": [row.id for row in rows_of(claim) if assessed.past_review(row)],
    }


def _plain_element(assessed: Assessed, one: AssessedElement) -> dict[str, Any]:
    return {
        "id": one.element.id,
        "title": one.element.title,
        "status": one.element.status,
        "state": one.state,
        "missing": one.missing,
        "exhibits": [exhibit.number for exhibit in one.exhibits],
        "exploratory": [exhibit.number for exhibit in one.exhibits if exhibit.result_class == "exploratory"],
        "tested_not_shown": [exhibit.number for exhibit in one.tested],
        "statements": [msgspec.to_builtins(statement) for statement in one.statements],
        "files": [exhibit.number for exhibit in one.files],
        "unstated": list(one.unstated),
        "accounts_with_acceptance": one.accepted.with_record if one.accepted else None,
        "question": one.question or None,
        "past_review": assessed.past_review(one.element) or None,
    }
