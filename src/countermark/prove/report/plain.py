"""The report as plain data: the same sections, tables and questions as the PDF, from the same document."""

from typing import Any

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.report.appendices import undisclosed
from countermark.prove.report.report import Report
from countermark.prove.report.results import answer, results_of
from countermark.prove.report.sure import false_positives, misses, sure
from countermark.prove.typeset.document import Block, Items, Paragraph, Picture, Section, Signature, Table

REPORT_SCHEMA_ID = "countermark/case-report/v1"


def to_plain(report: Report, dossier: Dossier) -> dict[str, Any]:
    """Fields of `countermark/case-report/v1`, without the schema."""
    document = report.document
    verification = dossier.verification.to_dict()
    return {
        "case_id": dossier.case.case_id,
        "created": dossier.case.created,
        "sealed": dossier.sealed,
        "mark": document.mark,
        "package_sha256": dossier.package_sha256,
        "title": document.title,
        "subtitle": document.subtitle,
        "facts": [{"name": name, "value": value} for name, value in document.facts],
        "results": [_result(one, dossier) for one in results_of(dossier)],
        "undisclosed_runs": undisclosed(dossier),
        "questions": [{"section": one.section, "text": one.text} for one in report.questions],
        "exhibits": [_exhibit(one) for one in dossier.exhibits],
        "sections": [section_fields(one) for one in document.sections],
        "verification": verification,
    }


def _result(one: Any, dossier: Dossier) -> dict[str, Any]:
    return {
        "result": one.step,
        "kind": one.kind,
        "exhibit": one.exhibit.number if one.exhibit else None,
        "class": one.result_class,
        "class_checked": one.checked,
        "answer": answer(one, dossier),
        "chance": sure(one, dossier),
        "false_positives": false_positives(dossier.proficiency, one.kind),
        "misses": misses(dossier.proficiency, one.kind),
    }


def _exhibit(one: Any) -> dict[str, Any]:
    fields = ("number", "kind", "title", "name", "sha256", "sealed", "outcome", "result_class", "fact")
    return {name: getattr(one, name) for name in fields}


def section_fields(section: Section) -> dict[str, Any]:
    """A section with its blocks and those below it; drafts have the same."""
    return {
        "heading": section.heading,
        "blocks": [
            section_fields(one) if isinstance(one, Section) else _block(one) for one in section.blocks
        ],
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Paragraph():
            return {"type": "paragraph", "style": block.style, "lead": block.lead, "text": block.text}
        case Items():
            return {"type": "items", "numbered": block.numbered, "items": list(block.items)}
        case Table():
            return {
                "type": "table",
                "caption": block.caption,
                "columns": list(block.columns),
                "rows": [list(row) for row in block.rows],
                "questions": list(block.questions),
            }
        case Picture():
            return {"type": "picture", "caption": block.caption, "alternative": block.alternative}
        case Signature():
            return {"type": "signature", "who": block.who}
