"""A document as plain data, for JSON: the same texts in the same order, without what is only for print."""

from typing import Any

from countermark.prove.typeset.document import (
    Block,
    Document,
    Items,
    Paragraph,
    Picture,
    Section,
    Signature,
    Table,
)


def to_plain(document: Document) -> dict[str, Any]:
    """Title, mark, facts and sections; each block says what it `is`."""
    return {
        "title": document.title,
        "subtitle": document.subtitle,
        "dated": document.dated.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "mark": document.mark,
        "facts": [list(pair) for pair in document.facts],
        "sections": [_block(section) for section in document.sections],
    }


def _block(block: Block | Section) -> dict[str, Any]:
    match block:
        case Section():
            return {
                "is": "section",
                "heading": block.heading,
                "blocks": [_block(one) for one in block.blocks],
            }
        case Paragraph():
            return {"is": "paragraph", "style": block.style, "lead": block.lead, "text": block.text}
        case Items():
            return {"is": "items", "items": list(block.items)}
        case Table():
            rows = [list(row) for row in block.rows]
            questions = list(block.questions)
            return {"is": "table", "columns": list(block.columns), "rows": rows, "questions": questions}
        case Picture():
            return {"is": "picture", "caption": block.caption, "text": block.alternative}
        case Signature():
            return {"is": "signature", "who": block.who}
