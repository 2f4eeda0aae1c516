"""A document as plain data, for JSON: the same texts in the same order, without what is only for print."""

from typing import Any

from countermark.prove.report.plain import section_fields
from countermark.prove.typeset.document import Document


def to_plain(document: Document) -> dict[str, Any]:
    """Title, mark, facts and sections."""
    return {
        "title": document.title,
        "subtitle": document.subtitle,
        "dated": document.dated.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "mark": document.mark,
        "facts": [{"name": name, "value": value} for name, value in document.facts],
        "sections": [section_fields(section) for section in document.sections],
    }
